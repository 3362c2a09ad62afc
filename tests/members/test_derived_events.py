"""Who tells events of many members holds them in the one order in which everybody does."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from database.engine import Database
from members.events import NewEvent, record
from members.happenings import Happening, tell_happenings
from tests.campaigns.test_group_reports import until_somebody_waits
from tests.makers import NOON, make_members


@pytest.mark.parametrize("by_key", [True, False])
def test_who_waits_for_a_member_holds_none_after_that_one(database: Database, by_key: bool) -> None:
    with database.transaction() as connection:
        make_members(connection, 10, channels=(), consenting=False)
        last_year = [NewEvent(source="shop", key="last year", member_key="m9", kind="birthday.today", occurred_at=NOON)]
        record(connection, last_year, now=NOON)

    def tell() -> None:
        with database.transaction() as connection:
            if by_key:
                events = [NewEvent(source="shop", key=str(one), member_key=f"m{one}", kind="birthday.today", occurred_at=NOON) for one in (9, 10)]
                record(connection, events, now=NOON)
            else:
                happened = [Happening(member_id=one, kind="birthday.today", key=f"birthday.today:{one}", occurred_at=NOON) for one in (9, 10)]
                tell_happenings(connection, happened, now=NOON)

    with ThreadPoolExecutor(1) as worker:
        with database.transaction() as merging:
            merging.execute(text("SELECT FROM members WHERE id = 9 FOR UPDATE"))
            told = worker.submit(tell)
            until_somebody_waits(database)
            merging.execute(text("SELECT FROM members WHERE id = 10 FOR UPDATE NOWAIT"))
            assert merging.execute(text("SELECT count(*) FROM (SELECT FROM facts FOR UPDATE NOWAIT) AS free")).scalar_one() == 1
        told.result()
