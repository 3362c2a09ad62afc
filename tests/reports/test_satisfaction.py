"""The net promoter score's interval is that of the score test, checked against likelihoods maximised by brute force."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.interval import Interval
from reports.satisfaction import net_promoters, net_promoters_interval


def score_statistic(promoters: int, detractors: int, answers: int, d: float) -> float:
    """Return z of the difference d with the shares that are likeliest under it, found by looking at all of them."""
    low, high = max(0.0, -d), (1 - d) / 2
    for _ in range(4):
        shares = np.linspace(low, high, 20_001)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = ((promoters, shares + d), (detractors, shares), (answers - promoters - detractors, 1 - 2 * shares - d))
            likelihood = sum(np.where(count == 0, 0, count * np.log(np.maximum(part, 1e-300))) for count, part in parts)
        best, step = shares[np.argmax(likelihood)], shares[1] - shares[0]
        low, high = max(low, best - 2 * step), min(high, best + 2 * step)
    variance = 2 * best + d - d * d
    return (promoters - detractors - answers * d) / math.sqrt(answers * variance)


@pytest.mark.parametrize(("promoters", "detractors", "answers"), [(40, 20, 100), (3, 9, 20), (300, 0, 400), (0, 5, 900), (1, 1, 2), (7, 7, 7000)])
def test_at_its_limits_the_score_test_just_rejects(promoters: int, detractors: int, answers: int) -> None:
    found = net_promoters_interval(promoters, detractors, answers)

    assert found.lo is not None and found.hi is not None
    assert score_statistic(promoters, detractors, answers, found.lo) == pytest.approx(1.959964, abs=2e-3)
    assert score_statistic(promoters, detractors, answers, found.hi) == pytest.approx(-1.959964, abs=2e-3)


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200))
def test_it_holds_the_score_stays_within_bounds_and_turns_with_it(promoters: int, detractors: int, passives: int) -> None:
    answers = promoters + detractors + passives
    if not answers:
        return
    found, score = net_promoters_interval(promoters, detractors, answers), net_promoters(promoters, detractors, answers)
    turned = net_promoters_interval(detractors, promoters, answers)

    assert found.lo is not None and found.hi is not None and score is not None
    assert -1 <= found.lo <= score <= found.hi <= 1
    assert found.hi - found.lo > 0.005
    assert (turned.lo, turned.hi) == (pytest.approx(-found.hi, abs=1e-9), pytest.approx(-found.lo, abs=1e-9))


def test_nobody_says_nothing_and_all_alike_is_no_certainty() -> None:
    assert (net_promoters(0, 0, 0), net_promoters_interval(0, 0, 0)) == (None, Interval(None, None))
    assert net_promoters_interval(10, 0, 10).hi == 1
    lowest = net_promoters_interval(10, 0, 10).lo
    assert lowest is not None and 0.4 < lowest < 0.8
