"""The demo walks the whole road: a small story, told once, and everything it must be true of."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from config.settings import Settings
from console.demo.ending import Ending, stands_alone
from console.demo.running import Wanted, run_demo
from console.demo.stage import Stage, free_ports, make_anew
from database.engine import read_clock
from language.problems import InputRefused

NAME = f"tidings_demo_test_{os.getpid()}"
SUM = ("accepted", "delivered", "failed", "withheld", "in_doubt", "waiting", "cancelled")


@dataclass
class Told:
    """A story that was told, and what a visitor found on the stage before it was taken down."""

    ending: Ending
    folder: Path
    counts: dict[str, int]
    processes: list[int]


@pytest.fixture(scope="module")
def told(engines: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("demo")
    settings = Settings(database_url=SecretStr(engines[0]), redis_url=SecretStr(engines[1]), home=folder / "home")
    counts: dict[str, int] = {}
    processes: list[int] = []

    def visit(stage: Stage) -> None:
        processes.extend(part.process.pid for part in stage.parts if part.process is not None)
        with stage.database.transaction() as connection:
            counts["clock"] = read_clock(connection).year
            for table in ("members", "events", "enrolments", "sends", "receipts", "responses", "unprocessed_events"):
                counts[table] = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            counts["clicked"] = connection.execute(text("SELECT count(*) FROM events WHERE kind = 'message.clicked'")).scalar_one()
            counts["doubled"] = connection.execute(text("SELECT count(*) - count(DISTINCT key) FROM receipts")).scalar_one()

    wanted = Wanted(folder=folder, members_count=400, days=14, workers=1, database_name=NAME)
    yield Told(run_demo(settings, wanted, visit=visit), folder, counts, processes)
    admin = create_engine(make_url(engines[0]).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)"))
    admin.dispose()


def test_every_member_considered_is_in_exactly_one_place(told: Told) -> None:
    data = told.ending.as_data()
    for report in [*data["journeys"], *data["campaigns"]]:  # type: ignore[misc]
        steps = [step for step in report["steps"] if "planned" in step]
        for each in [report, *steps, *report["channels"], *report["days"]]:
            assert each["planned"] == sum(each[place] for place in SUM) + sum(each["refused"].values())
    assert sum(report["planned"] for report in data["campaigns"]) == told.counts["sends"]  # type: ignore[attr-defined]


def test_the_simulators_own_record_agrees_with_the_ledger(told: Told) -> None:
    verdict = told.ending.verdict
    assert (verdict.lost, verdict.doubled, verdict.control) == (0, 0, 0)
    assert verdict.taken > 100
    assert told.ending.is_sound


def test_every_invariant_of_the_ledger_holds(told: Told) -> None:
    assert told.ending.broken == []


def test_control_members_were_withheld_and_nobody_of_them_was_messaged(told: Told) -> None:
    reports = told.ending.reports
    assert sum(report.closing.withheld for report in reports) > 10
    # A campaign that several journeys use has no draw of its own: held back in one of them, a member may get it in another.
    assert {report.effect.contamination for report in reports if stands_alone(report)} == {0}


def test_nothing_is_left_in_doubt_or_undone(told: Told) -> None:
    assert told.counts["unprocessed_events"] == 0
    with_doubt = [report.name for report in told.ending.reports if report.closing.in_doubt > told.ending.verdict.closed_unknown]
    assert with_doubt == []


def test_the_story_has_journeys_a_launch_receipts_clicks_and_responses(told: Told) -> None:
    planned = {f"{report.kind} {report.name}": report.closing.planned for report in told.ending.reports}
    assert {"journey welcome", "journey birthday", "journey win-back-90", "campaign new-season"} <= planned.keys()
    assert min(planned["journey welcome"], planned["journey win-back-90"], planned["campaign new-season"]) >= 5
    assert told.counts["members"] == 400
    assert told.counts["receipts"] > 20
    assert told.counts["clicked"] > 5
    assert told.counts["responses"] > 5
    assert told.counts["clock"] == 2026


def test_the_files_are_there_and_hold_what_was_told(told: Told) -> None:
    for name in ("journey-win-back-90", "campaign-new-season"):
        for suffix in ("json", "csv", "html"):
            assert (told.folder / f"{name}.{suffix}").stat().st_size > 500
        assert list((told.folder / "charts").glob(f"{name}-*.png"))
    report = json.loads((told.folder / "journey-win-back-90.json").read_text(encoding="utf-8"))
    assert {"planned", *SUM, "refused", "arms", "lift", "steps"} <= report.keys()
    assert json.loads((told.folder / "demo.json").read_text(encoding="utf-8"))["oracle"]["lost"] == 0
    page = (told.folder / "journey-win-back-90.html").read_text(encoding="utf-8")
    assert "<svg" in page and "<script" not in page


def test_nothing_is_left_running(told: Told) -> None:
    assert len(told.processes) == 2
    assert [pid for pid in told.processes if Path(f"/proc/{pid}").exists()] == []


def test_the_settings_with_the_secret_are_for_their_owner_only(told: Told) -> None:
    assert (told.folder / "tidings.toml").stat().st_mode & 0o077 == 0


def test_the_demo_refuses_to_make_anew_the_database_it_was_given(engines: tuple[str, str]) -> None:
    url = make_url(engines[0])
    with pytest.raises(InputRefused, match="cannot run inside it"):
        make_anew(engines[0], str(url.database))


def test_a_port_in_use_is_replaced_by_a_free_one() -> None:
    first = free_ports((0,))[0]
    assert first > 0
    assert len(set(free_ports((0, 0, 0)))) == 3
