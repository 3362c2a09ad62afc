"""The public HTTP side, really listening, over a real database."""

from collections.abc import Iterator

import pytest

from database.engine import Database
from tests.listening import ListeningSide, a_listening_side


@pytest.fixture
def side(database: Database, redis_url: str) -> Iterator[ListeningSide]:
    with a_listening_side(database, redis_url) as listening:
        yield listening
