"""Where a function crosses zero."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from reports.roots import crossing


def test_known_crossings_are_found_to_the_last_digits() -> None:
    assert crossing(lambda x: x * x - 2, 0.0, 2.0, precision=0.0) == pytest.approx(math.sqrt(2), rel=1e-15)
    assert crossing(lambda x: math.cos(x) - x, 0.0, 1.0, precision=1e-15) == pytest.approx(0.7390851332151607, rel=1e-14)
    assert crossing(lambda x: x, -1.0, 0.0, precision=1e-15) == 0.0


@given(at=st.floats(-1, 1), power=st.sampled_from([1, 3, 5]), steepness=st.floats(0.01, 20))
def test_a_bracket_may_be_given_from_either_side_and_be_flat_or_steep(at: float, power: int, steepness: float) -> None:
    def rising(x: float) -> float:
        return math.copysign(abs(math.expm1(steepness * (x - at))) ** power, x - at)

    for start, end in ((-1.5, 1.5), (1.5, -1.5)):
        assert crossing(rising, start, end, precision=1e-13) == pytest.approx(at, abs=1e-12)


@given(st.floats(0.05, 20))
def test_it_finds_what_another_program_finds(scale: float) -> None:
    def curve(x: float) -> float:
        return math.tanh(scale * (x - 0.3)) + 0.1 * x - 0.02

    assert crossing(curve, -1.0, 1.0, precision=1e-14) == pytest.approx(brentq(curve, -1.0, 1.0, xtol=1e-14), abs=1e-12)


def test_few_looks_are_enough() -> None:
    looked: list[float] = []

    def curve(x: float) -> float:
        looked.append(x)
        return math.exp(x) - 5

    crossing(curve, 0.0, 10.0, precision=1e-13)

    assert len(looked) <= 20


def test_one_sign_at_both_ends_is_no_bracket() -> None:
    with pytest.raises(ValueError, match="one sign"):
        crossing(lambda x: x * x + 1, -1.0, 1.0, precision=1e-12)
