"""A report as JSON and as CSV: stable names, typed numbers, cells no spreadsheet will run."""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal

from reports.lift import lift_fields
from reports.report import ArmOutcome, DayLine, Effect, Report, StepLine

#: Names of the lift's fields where there is none: the same keys, all None.
_NO_LIFT = (
    "n_t", "x_t", "n_c", "x_c", "p_t", "p_t_lo", "p_t_hi", "p_c", "p_c_lo", "p_c_hi", "diff", "diff_lo", "diff_hi",
    "rel_lift", "rel_lo", "rel_hi", "p_value", "fisher_p", "incremental", "incremental_lo", "incremental_hi",
    "smallest_seen",
)  # fmt: skip

#: A cell that begins so is run as a formula by some spreadsheet; the last four are full-width.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def as_data(report: Report) -> dict[str, object]:
    """Return the report under its stable names, ready for JSON."""
    data: dict[str, object] = {
        report.kind: report.name,
        "title": dict(report.title),
        "as_of": report.made_at.isoformat(),
    }
    if report.entries is not None:
        data["enrolments"] = {
            "entered": report.entries.entered,
            **report.entries.by_state,
            "by_arm": dict(report.entries.by_arm),
            "end_reasons": dict(report.entries.end_reasons),
            "versions": list(report.entries.versions),
        }
    data |= report.closing.fields()
    data["arms"] = [_arm(each) for each in report.arms]
    data["lift"] = _effect(report.effect)
    data["steps"] = [_step(each) for each in report.steps]
    data["channels"] = [{"channel": channel, **each.fields()} for channel, each in report.channels.items()]
    data["days"] = [_day(each, report) for each in report.days]
    return {name: _plain(value) for name, value in data.items()}


def as_json(report: Report) -> str:
    """Return the report as indented JSON text."""
    return json.dumps(as_data(report), ensure_ascii=False, indent=2) + "\n"


def as_csv(report: Report) -> str:
    """Return the report as long-form CSV: part, item, measure, value.

    Text that a spreadsheet would run as a formula is quoted with an apostrophe; numbers stay numbers.
    """
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\r\n")
    rows.writerow(["part", "item", "measure", "value"])
    for row in _long_rows(as_data(report)):
        rows.writerow([safe_cell(cell) for cell in row])
    return written.getvalue()


def safe_cell(cell: object) -> object:
    """Return the cell as CSV may carry it: None empty, numbers as they are, text that cannot run."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float | Decimal):
        return cell
    words = str(cell)
    # What a spreadsheet trims before it looks must not hide a formula either.
    return (
        f"'{words}"
        if words.lstrip(" \u00a0\u3000").startswith(FORMULA_STARTS) or words.startswith(FORMULA_STARTS)
        else words
    )


def _long_rows(data: Mapping[str, object]) -> Iterator[tuple[str, str, str, object]]:
    naming = {"arms": "arm", "steps": "step", "channels": "channel", "days": "day"}
    for name, value in data.items():
        if name in naming and isinstance(value, list):
            for each in value:
                item = str(each[naming[name]])
                for measure, cell in _flat(each):
                    if measure != naming[name]:
                        yield naming[name], item, measure, cell
        elif isinstance(value, dict):
            yield from ((name, "", measure, cell) for measure, cell in _flat(value))
        else:
            yield "total", "", name, value


def _flat(fields: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, list):
            yield f"{before}{name}", ", ".join(map(str, value))
        else:
            yield f"{before}{name}", value


def _arm(outcome: ArmOutcome) -> dict[str, object]:
    counts, interval = outcome.counts, outcome.rate_interval
    return {
        "arm": outcome.arm,
        "assigned": counts.assigned,
        "responded": counts.responded,
        "rate": outcome.rate,
        "rate_lo": interval.lo,
        "rate_hi": interval.hi,
        "revenue": None if counts.amounts is None else counts.amounts.total,
        "revenue_per_member": None if counts.amounts is None else counts.amounts.mean,
    }


def _effect(effect: Effect) -> dict[str, object]:
    fields: dict[str, object] = dict.fromkeys(_NO_LIFT) if effect.lift is None else lift_fields(effect.lift)
    look, cost = effect.look, effect.economics
    return fields | {
        "verdict": str(effect.verdict),
        "interim": effect.interim,
        "sequential": {
            "diff_lo": look.interval.lo if look else None,
            "diff_hi": look.interval.hi if look else None,
            "p_value": look.p_value if look else None,
            "expected_members": effect.expected_members,
        },
        "srm": {"chi2": effect.srm.chi2, "p_value": effect.srm.p_value, "alarm": effect.srm.alarm},
        "experiment": effect.experiment.name if effect.experiment else None,
        "control_share": effect.experiment.control_share if effect.experiment else None,
        "goal": None
        if effect.goal is None
        else {"event": effect.goal.event, "within_days": effect.goal.within.total_seconds() / 86_400},
        "contamination": effect.contamination,
        "cost_per_incremental_responder": cost.cost_per_incremental_responder if cost else None,
        "iroas": cost.iroas if cost else None,
        "total_cost": cost.cost if cost else None,
    }


def _step(line: StepLine) -> dict[str, object]:
    return {
        "step": line.step,
        "kind": line.kind,
        "campaign": line.campaign,
        "version": line.version,
        "visits": line.visits,
        "results": dict(line.results),
        **(line.closing.fields() if line.closing else {}),
    }


def _day(line: DayLine, report: Report) -> dict[str, object]:
    entries = {} if report.entries is None else {"entries": line.entries}
    return {"day": line.day.isoformat(), **entries, **line.closing.fields()}


def _plain(value: object) -> object:
    """Make everything JSON can carry: money a number, an unbounded limit ``inf``."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "inf" if value > 0 else "-inf"
    return value
