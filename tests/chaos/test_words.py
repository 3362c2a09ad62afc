"""A tenth of ``python -m tests.chaos words``: no message carries another member's words, whatever goes wrong."""

from pathlib import Path

import pytest

from tests.chaos.words import everybodys_words, mixed_up, sharing_one_message


@pytest.mark.slow
def test_no_message_carries_another_members_words(tmp_path: Path) -> None:
    seen = everybodys_words(tmp_path, 2_000)

    assert mixed_up(seen) == [], seen
    assert len(seen["taken by provider"]) == 12, seen  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sms.kannel", "sms.twilio"])
def test_a_message_object_that_threads_share_is_noticed(tmp_path: Path, name: str) -> None:
    seen = everybodys_words(tmp_path, 400, opening=sharing_one_message, names=[name])

    assert "with a word of somebody else's" in mixed_up(seen), seen
