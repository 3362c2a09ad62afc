"""Every provider's receipts over the real HTTP side: a twentieth of what ``python -m tests.chaos receipts`` tells."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from database.engine import Database
from tests.chaos.receipts import broken_words, everything_told
from tests.conftest import empty
from tests.listening import ListeningSide, a_listening_side


@pytest.fixture
def side(migrated_url: str, redis_url: str) -> Iterator[ListeningSide]:
    database = Database(migrated_url)
    empty(database)
    with a_listening_side(database, redis_url) as found:
        yield found
    database.close()


@pytest.mark.slow
def test_receipts_in_any_order_and_number_come_to_one_truth(side: ListeningSide, tmp_path: Path) -> None:
    seen = everything_told(side, tmp_path, receipts=5_000)

    assert broken_words(seen) == [], seen
    assert seen["reports before our own commit"], seen
    assert seen["addresses called dead"], seen


@pytest.mark.slow
def test_copies_that_are_stored_again_are_noticed(side: ListeningSide, tmp_path: Path) -> None:
    with side.application.database.transaction() as connection:
        connection.execute(text("ALTER TABLE receipts DROP CONSTRAINT receipts_provider_key_key"))
    try:
        seen = everything_told(side, tmp_path, receipts=600)
    finally:
        with side.application.database.transaction() as connection:
            connection.execute(text("DELETE FROM receipts"))
            connection.execute(
                text("ALTER TABLE receipts ADD CONSTRAINT receipts_provider_key_key UNIQUE (provider, key)")
            )

    assert "reports stored too many or too few" in broken_words(seen)


@pytest.mark.slow
def test_a_last_word_that_wins_is_noticed_as_a_step_backwards(side: ListeningSide, tmp_path: Path) -> None:
    """The red check of the other half: whatever applies reports lets each of them have its way."""
    with side.application.database.transaction() as connection:
        connection.execute(text(_LAST_WORD_WINS))
    try:
        seen = everything_told(side, tmp_path, receipts=600)
    finally:
        with side.application.database.transaction() as connection:
            connection.execute(text("DROP TRIGGER last_word ON receipts; DROP FUNCTION last_word"))

    assert {"states other than told", "steps backwards"} <= set(broken_words(seen)), seen


_LAST_WORD_WINS = """
CREATE FUNCTION last_word() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
UPDATE sends SET state = 'failed', reason = 'x' WHERE id = NEW.send_id AND NEW.status IN ('failed', 'bounced') AND state = 'delivered';
RETURN NULL; END $$;
CREATE TRIGGER last_word AFTER INSERT ON receipts FOR EACH ROW EXECUTE FUNCTION last_word();
"""
