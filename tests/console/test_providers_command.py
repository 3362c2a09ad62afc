"""``tidings providers``: who carries what, one message by hand, and how providers have been answering."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner, Result

from campaigns.sends.calls import count_calls
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import SimulatorSettings
from console.command import assemble
from database.engine import Database, set_clock
from database.tables import accounts, attempts
from tests.campaigns.test_planning import plan_all
from tests.makers import NOON, make_campaign, make_members


@pytest.fixture
def ask(database: Database, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with SimulatorProcess(SimulatorSettings(record=tmp_path / "record.jsonl", http_port=0, smtp_port=0)) as simulator:
        monkeypatch.setenv("TIDINGS_FILE", str(tmp_path / "none.toml"))
        monkeypatch.setenv("TIDINGS_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("TIDINGS_DATABASE_URL", database.url.render_as_string(hide_password=False))
        monkeypatch.setenv("TIDINGS_REDIS_URL", redis_url)
        monkeypatch.setenv("TIDINGS_SIMULATOR__HTTP_PORT", simulator.http_url.rpartition(":")[2])
        monkeypatch.setenv("TIDINGS_SIMULATOR__SMTP_PORT", str(simulator.smtp_port))

        def asked(*words: str, language: str = "en") -> Result:
            return CliRunner().invoke(assemble("providers"), ["providers", *words], env={"TIDINGS_LANGUAGE": language})

        yield asked


def test_the_list_names_who_carries_each_channel_and_who_else_could(ask) -> None:
    told = json.loads(ask("list", "--json").stdout)

    assert {row["channel"]: row["account"] for row in told["accounts"]} == {
        "sms": "sms.aliyun", "email": "email.smtp", "wechat": "wechat.official_account",
    }  # fmt: skip
    assert all(row["in_use"] == "simulated" and "/callbacks/" in row["callback"] for row in told["accounts"])
    assert all((row["state"], row["share"], row["weight"]) == ("well", 1.0, 100) for row in told["accounts"])
    assert "sms.tencent" in told["others"]
    assert "服务商" in ask("list", language="zh").stdout


LIMITED = """\
[[providers.sms]]
provider = "sms.aliyun"
access_key_id = "an-id"
access_key_secret = "k3y-of-nobody-at-all-1"
sign_name = "晨光生活"
template_codes = {"*" = "SMS_1"}
endpoint = "http://127.0.0.1:9"
per_day = 50
"""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_programs_get_the_same_english_words_and_whole_numbers_in_either_language(
    ask, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    (tmp_path / "limited.toml").write_text(LIMITED, encoding="utf-8")
    monkeypatch.setenv("TIDINGS_FILE", str(tmp_path / "limited.toml"))
    with database.transaction() as connection:
        set_clock(connection, NOON)
        connection.execute(insert(accounts), {"name": "sms.aliyun", "quota_day": NOON.date(), "used": 7, "trips": 2})
        connection.execute(
            insert(accounts), {"name": "email.smtp", "trips": 1, "open_until": datetime.now(UTC) + timedelta(hours=1)}
        )

    told = {row["channel"]: row for row in json.loads(ask("list", "--json", language=language).stdout)["accounts"]}

    assert {channel: (row["in_use"], row["state"], row["used"], row["per_day"]) for channel, row in told.items()} == {
        "sms": ("configured", "on trial", 7, 50),
        "email": ("simulated", "left alone", None, None),
        "wechat": ("simulated", "well", None, None),
    }
    table = ask("list", language=language).stdout
    words = {"en": ("configured", "on trial", "left alone", "7/50"), "zh": ("已配置", "试发中", "暂停使用", "7/50")}
    assert [word for word in words[language] if word not in table] == []


@pytest.mark.parametrize(("name", "to"), [("sms", "13800138000"), ("email.smtp", "a@example.com"), ("wechat", "o" + "1" * 27)])
def test_a_message_by_hand_is_taken(ask, name: str, to: str) -> None:
    result = ask("test", name, "--to", to, "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["outcome"] == "accepted"


def test_an_address_that_is_none_and_a_provider_that_is_none_are_refused(ask) -> None:
    assert ask("test", "sms", "--to", "12345").exit_code == 2
    assert ask("test", "sms.nobody", "--to", "13800138000").exit_code == 2
    assert ask("stats", "--since", "soon").exit_code == 2


def test_answers_are_counted_since_a_moment(database: Database, ask) -> None:
    now = datetime.now(UTC)
    with database.transaction() as connection:
        make_members(connection, 4)
        campaign = make_campaign(connection)
        plan_all(connection, campaign, now=NOON)
        ids = list(connection.exec_driver_sql("SELECT id FROM sends ORDER BY id").scalars())
        rows = [
            {"send_id": ids[0], "outcome": "accepted", "code": "OK", "marked_at": now - timedelta(seconds=30), "ended_at": now - timedelta(seconds=28)},
            {"send_id": ids[1], "outcome": "rejected", "code": "isv.X", "marked_at": now - timedelta(seconds=30), "ended_at": now - timedelta(seconds=26)},
            {"send_id": ids[2], "outcome": None, "code": None, "marked_at": now - timedelta(seconds=30), "ended_at": None},
            {"send_id": ids[3], "outcome": "accepted", "code": "OK", "marked_at": now - timedelta(days=3), "ended_at": now - timedelta(days=3)},
        ]
        connection.execute(insert(attempts), [{"number": 1, "provider": "sms.aliyun", **row} for row in rows])
        (found,) = count_calls(connection, since=now - timedelta(days=1))

    assert (found.handed_over, found.accepted, found.rejected, found.not_sent, found.unknown) == (3, 1, 1, 0, 1)
    assert (found.seconds_p50, found.commonest_code) == (3.0, "isv.X")
    (told,) = json.loads(ask("stats", "--since", "1d", "--json").stdout)
    assert told["handed_over"] == 3
