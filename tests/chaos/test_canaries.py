"""Erasure is complete, also in the middle of a journey and in yesterday's dump: ``make chaos`` has a thousand canaries."""

from pathlib import Path

from database.engine import Database
from tests.chaos.erasure import every_canary, is_complete


def test_nothing_of_fifty_erased_members_is_found_anywhere(database: Database, redis_url: str, tmp_path: Path) -> None:
    seen = every_canary(database, redis_url, tmp_path, count=50, others=20)

    assert is_complete(seen, 50), seen
