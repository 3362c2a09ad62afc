"""In a rehearsal every message is taken the moment it may go, and no sooner."""

from datetime import timedelta

from sqlalchemy import select, update

from campaigns.sends.rehearsing import accept_what_may_go
from database.engine import Database
from database.tables import sends
from tests.campaigns.test_planning import plan_all
from tests.makers import NOON, make_campaign, make_members


def test_what_is_due_is_accepted_at_its_own_moment_and_the_rest_waits(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 3)
        plan_all(connection, make_campaign(connection), now=NOON)
        ids = list(connection.execute(select(sends.c.id).order_by(sends.c.id)).scalars())
        connection.execute(update(sends).where(sends.c.id == ids[1]).values(not_before=NOON + timedelta(hours=2)))
        connection.execute(update(sends).where(sends.c.id == ids[2]).values(state="refused", reason="cap"))

        taken = accept_what_may_go(connection, now=NOON + timedelta(hours=1))

        rows = connection.execute(select(sends.c.state, sends.c.accepted_at, sends.c.counted_at).order_by(sends.c.id)).all()

    assert taken == 1
    assert [row.state for row in rows] == ["accepted", "waiting", "refused"]
    assert (rows[0].accepted_at, rows[0].counted_at) == (NOON, NOON)
