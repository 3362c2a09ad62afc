"""Every shared vector of a kind that is built agrees, where the shared data is present."""

import csv
import gzip
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reports.adjustments import Adjusted, Stratum, cuped, effect_on_reached, ratio_difference, stratified
from reports.economics import economics
from reports.interval import Interval
from reports.lift import Arm, lift, lift_fields
from reports.means import Amounts, compare_means
from reports.multiplicity import benjamini_hochberg, holm
from reports.proportions import difference, fisher, pooled_z, ratio, wilson
from reports.sample_ratio import sample_ratio
from reports.sequential import always_valid, critical_z
from reports.sizing import effective_size, needed_size, power_of, smallest_lift

Given = Mapping[str, Any]


def _wilson(given: Given) -> dict[str, object]:
    found = wilson(given["x"], given["n"], alpha=given["alpha"])
    return {"p": given["x"] / given["n"], "lo": found.lo, "hi": found.hi}


def _two_prop(given: Given) -> dict[str, object]:
    counts = (given["x_t"], given["n_t"], given["x_c"], given["n_c"])
    treated, control = Arm(assigned=counts[1], responded=counts[0]), Arm(assigned=counts[3], responded=counts[2])
    fields = lift_fields(lift(treated, control, alpha=given["alpha"]))
    mee, koopman = difference(*counts, alpha=given["alpha"]), ratio(*counts, alpha=given["alpha"])
    return {
        **{name: fields[name] for name in ("p_t", "p_c", "diff", "rel_lift", "p_value")},
        "z_pooled": pooled_z(*counts), "fisher_p": fisher(*counts), "mee_lo": mee.lo, "mee_hi": mee.hi,
        "rel_score_lo": None if koopman.lo is None else koopman.lo - 1,
        "rel_score_hi": None if koopman.hi is None else koopman.hi - 1,
        "incremental_responders": fields["incremental"],
        "incremental_responders_lo": fields["incremental_lo"], "incremental_responders_hi": fields["incremental_hi"],
    }  # fmt: skip


def _srm(given: Given) -> dict[str, object]:
    found = sample_ratio(given["observed"], given["weights"], alarm_below=given["threshold"])
    return {"chi2": found.chi2, "p_value": found.p_value, "alarm": found.alarm}


def _mean_diff(given: Given) -> dict[str, object]:
    treated = Amounts(n=given["n_t"], total=given["sum_t"], squares=given["sumsq_t"])
    control = Amounts(n=given["n_c"], total=given["sum_c"], squares=given["sumsq_c"])
    found = compare_means(treated, control, alpha=given["alpha"])
    assert found.diff is not None
    whole = found.interval.scaled(given["n_t"])
    return {
        "mean_t": treated.mean, "mean_c": control.mean, "diff": found.diff, "se": found.se, "df": found.df,
        "p_value": found.p_value, "lo": found.interval.lo, "hi": found.interval.hi, "rel_lift": found.relative,
        "fieller_g": found.g, "rel_fieller_lo": found.relative_interval.lo, "rel_fieller_hi": found.relative_interval.hi,
        "incremental_total": found.diff * given["n_t"], "incremental_total_lo": whole.lo, "incremental_total_hi": whole.hi,
    }  # fmt: skip


def _samplesize(given: Given) -> dict[str, object]:
    k = given["control_per_target"]
    found = needed_size(
        given["p_c"], given["abs_lift"], control_share=k / (1 + k), alpha=given["alpha"], power=given["power"]
    )
    n_t, n_c = math.ceil(found.treated), math.ceil(found.control)
    power = power_of(given["p_c"], given["abs_lift"], n_t=n_t, n_c=n_c, alpha=given["alpha"])
    return {
        "n_target": found.treated,
        "n_control": found.control,
        "n_target_ceil": n_t,
        "n_control_ceil": n_c,
        "power_at_ceil": power,
    }


def _mde(given: Given) -> dict[str, object]:
    found = smallest_lift(given["p_c"], n_t=given["n_t"], n_c=given["n_c"], alpha=given["alpha"], power=given["power"])
    assert found is not None
    return {
        "mde_abs": found,
        "mde_rel": found / given["p_c"],
        "effective_n": effective_size(given["n_t"], given["n_c"]),
    }


def _sequential(given: Given) -> dict[str, object]:
    found = always_valid(
        given["estimate"], given["se"], members=given["n_total"], expected_members=given["n_star"], alpha=given["alpha"]
    )
    assert found is not None
    return {
        "rho": found.rho, "halfwidth": found.half_width, "lo": found.interval.lo, "hi": found.interval.hi,
        "p_always_valid": found.p_value,
    }  # fmt: skip


def _group_sequential(given: Given) -> dict[str, object]:
    spending = "pocock" if "pocock" in given["spending"] else "obrien_fleming"
    return {"critical_z": list(critical_z(len(given["information_fractions"]), spending=spending))}


def _multiplicity(given: Given) -> dict[str, object]:
    return {"holm": holm(given["p_values"]), "bh": benjamini_hochberg(given["p_values"])}


