"""Sizes, power, sample ratio, early looks and several tests at once, against published values."""

import random

import numpy
import pytest
from scipy.stats import multivariate_normal

from reports.adjustments import Stratum, cuped, effect_on_reached, ratio_difference, stratified
from reports.economics import economics
from reports.interval import Interval
from reports.lift import Arm, early_look, lift
from reports.multiplicity import benjamini_hochberg, holm
from reports.sample_ratio import sample_ratio
from reports.sequential import CRITICAL_Z, always_valid, critical_z
from reports.sizing import effective_size, needed_size, power_of, smallest_lift, smallest_mean_lift


def test_the_size_agrees_with_the_published_example() -> None:
    # R, power.prop.test(p1 = .2, p2 = .25, power = .8): n = 1093.739 in each arm.
    found = needed_size(0.2, 0.05, control_share=0.5)

    assert found.treated == pytest.approx(1093.739045766165)
    assert found.audience == 2188
    assert power_of(0.2, 0.05, n_t=1094, n_c=1094) == pytest.approx(0.800094592050161)


@pytest.mark.parametrize(
    ("base", "relative", "share", "audience"),
    [
        (0.01, 0.2, 0.5, 85_386),
        (0.01, 0.2, 0.05, 463_271),
        (0.03, 0.1, 0.1, 299_869),
        (0.03, 0.5, 0.2, 8_204),
        (0.1, 0.2, 0.1, 21_854),
    ],
)
def test_the_audience_table_holds(base: float, relative: float, share: float, audience: int) -> None:
    assert needed_size(base, base * relative, control_share=share).audience == audience


def test_the_smallest_lift_is_exact_where_the_quick_formula_flatters() -> None:
    # The quick formula says 1.59 points for 9,000 against 1,000 at 3 %.
    found = smallest_lift(0.03, n_t=9000, n_c=1000)

    assert found == pytest.approx(0.018732661878468775)
    assert power_of(0.03, found, n_t=9000, n_c=1000) == pytest.approx(0.8)
    assert effective_size(9000, 1000) == 900


def test_sizes_that_can_show_nothing_say_so() -> None:
    assert smallest_lift(0.5, n_t=2, n_c=1) is None
    assert smallest_lift(0.0, n_t=100, n_c=100) is None
    assert smallest_lift(0.5, n_t=0, n_c=100) is None
    assert smallest_mean_lift(10.0, n_t=100, n_c=0) is None
    assert smallest_mean_lift(10.0, n_t=100, n_c=100) == pytest.approx(3.9621, rel=1e-4)


# -------------------------------------------------------------- sample ratio


def test_the_sample_ratio_alarm_agrees_with_the_published_examples() -> None:
    # Wikipedia, "Sample ratio mismatch"; Kohavi, Tang, Xu 2020, chapter 3.
    assert sample_ratio([600, 400], [0.5, 0.5]).p_value == pytest.approx(2.5396285894708634e-10)
    assert sample_ratio([821_588, 815_482], [1, 1]).p_value == pytest.approx(1.82179287e-6, rel=1e-8)
    assert sample_ratio([9150, 850], [0.9, 0.1]).alarm
    assert not sample_ratio([9021, 979], [0.9, 0.1]).alarm


@pytest.mark.parametrize(
    ("observed", "weights"), [([30, 0], [0.9, 0.1]), ([0, 0], [0.9, 0.1]), ([10], [1.0]), ([5, 5], [1.0, 0.0])]
)
def test_too_few_members_or_a_single_arm_raise_no_alarm(observed: list[int], weights: list[float]) -> None:
    found = sample_ratio(observed, weights)

    assert (found.chi2, found.p_value, found.alarm) == (None, None, False)


# --------------------------------------------------------------- early looks


def test_the_sequential_interval_agrees_with_published_test_data() -> None:
    # GrowthBook, test_sequential_test_runs: (-0.55844, 1.56516), p 1.
    found = always_valid(0.5033610858562358, 0.3334122146400735, members=6461, expected_members=1000)

    assert found is not None
    assert (found.interval.lo, found.interval.hi) == (
        pytest.approx(-0.5584405, rel=1e-6),
        pytest.approx(1.5651627, rel=1e-6),
    )
    assert found.p_value == 1.0


