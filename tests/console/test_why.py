"""``tidings why``: what happened between a member and a campaign or journey, in order and in words."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner, Result

from console.commands.why import app
from database.engine import Database
from database.tables import attempts, receipts
from reports.responses import credit
from tests.reports.ledger_rows import START, Ledger


class Asking:
    """Runs the command against the test's own database."""

    def __init__(self, database: Database, redis_url: str, home: Path) -> None:
        self.env = {
            "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False),
            "TIDINGS_REDIS_URL": redis_url,
            "TIDINGS_HOME": str(home),
        }

    def __call__(self, *arguments: str, language: str = "en") -> Result:
        return CliRunner().invoke(app, list(arguments), env={**self.env, "TIDINGS_LANGUAGE": language})


@pytest.fixture
def asking(database: Database, redis_url: str, tmp_path: Path) -> Asking:
    with database.transaction() as connection:
        ledger = Ledger(connection)
        campaign, draw = ledger.campaign("spring"), ledger.experiment("campaign:spring")
        journey = ledger.journey("win-back", experiment=draw)
        treated, control, refused, _stranger = (ledger.members(1) for _ in range(4))
        ledger.assign(draw, treated, "treated")
        ledger.assign(draw, control, "control")
        entries = ledger.enrol(journey, treated, experiment=draw, arm="treated")
        ledger.visit(entries, "0", "send")
        sent = ledger.sends(
            campaign, treated, "delivered", experiment=draw, arm="treated", enrolment_id=entries[0], attempts=1, provider="sms.aliyun"
        )
        ledger.orders(treated)
        ledger.sends(campaign, control, "withheld", experiment=draw, arm="control")
        ledger.sends(campaign, refused, "refused", reason="no_consent")
        connection.execute(
            insert(attempts).values(send_id=sent[0], number=1, provider="sms.aliyun", marked_at=START, outcome="accepted", code="OK")
        )
        connection.execute(
            insert(receipts).values(
                provider="sms.aliyun", key="r1", send_id=sent[0], status="delivered", received_at=START + timedelta(minutes=3),
                applied_at=START + timedelta(minutes=3),
            )
        )  # fmt: skip
        credit(connection, now=START + timedelta(days=2))
    return Asking(database, redis_url, tmp_path)


def test_a_delivered_message_is_explained_from_the_draw_to_the_response(asking: Asking) -> None:
    told = json.loads(asking("m1", "spring", "--json").stdout)

    assert told["campaign"] == "spring"
    assert "was delivered" in told["conclusion"]["text"]
    assert [line["kind"] for line in told["timeline"]] == ["assignment", "send", "attempt", "receipt", "response"]
    assert told["timeline"][2]["reason"] == "OK"
    assert "order.paid, 100" in told["timeline"][-1]["text"]


def test_a_journey_shows_entry_steps_and_leaving_too(asking: Asking) -> None:
    told = json.loads(asking("m1", "win-back", "--json").stdout)

    assert told["journey"] == "win-back"
    kinds = [line["kind"] for line in told["timeline"]]
    assert kinds[0] == "enrolment"
    assert {"step", "send", "attempt", "receipt"} <= set(kinds)
    assert kinds[-1] in ("enrolment", "response")


def test_a_control_member_is_told_to_be_held_back(asking: Asking) -> None:
    told = json.loads(asking("m2", "spring", "--json").stdout)

    assert "control group" in told["conclusion"]["text"]
    assert "control" in told["timeline"][0]["text"]


def test_a_refusal_has_its_code_and_its_words_in_both_languages(asking: Asking) -> None:
    english = json.loads(asking("m3", "spring", "--json").stdout)
    chinese = json.loads(asking("m3", "spring", "--json", language="zh").stdout)

    assert english["conclusion"]["reason"] == chinese["conclusion"]["reason"] == "no_consent"
    assert english["conclusion"]["text"].endswith("was refused: no consent")
    assert chinese["conclusion"]["text"].endswith("被拒发：未同意接收")


def test_somebody_nobody_looked_at_was_never_considered(asking: Asking) -> None:
    told = json.loads(asking("m4", "win-back", "--json").stdout)

    assert told["conclusion"]["reason"] == "never_considered"
    assert told["timeline"] == []


def test_people_get_the_answer_first_then_the_timeline(asking: Asking) -> None:
    ran = asking("m1", "spring", language="zh")

    assert ran.exit_code == 0
    assert "已送达" in ran.stdout.splitlines()[0]
    assert "经过" in ran.stdout


@pytest.mark.parametrize("words", [["m9", "spring"], ["m1", "sprng"]])
def test_unknown_members_and_names_are_refused(asking: Asking, words: list[str]) -> None:
    ran = asking(*words)

    assert ran.exit_code == 2
    assert "Traceback" not in ran.output