def _economics(given: Given) -> dict[str, object]:
    cost = given["cost_per_message"] * given["messages_sent"]
    found = economics(
        treated=given["n_t"], cost=cost, margin=given["gross_margin"], revenue=given["incremental_revenue"],
        revenue_interval=Interval(given["lo"], given["hi"]), responders=given["incremental_responders"],
    )  # fmt: skip
    return {
        "total_cost": found.cost, "iroas": found.iroas, "iroas_lo": found.iroas_interval.lo,
        "iroas_hi": found.iroas_interval.hi, "incremental_profit": found.profit, "roi": found.roi,
        "roi_lo": found.roi_interval.lo, "roi_hi": found.roi_interval.hi,
        "cost_per_incremental_responder": found.cost_per_incremental_responder,
        "breakeven_incremental_revenue_per_member": found.break_even_per_member,
    }  # fmt: skip


def _stratified(given: Given) -> dict[str, object]:
    found = stratified(
        [Stratum(**{name: each[name] for name in ("x_t", "n_t", "x_c", "n_c")}) for each in given["strata"]]
    )
    assert found is not None
    return {
        "poststrat_diff": found.diff, "poststrat_se": found.se, "cmh_chi2": found.chi2, "cmh_p": found.p_value,
        "mh_risk_diff": found.mantel_haenszel_diff, "mh_odds_ratio": found.odds_ratio,
    }  # fmt: skip


def _cace(given: Given) -> dict[str, object]:
    found = effect_on_reached(**given)
    assert found is not None
    return {
        "delivered_rate_t": found.reached_share, "contamination_rate_c": found.contamination, "cace": found.effect,
        "cace_se_first_order": found.se,
    }  # fmt: skip


def _ratio(given: Given) -> dict[str, object]:
    treated, control = given["target"], given["control"]
    found = ratio_difference(treated["rev"], treated["orders"], control["rev"], control["orders"])
    assert found is not None
    return {"ratio_t": found.ratio_t, "ratio_c": found.ratio_c, "var_t": found.variance_t, "var_c": found.variance_c,
            "diff": found.diff, "se": found.se}  # fmt: skip


def _adjusted(found: Adjusted | None) -> dict[str, object]:
    assert found is not None
    return {
        "theta": found.theta, "diff_adj": found.diff, "se_adj": found.se, "diff_unadj": found.plain_diff,
        "se_unadj": found.plain_se, "rho": found.correlation, "variance_ratio": found.variance_ratio,
    }  # fmt: skip


def _cuped(given: Given) -> dict[str, object]:
    return _adjusted(cuped(given["t_pre"], given["t_post"], given["c_pre"], given["c_post"]))


KINDS: Mapping[str, Callable[[Given], dict[str, object]]] = {
    "wilson": _wilson,
    "two_prop": _two_prop,
    "srm": _srm,
    "mean_diff": _mean_diff,
    "samplesize": _samplesize,
    "mde": _mde,
    "sequential": _sequential,
    "group_sequential": _group_sequential,
    "multiplicity": _multiplicity,
    "economics": _economics,
    "stratified": _stratified,
    "cace": _cace,
    "ratio_delta": _ratio,
    "cuped": _cuped,
}


def _agrees(got: object, wanted: object, tolerance: float) -> bool:
    if isinstance(wanted, list):
        return isinstance(got, list) and all(_agrees(a, b, tolerance) for a, b in zip(got, wanted, strict=True))
    if wanted is None or isinstance(wanted, bool):
        return got is wanted
    if wanted == "inf":
        return got == math.inf
    assert isinstance(wanted, int | float)
    return isinstance(got, int | float) and abs(got - wanted) <= tolerance * max(abs(wanted), 1e-6)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_shared_vectors_agree(shared: Path, kind: str) -> None:
    vectors = [
        each for each in json.loads((shared / "vectors/statistics.json").read_text())["vectors"] if each["kind"] == kind
    ]
    assert vectors
    for vector in vectors:
        got = KINDS[kind](vector["inputs"])
        compared = got.keys() & vector["expected"].keys()
        assert compared
        wrong = {name: (got[name], vector["expected"][name]) for name in compared
                 if not _agrees(got[name], vector["expected"][name], vector["tol_rel"])}  # fmt: skip
        assert not wrong, vector["id"]


def _column(shared: Path, segment: str, name: str) -> Iterator[float]:
    with gzip.open(shared / "data/hillstrom/hillstrom.csv.gz", "rt") as lines:
        for row in csv.DictReader(lines):
            if row["segment"] == segment:
                yield float(row[name])


def test_cuped_on_raw_rows_agrees_and_gains_nothing(shared: Path) -> None:
    vectors = json.loads((shared / "vectors/statistics.json").read_text())["vectors"]
    vector = next(each for each in vectors if each["id"] == "cuped_hillstrom_spend_mens")
    columns = [
        list(_column(shared, segment, name))
        for segment in ("Mens E-Mail", "No E-Mail")
        for name in ("history", "spend")
    ]

    got = _adjusted(cuped(*columns))

    assert all(_agrees(got[name], wanted, vector["tol_rel"]) for name, wanted in vector["expected"].items())