def test_looking_every_day_alarms_falsely_by_the_fixed_test_but_not_by_the_sequential_one() -> None:
    # Fourteen looks at a 90/10 split without any effect.  The fixed test is known to alarm in about a fifth of them.
    drawn = random.Random(7)
    fixed = sequential = 0
    for _ in range(150):
        x_t = x_c = 0
        seen = [False, False]
        for day in range(1, 15):
            x_t += sum(drawn.random() < 0.1 for _ in range(90))
            x_c += sum(drawn.random() < 0.1 for _ in range(10))
            found = lift(Arm(assigned=90 * day, responded=x_t), Arm(assigned=10 * day, responded=x_c))
            look = early_look(found, expected_members=1400)
            seen[0] |= found.p_value is not None and found.p_value < 0.05
            seen[1] |= look is not None and look.p_value < 0.05
        fixed, sequential = fixed + seen[0], sequential + seen[1]

    assert fixed / 150 > 0.1
    assert sequential / 150 < 0.05


@pytest.mark.parametrize("spending", sorted(CRITICAL_Z))
@pytest.mark.parametrize("looks", [2, 3, 4, 5])
def test_planned_looks_spend_five_per_cent_in_all(spending: str, looks: int) -> None:
    times = numpy.arange(1, looks + 1) / looks
    bounds = numpy.array(critical_z(looks, spending=spending))
    correlation = numpy.sqrt(numpy.minimum.outer(times, times) / numpy.maximum.outer(times, times))

    inside = multivariate_normal(cov=correlation).cdf(bounds, lower_limit=-bounds, rng=1)

    assert 1 - inside == pytest.approx(0.05, abs=2e-4)


def test_more_looks_than_tabled_are_refused() -> None:
    with pytest.raises(ValueError, match="6 looks"):
        critical_z(6)


# ----------------------------------------------------------------- the rest


def test_adjusted_p_values_agree_with_r() -> None:
    # R, p.adjust(c(.01, .04, .03, .005), "holm") and "BH".
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


def test_economics_divide_by_nothing_that_is_zero() -> None:
    nothing = economics(
        treated=0, cost=0, margin=0, revenue=None, revenue_interval=Interval(None, None), responders=None
    )
    some = economics(treated=100, cost=50, margin=0.4, revenue=500, revenue_interval=Interval(100, 900), responders=10)

    assert (nothing.iroas, nothing.roi, nothing.cost_per_incremental_responder, nothing.break_even_per_member) == (
        None,
    ) * 4
    assert (some.iroas, some.roi, some.profit) == (10, 3, 150)
    assert (some.cost_per_incremental_responder, some.break_even_per_member) == (5, 1.25)


def test_the_effect_on_those_reached_scales_the_effect_on_all() -> None:
    found = effect_on_reached(x_t=460, n_t=10_000, received_t=9000, x_c=74, n_c=2000, received_c=0)

    assert found is not None
    assert found.effect == pytest.approx(0.01)
    assert effect_on_reached(x_t=0, n_t=0, received_t=0, x_c=0, n_c=1, received_c=0) is None


def test_cuped_takes_out_what_was_known_before() -> None:
    found = cuped(
        [12, 0, 35, 8, 50, 21, 0, 90], [20, 0, 41, 15, 70, 22, 5, 120],
        [10, 3, 40, 0, 60, 18, 5, 75], [8, 2, 38, 0, 58, 20, 1, 80],
    )  # fmt: skip

    assert found is not None
    assert (found.theta, found.diff) == (pytest.approx(1.1862900249263082), pytest.approx(10.008568734421061))
    assert found.variance_ratio == pytest.approx(0.020913071889061587)
    assert cuped([1, 1], [1, 2], [1, 1], [3, 4]) is None


def test_strata_and_ratios_are_undefined_rather_than_wrong() -> None:
    one_sided = [Stratum(x_t=1, n_t=10, x_c=0, n_c=0)]

    assert stratified(one_sided) is None
    assert stratified([]) is None
    assert ratio_difference([1.0, 2.0], [0.0, 0.0], [1.0], [1.0]) is None
