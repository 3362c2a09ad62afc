"""Workers pull what is due; a source that is down keeps no other waiting."""

import sqlite3
from pathlib import Path

from sqlalchemy import func, select

from config.settings import Settings
from config.wiring import open_application
from database.engine import Database
from database.member_tables import pulls
from database.tables import events
from members.definitions import save_definitions
from members.pulling.source import Source
from tests.makers import NOON
from workers.pulling import pull_next

MAP = {"member": "card", "kind": "order.paid", "occurred_at": "at", "key": "id"}


def test_every_source_has_its_turn_and_one_that_is_down_keeps_nobody_waiting(database: Database, redis_url: str, tmp_path: Path) -> None:
    theirs = sqlite3.connect(tmp_path / "till.db")
    theirs.executescript("CREATE TABLE sales (id, card, at); INSERT INTO sales VALUES (1, 'm1', '2026-08-01'), (2, 'm2', '2026-08-02')")
    theirs.close()
    sources = [Source.model_validate({"source": name, "table": "sales", "cursor": ["id"], "map": MAP}) for name in ("broken", "pos", "unset")]
    with database.transaction() as connection:
        save_definitions(connection, sources, now=NOON)
    settings = Settings(
        home=tmp_path / "home",
        database_url=database.url.render_as_string(hide_password=False),
        redis_url=redis_url,
        sources={"broken": "postgresql://nobody:geheim@localhost:9/none", "pos": f"sqlite:///{tmp_path / 'till.db'}"},
    )

    with open_application(settings) as application:
        turns = [pull_next(application) for _ in range(4)]

    assert turns == [True, True, True, False]
    with database.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(events)).scalar_one() == 2
        troubled = connection.execute(select(pulls.c.name).where(pulls.c.problem.is_not(None)).order_by(pulls.c.name)).scalars().all()
    assert troubled == ["broken", "unset"]
    assert "geheim" not in repr(settings)
