"""The two models give the published figures on CDNOW, find what histories were drawn from, and refuse what tells nothing."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from language.problems import InputRefused
from members.insight.buying import Buying, Histories, alive, expected_orders, fit_buying, newcomers_orders
from members.insight.histories import gathered
from members.insight.spending import Spending, expected_amount, fit_spending

#: Fader, Hardie & Lee (2005), table 2.
PUBLISHED = Buying(r=0.243, alpha=4.414, a=0.793, b=2.426, log_likelihood=-9582.4)


def read_summary(shared: Path) -> tuple[Histories, np.ndarray]:
    with (shared / "data" / "cdnow" / "cdnow_customers_summary_with_transactions.csv").open() as lines:
        rows = np.array([[float(row[name]) for name in ("x", "t_x", "T", "zbar")] for row in csv.DictReader(lines)])
    return Histories(repeats=rows[:, 0], last=rows[:, 1], age=rows[:, 2], count=np.ones(len(rows))), rows[:, 3]


def one(repeats: float, last: float, age: float) -> Histories:
    return Histories(repeats=np.array([repeats]), last=np.array([last]), age=np.array([age]), count=np.ones(1))


def test_the_published_fit_of_cdnow_is_found_within_one_percent(shared: Path) -> None:
    histories, _ = read_summary(shared)

    for told in (histories, gathered(histories, at_most=10**6)):
        found = fit_buying(told)
        for name in ("r", "alpha", "a", "b"):
            assert getattr(found, name) == pytest.approx(getattr(PUBLISHED, name), rel=0.01)
        assert found.log_likelihood == pytest.approx(PUBLISHED.log_likelihood, abs=0.1)


def test_the_paper_s_customer_is_expected_to_order_1_226_times_in_39_weeks() -> None:
    # Fader, Hardie & Lee (2005): x = 2, t_x = 30.43, T = 38.86.
    assert expected_orders(PUBLISHED, one(2, 30.43, 38.86), 39)[0] == pytest.approx(1.226, abs=0.001)


def test_the_published_fit_of_amounts_is_found_and_so_is_what_the_paper_s_customers_will_spend(shared: Path) -> None:
    # Fader & Hardie (2013): p = 6.25, q = 3.74, gamma = 15.44 on the 946 with repeat orders; everybody's mean 35.17.
    histories, mean = read_summary(shared)
    found = fit_spending(histories.repeats, mean)

    assert int((mean > 0).sum()) == 946
    assert (found.p, found.q, found.gamma) == (
        pytest.approx(6.25, rel=0.01), pytest.approx(3.74, rel=0.01), pytest.approx(15.44, rel=0.01),
    )  # fmt: skip
    assert expected_amount(found, np.zeros(1), np.zeros(1))[0] == pytest.approx(15.44 * 6.25 / 2.74, rel=0.01)
    assert 22.35 < expected_amount(found, np.array([2.0]), np.array([22.35]))[0] < 35.17


def test_expectations_stay_exact_for_members_with_hundreds_of_orders() -> None:
    # A member who orders weekly for six years and is alive for certain orders about weekly.
    steady = one(300, 300, 300)

    assert expected_orders(PUBLISHED, steady, 10)[0] == pytest.approx(10 * (300 + 0.243) / (300 + 4.414), rel=0.02)
    assert np.isfinite(expected_orders(replace(PUBLISHED, a=1.0), one(900, 2000, 2000), 52)[0])
    assert alive(PUBLISHED, one(300, 100, 300))[0] < 1e-9


def test_who_bought_once_is_never_given_up_and_silence_only_lowers_the_chance() -> None:
    assert alive(PUBLISHED, one(0, 0, 500))[0] == 1
    chances = [alive(PUBLISHED, one(4, 10, age))[0] for age in (10, 20, 40, 80)]
    assert chances == sorted(chances, reverse=True)
    assert newcomers_orders(PUBLISHED, np.array([0.0, 10.0, 20.0])).tolist() == sorted(
        newcomers_orders(PUBLISHED, np.array([0.0, 10.0, 20.0])).tolist()
    )


def draw(model: Buying, members: int, *, seed: int) -> Histories:
    """Let members live as the model says: an order each after an exponential wait, perhaps their last."""
    chance = np.random.default_rng(seed)
    rates = chance.gamma(model.r, 1 / model.alpha, members)
    leaving = chance.beta(model.a, model.b, members)
    ages = chance.uniform(20, 100, members)
    repeats, last = np.zeros(members), np.zeros(members)
    at, here = np.zeros(members), np.ones(members, dtype=bool)
    while here.any():
        here &= chance.uniform(size=members) >= leaving if repeats.any() else here
        at = at + chance.exponential(1 / rates)
        here &= at <= ages
        repeats[here] += 1
        last[here] = at[here]
    return Histories(repeats=repeats, last=last, age=ages, count=np.ones(members))


def test_what_histories_were_drawn_from_is_found_again() -> None:
    drawn = Buying(r=0.8, alpha=6.0, a=0.9, b=3.0, log_likelihood=0)
    found = fit_buying(draw(drawn, 20_000, seed=4))

    assert found.r / found.alpha == pytest.approx(0.8 / 6, rel=0.06)
    assert found.a / (found.a + found.b) == pytest.approx(0.9 / 3.9, rel=0.06)


@pytest.mark.parametrize(
    ("histories", "told"),
    [
        (one(3, 2, 5), "1 members with orders"),
        (Histories(repeats=np.zeros(500), last=np.zeros(500), age=np.full(500, 9.0), count=np.ones(500)), "0 of them on more"),
        (Histories(repeats=np.zeros(0), last=np.zeros(0), age=np.zeros(0), count=np.zeros(0)), "0 members with orders"),
    ],
)
def test_histories_that_tell_too_little_are_refused_in_words(histories: Histories, told: str) -> None:
    with pytest.raises(InputRefused, match=told):
        fit_buying(histories)


def test_amounts_that_tell_too_little_are_refused_in_words() -> None:
    with pytest.raises(InputRefused, match="3 members have repeat orders with an amount"):
        fit_spending(np.array([1.0, 2.0, 1.0, 4.0]), np.array([10.0, 20.0, 5.0, 0.0]))


def test_members_who_are_all_alike_tell_nothing_of_how_they_differ() -> None:
    alike = Histories(repeats=np.full(500, 5.0), last=np.full(500, 5.0), age=np.full(500, 5.0), count=np.ones(500))

    with pytest.raises(InputRefused, match="no best parameters"):
        fit_buying(alike)
    with pytest.raises(InputRefused, match="no best parameters"):
        fit_spending(np.ones(200), np.full(200, 9.0))


def test_amounts_spread_without_a_mean_give_no_expectation() -> None:
    wide = Spending(p=2, q=0.5, gamma=1, log_likelihood=0, correlation=0, unit=1)

    assert np.isnan(expected_amount(wide, np.zeros(1), np.zeros(1))[0])
