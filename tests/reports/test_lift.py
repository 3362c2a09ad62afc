"""Lift against published values, and the promise that test and intervals never contradict each other."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from reports.lift import Arm, Verdict, early_look, early_verdict, holm_p_values, lift, lift_fields
from reports.means import Amounts, amounts_of, compare_means
from reports.proportions import difference, fisher, pooled_z, ratio, two_sided, wilson

# Newcombe 1998, Statistics in Medicine 17: 857-872, table I.
WILSON = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]

# Newcombe 1998, Statistics in Medicine 17: 873-890, table II, method 5 (Mee), contrasts a to h.
MEE = [
    (56, 70, 48, 80, 0.0533, 0.3377),
    (9, 10, 3, 10, 0.1821, 0.8370),
    (6, 7, 2, 7, 0.0544, 0.8478),
    (5, 56, 0, 29, -0.0313, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.7225, 1.0),
    (10, 10, 0, 10, 0.6777, 1.0),
]


def _arms(n_t: int, x_t: int, n_c: int, x_c: int) -> tuple[Arm, Arm]:
    return Arm(assigned=n_t, responded=x_t), Arm(assigned=n_c, responded=x_c)


@pytest.mark.parametrize(("x", "n", "lo", "hi"), WILSON)
def test_wilson_agrees_with_the_published_table(x: int, n: int, lo: float, hi: float) -> None:
    found = wilson(x, n)

    assert found.lo == pytest.approx(lo, abs=5e-5)
    assert found.hi == pytest.approx(hi, abs=5e-5)


@pytest.mark.parametrize(("x_t", "n_t", "x_c", "n_c", "lo", "hi"), MEE)
def test_mee_agrees_with_the_published_table(x_t: int, n_t: int, x_c: int, n_c: int, lo: float, hi: float) -> None:
    found = difference(x_t, n_t, x_c, n_c)

    assert found.lo == pytest.approx(lo, abs=6e-5)
    assert found.hi == pytest.approx(hi, abs=6e-5)


def test_koopman_fisher_and_the_pooled_test_agree_with_known_values() -> None:
    # Recomputed with two independent programs on Newcombe's contrast a.
    found = ratio(56, 70, 48, 80)

    assert (round(found.lo or 0, 6), round(found.hi or 0, 6)) == (1.079822, 1.670806)
    assert fisher(56, 70, 48, 80) == pytest.approx(0.012521129749, rel=1e-9)
    assert pooled_z(56, 70, 48, 80) == pytest.approx(2.6501719512585, rel=1e-12)
    assert two_sided(2.6501719512585) == pytest.approx(0.00804508136820, rel=1e-9)


def test_two_sided_keeps_its_digits_far_out() -> None:
    assert two_sided(22.48604082719282) == pytest.approx(5.685165482802e-112, rel=1e-9)


@settings(max_examples=300, deadline=None)
@given(n_t=st.integers(1, 30_000), n_c=st.integers(1, 3000), share_t=st.floats(0, 1), share_c=st.floats(0, 1))
def test_the_p_value_and_both_intervals_never_contradict_each_other(
    n_t: int, n_c: int, share_t: float, share_c: float
) -> None:
    found = lift(*_arms(n_t, round(n_t * share_t**3), n_c, round(n_c * share_c**3)))
    lo, hi = found.diff_interval.lo, found.diff_interval.hi
    assert lo is not None
    assert hi is not None
    assert found.diff is not None

    assert -1 <= lo <= found.diff <= hi <= 1
    if found.p_value is None:
        assert lo <= 0 <= hi
        return
    if abs(found.p_value - 0.05) < 1e-9:
        return
    significant = found.p_value < 0.05
    relative = found.relative_interval
    assert relative.lo is not None
    assert relative.hi is not None
    assert significant == (lo > 0 or hi < 0)
    assert significant == (relative.lo > 0 or relative.hi < 0)


def test_an_empty_arm_has_no_lift_rather_than_a_lift_of_zero() -> None:
    found = lift(*_arms(10, 1, 0, 0))

    assert found.p_t == 0.1
    assert {found.p_c, found.diff, found.relative, found.p_value, found.incremental, found.smallest_seen} == {None}
    assert found.diff_interval.lo is found.relative_interval.hi is None
    assert found.verdict is Verdict.TOO_FEW


@pytest.mark.parametrize("responded", [0, 1])
def test_where_nobody_or_everybody_responded_there_is_an_interval_but_no_test(responded: int) -> None:
    found = lift(*_arms(500, 500 * responded, 50, 50 * responded))

    assert found.diff == 0
    assert found.p_value is None
    assert found.verdict is Verdict.TOO_FEW
    assert (found.diff_interval.lo or 0) < 0 < (found.diff_interval.hi or 0)
    assert (found.relative_interval.lo is None) == (responded == 0)


def test_no_responder_in_the_control_leaves_the_relative_lift_open_above() -> None:
    found = lift(*_arms(500, 5, 50, 0))

    assert found.relative is None
    assert found.relative_interval.lo == pytest.approx(-0.864171974942, rel=1e-9)
    assert found.relative_interval.hi == math.inf
    assert found.fisher_p == pytest.approx(1.0)


def test_arms_of_one_member_each_say_too_little_without_breaking() -> None:
    for x_t in (0, 1):
        for x_c in (0, 1):
            found = lift(*_arms(1, x_t, 1, x_c))
            assert found.verdict in (Verdict.NOT_SHOWN, Verdict.TOO_FEW)


def test_where_the_exact_test_disagrees_the_members_are_too_few() -> None:
    found = lift(*_arms(4, 4, 6, 2))

    assert found.p_value is not None
    assert found.fisher_p is not None
    assert found.p_value < 0.05 < found.fisher_p
    assert found.verdict is Verdict.TOO_FEW


def test_more_responders_than_members_cannot_be() -> None:
    with pytest.raises(ValueError, match="more responders"):
        Arm(assigned=1, responded=2)


def test_the_incremental_responders_scale_the_difference_and_are_not_the_difference_of_counts() -> None:
    fields = lift_fields(lift(*_arms(9000, 405, 1000, 32)))

    assert fields["incremental"] == pytest.approx(117)
    assert fields["incremental_lo"] == pytest.approx(9000 * -0.000404228472290)
    assert fields["verdict"] == "not shown"
    assert "mean_t" not in fields


# ------------------------------------------------------------------- means


def test_welch_and_fieller_agree_with_published_test_data() -> None:
    # GrowthBook, packages/stats/tests/frequentist/test_tests.py: 0.29 (0.04538, 0.53462), p 0.02016.
    treated = Amounts(n=3461, total=2422.7, squares=134698.29)
    control = Amounts(n=3407, total=1396.87, squares=52377.9767)

    found = compare_means(treated, control)

    assert found.diff == pytest.approx(0.29)
    assert found.p_value == pytest.approx(0.0201584026, rel=1e-8)
    assert (found.interval.lo, found.interval.hi) == (
        pytest.approx(0.0453779, rel=1e-5),
        pytest.approx(0.5346221, rel=1e-6),
    )
    assert found.relative_interval.lo == pytest.approx(0.0940619707711, rel=1e-9)
    assert found.relative_interval.hi == pytest.approx(1.7086899441919, rel=1e-9)


def test_a_control_mean_that_may_be_zero_has_no_relative_lift() -> None:
    treated = Amounts(n=6, total=63.0, squares=1281.0)
    control = Amounts(n=5, total=20.5, squares=181.25)

    found = compare_means(treated, control)

    assert found.g == pytest.approx(1.6041066809, rel=1e-8)
    assert found.relative == pytest.approx(1.56097560976)
    assert found.relative_interval.lo is None


@pytest.mark.parametrize(("treated", "control"), [([], [1.0, 2.0]), ([1.0], [1.0, 2.0]), ([0.0, 0.0], [0.0, 0.0])])
def test_means_that_cannot_vary_or_do_not_exist_are_undefined(treated: list[float], control: list[float]) -> None:
    found = compare_means(amounts_of(treated), amounts_of(control))

    assert found.p_value is None
    assert found.interval.lo is None
    assert found.relative_interval.lo is None


@example(treated=[0.0, 0.0], control=[0.0, 1.3212522150534051e-107])
@settings(max_examples=200, deadline=None)
@given(
    treated=st.lists(st.floats(0, 1000), min_size=2, max_size=30),
    control=st.lists(st.floats(0, 1000), min_size=2, max_size=30),
)
def test_fieller_never_contradicts_welch(treated: list[float], control: list[float]) -> None:
    found = compare_means(amounts_of(treated), amounts_of(control))
    lo, hi = found.relative_interval.lo, found.relative_interval.hi
    if found.p_value is None or lo is None or hi is None or abs(found.p_value - 0.05) < 1e-6:
        return

    assert (found.p_value < 0.05) == (lo > 0 or hi < 0)


# ------------------------------------------------------------------ several


def test_holm_adjusts_what_is_known_and_leaves_out_what_is_not() -> None:
    clear, empty, unclear = (
        lift(*_arms(1000, 200, 1000, 100)),
        lift(*_arms(0, 0, 10, 1)),
        lift(*_arms(100, 12, 100, 10)),
    )

    first, second, third = holm_p_values([clear, empty, unclear])

    assert first == pytest.approx(2 * (clear.p_value or 0))
    assert second is None
    assert third == pytest.approx(unclear.p_value or 0)


def test_an_early_look_is_wider_and_decides_for_itself() -> None:
    found = lift(*_arms(900, 90, 100, 2))
    look = early_look(found, expected_members=1000)

    assert look is not None
    assert look.interval.lo is not None
    assert look.interval.lo < (found.diff_interval.lo or 0)
    assert early_verdict(found, None) is Verdict.TOO_FEW
    assert early_look(lift(*_arms(0, 0, 1, 0))) is None


@settings(max_examples=200, deadline=None)
@given(n_t=st.integers(1, 30_000), n_c=st.integers(1, 3000), share_t=st.floats(0, 1), share_c=st.floats(0, 1))
def test_an_early_look_never_claims_what_the_final_test_denies(
    n_t: int, n_c: int, share_t: float, share_c: float
) -> None:
    found = lift(*_arms(n_t, round(n_t * share_t**3), n_c, round(n_c * share_c**3)))

    look = early_look(found)

    if look is not None and look.p_value < 0.05:
        assert found.p_value is not None
        assert found.p_value < 0.05


@settings(max_examples=200, deadline=None)
@given(n_t=st.integers(1, 3000), n_c=st.integers(1, 3000), share_t=st.floats(0, 1), share_c=st.floats(0, 1))
@example(n_t=10, n_c=10, share_t=0.3, share_c=0.7)
@example(n_t=3000, n_c=1, share_t=0.0, share_c=1.0)
def test_the_exact_test_agrees_with_another_program(n_t: int, n_c: int, share_t: float, share_c: float) -> None:
    x_t, x_c = round(n_t * share_t), round(n_c * share_c)
    expected = fisher_exact([[x_t, n_t - x_t], [x_c, n_c - x_c]]).pvalue

    assert fisher(x_t, n_t, x_c, n_c) == pytest.approx(expected, rel=1e-9, abs=1e-290)
