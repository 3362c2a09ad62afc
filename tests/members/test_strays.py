"""Events told to a row that was merged meanwhile go on to the person, whose totals meet no other writer."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import insert, select, text

from database.engine import Database
from database.tables import facts, members
from members.events import NewEvent, record
from members.reckoning import reckon
from tests.campaigns.test_group_reports import until_somebody_waits
from tests.makers import NOON


def test_totals_are_made_anew_only_while_the_person_is_held(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(insert(members), [{"key": "kept"}, {"key": "gone"}])
        told = NewEvent(source="shop", key="1", member_key="gone", kind="order.paid", occurred_at=NOON, value=10)
        record(connection, [told], now=NOON)
        connection.execute(text("UPDATE members SET merged_into = 1 WHERE id = 2"))

    def follow() -> None:
        with database.transaction() as connection:
            while reckon(connection, now=NOON):
                pass

    with ThreadPoolExecutor(1) as worker:
        with database.transaction() as telling:
            telling.execute(text("SELECT FROM members WHERE id = 1 FOR KEY SHARE"))  # As an event's foreign key does.
            followed = worker.submit(follow)
            until_somebody_waits(database)
            assert telling.execute(text("SELECT count(*) FROM (SELECT FROM facts FOR UPDATE NOWAIT) AS free")).scalar_one() == 1
            told = NewEvent(source="shop", key="2", member_key="kept", kind="order.paid", occurred_at=NOON, value=5)
            record(telling, [told], now=NOON)
        followed.result()

    with database.transaction() as connection:
        assert connection.execute(select(facts.c.member_id, facts.c.count, facts.c.total)).all() == [(1, 2, 15)]
