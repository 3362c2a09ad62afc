"""``tidings campaigns preflight`` tells people and programs the same, in either language, and ends with 1 where nothing could go."""

import json
from pathlib import Path

import pytest
from test_campaigns_commands import SPRING, Asking
from typer.testing import CliRunner

from console.commands.campaigns import app
from database.engine import Database, set_clock
from members.conditions import Condition
from tests.makers import NOON, addresses_of, make_members, make_segments, states

SETTINGS = """\
sensitive_words = ["三天"]
[[providers.sms]]
provider = "sms.aliyun"
access_key_id = "an-id"
access_key_secret = "k3y-of-nobody-at-all-1"
sign_name = "晨光生活"
template_codes = {"*" = "SMS_1"}
endpoint = "http://127.0.0.1:9"
per_second = 2
per_day = 50
prices = {"86" = 0.04}
[[providers.sms]]
provider = "sms.tencent"
secret_id = "an-id"
secret_key = "k3y-of-nobody-at-all-2"
app_id = "1400000000"
sign_name = "晨光生活"
templates = {welcome = {id = "1"}}
endpoint = "http://127.0.0.1:9"
per_second = 1
per_day = 20
weight = 50
"""


@pytest.fixture
def asking(database: Database, redis_url: str, tmp_path: Path) -> Asking:
    with database.transaction() as connection:
        set_clock(connection, NOON)
        make_members(connection, 100, tier="gold")
        make_members(connection, 5, channels=("email",), start=200)
        make_segments(connection, gold=Condition.model_validate({"member": {"tier": {"eq": "gold"}}}))
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "spring.yaml").write_text(SPRING, encoding="utf-8")
    (tmp_path / "tidings.toml").write_text(SETTINGS, encoding="utf-8")
    asking = Asking(database, redis_url, tmp_path / "home")
    assert asking("apply", str(tmp_path / "files")).exit_code == 0
    return asking


def test_programs_get_every_figure_and_both_languages_of_every_sentence(
    asking: Asking, database: Database, tmp_path: Path
) -> None:
    ran = asking("preflight", "spring", "--json")
    told = json.loads(ran.stdout)

    assert ran.exit_code == 0
    assert (
        told["considered"]
        == 105
        == told["messages"] + told["withheld"] + sum(group["members"] for group in told["refused"])
    )
    assert told["could_go"] is True and told["currency"] == "CNY"
    (channel,) = told["channels"]
    assert (channel["channel"], channel["messages"]) == ("sms", told["messages"])
    assert channel["cost"]["likely"] == pytest.approx(told["messages"] * 2 * 0.045)
    assert {finding["problem"] for finding in told["findings"]} >= {
        "the variable shop holds an address on the web, which is turned down unless the account was granted it"
    }
    assert states(database) == {}


def test_members_for_whom_no_words_can_be_written_are_counted_for_programs(asking: Asking, tmp_path: Path) -> None:
    words = tmp_path / "own" / "sized"
    words.mkdir(parents=True)
    (words / "template.yaml").write_text("title: {zh: 尺码, en: Size}\npurpose: marketing\nfacts: {name: 会员}\n", encoding="utf-8")
    (words / "sms.zh.txt").write_text("积分{{ loyalty.expiring_on|date }}到期 拒收请回复R", encoding="utf-8")
    file = tmp_path / "sized.yaml"
    file.write_text(SPRING.replace("spring", "sized").replace("new-season", "sized"), encoding="utf-8")
    asking.env["TIDINGS_TEMPLATES"] = str(words.parent)

    ran = asking("preflight", "--file", str(file), "--json")

    (channel,) = json.loads(ran.stdout)["channels"]
    assert ran.exit_code == 1
    assert channel["unwritten"] == {"words:missing_fact:loyalty.expiring_on": channel["sampled"]}


def test_an_account_without_the_template_ends_it_with_1(asking: Asking, tmp_path: Path) -> None:
    asking.env["TIDINGS_FILE"] = str(tmp_path / "tidings.toml")

    ran = asking("preflight", "spring", "--json")

    told = json.loads(ran.stdout)
    assert ran.exit_code == 1 and told["could_go"] is False
    stopping = [finding for finding in told["findings"] if finding["stops"]]
    assert [(finding["account"], finding["count"]) for finding in stopping] == [("sms.tencent", told["messages"])]
    assert any("三天" in finding["problem"] for finding in told["findings"])


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            [
                "Nothing was planned or sent.",
                "would be sent by sms",
                "no address",
                "m200, m201, m202",
                "0.080",
                "✗ sms sms.tencent: this account has no",
            ],
        ),
        (
            "zh",
            [
                "未计划、未发送任何消息。",
                "将经短信发送",
                "无地址",
                "m200, m201, m202",
                "0.080",
                "✗ 短信 sms.tencent：该账号没有",
            ],
        ),
    ],
)
def test_people_read_it_in_their_language_without_anybodys_address(
    asking: Asking, tmp_path: Path, language: str, words: list[str]
) -> None:
    asking.env |= {"TIDINGS_FILE": str(tmp_path / "tidings.toml"), "TIDINGS_LANGUAGE": language}

    ran = asking("preflight", "spring")

    assert ran.exit_code == 1
    assert [word for word in words if word not in ran.stdout] == []
    assert not any(address in ran.stdout for number in range(1, 101) for address in addresses_of(f"m{number}").values())
    assert "example.com" not in ran.stdout


def test_a_file_a_segment_and_a_moment_may_be_named(asking: Asking, tmp_path: Path) -> None:
    other = tmp_path / "summer.yaml"
    other.write_text(SPRING.replace("spring", "summer").replace("quiet_hours: none\n", ""), encoding="utf-8")

    told = json.loads(
        asking(
            "preflight",
            "--file",
            str(other),
            "--segment",
            "gold",
            "--at",
            "2026-08-03 22:00",
            "--members",
            "7",
            "--json",
        ).stdout
    )

    assert (told["campaign"], told["considered"], told["at"]) == ("summer", 100, "2026-08-03T14:00:00+00:00")
    (channel,) = told["channels"]
    assert (channel["sampled"], channel["quiet"], channel["first_at"]) == (
        7,
        told["messages"],
        "2026-08-04T01:00:00+00:00",
    )
    assert [one["name"] for one in json.loads(asking("list", "--json").stdout)] == ["spring"]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["sprng"],
        ["spring", "--file", "x.yaml"],
        ["--file", "no-such.yaml"],
        ["spring", "--at", "soon"],
        ["spring", "--segment", "no-such"],
    ],
)
def test_what_cannot_be_understood_ends_with_2_and_no_traceback(asking: Asking, words: list[str]) -> None:
    ran = CliRunner().invoke(app, ["preflight", *words], env=asking.env)

    assert ran.exit_code == 2
    assert ran.stderr and "Traceback" not in ran.output
