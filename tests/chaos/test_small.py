"""A tenth of ``make chaos``, and each guard switched off to see the run turn red."""

from pathlib import Path

import pytest

from tests.chaos.installation import WINDOW
from tests.chaos.runs import (
    everything_at_once,
    has_messaged_the_control_arm,
    messaging_the_control_arm,
    resending_what_is_marked,
    without_the_poll,
)


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_when_everything_goes_wrong(tmp_path: Path) -> None:
    verdict, unsound, _ = everything_at_once(tmp_path, sends=10_000, limit=240, close_after=12)

    assert (verdict.lost, verdict.doubled, verdict.to_control, verdict.unsettled) == (0, 0, 0, 0), verdict
    assert verdict.kills >= 3, verdict
    assert verdict.most_in_doubt <= WINDOW * (verdict.kills + 2) + verdict.answers_lost, verdict
    assert unsound == []


@pytest.mark.slow
def test_sending_again_what_was_marked_doubles_messages(tmp_path: Path) -> None:
    verdict, _, _ = everything_at_once(tmp_path, sends=2_000, limit=60, sabotage=resending_what_is_marked, crashes=0)

    assert verdict.doubled > 0


@pytest.mark.slow
def test_without_the_poll_a_flushed_redis_stops_the_road(tmp_path: Path) -> None:
    verdict = without_the_poll(tmp_path, sends=300, limit=6)

    assert verdict.unsettled > 0


@pytest.mark.slow
def test_without_postgresqls_own_refusal_the_control_arm_is_messaged(tmp_path: Path) -> None:
    verdict, unsound, _ = everything_at_once(
        tmp_path,
        sends=500,
        limit=60,
        sabotage=messaging_the_control_arm,
        crashes=0,
        enough=has_messaged_the_control_arm,
    )

    assert verdict.to_control > 0
    assert "an attempt was made for a control member" in {found.name for found in unsound}
