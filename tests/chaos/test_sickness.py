"""A sick account stays its own problem: two of the five sicknesses of ``make chaos``, shorter."""

from pathlib import Path

import pytest

from tests.chaos.sickness import BACK_WITHIN, MOVED_WITHIN, OPENS_WITHIN, SICKNESSES, one_sickness


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seconds"), [("hangs after taking", 6), ("is not available", 18)])
def test_a_sick_account_is_left_alone_and_its_messages_are_neither_lost_nor_doubled(
    tmp_path: Path, name: str, seconds: float
) -> None:
    assert name in SICKNESSES
    seen = one_sickness(tmp_path, name, seconds=seconds, each_wave=8, healthy=2)

    assert (seen.doubled, seen.lost, seen.moved_while_unknown, seen.unsettled) == (0, 0, 0, 0), seen
    assert seen.opened_after is not None and seen.opened_after <= OPENS_WITHIN, seen
    assert seen.back_after is not None and seen.back_after <= BACK_WITHIN, seen
    if name == "is not available":
        assert seen.moved_after is not None and seen.moved_after <= MOVED_WITHIN, seen
