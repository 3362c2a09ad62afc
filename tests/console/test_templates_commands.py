"""Words can be listed, checked and previewed from the command line."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from console.commands.templates import app
from database.engine import Database
from database.tables import members
from members.attributes import Attribute
from members.definitions import save_definitions

RUN = CliRunner()


def test_the_list_names_every_template_with_what_it_needs() -> None:
    ran = RUN.invoke(app, ["list", "--json"])

    assert ran.exit_code == 0
    listed = {template["name"]: template for template in json.loads(ran.stdout)}
    assert {"welcome", "birthday", "we-miss-you", "last-look", "coupon-20"} <= listed.keys()
    assert listed["welcome"]["channels"] == ["email", "sms", "wechat"]
    assert listed["welcome"]["sms_parts"] == {"zh": 1, "en": 2}
    assert RUN.invoke(app, ["list"]).exit_code == 0


def test_the_built_in_templates_pass_their_check() -> None:
    ran = RUN.invoke(app, ["check", "--json"])

    assert ran.exit_code == 0
    assert json.loads(ran.stdout)["problems"] == 0
    assert RUN.invoke(app, ["check", "welcome"]).exit_code == 0


def test_a_broken_template_is_told_with_file_and_line_and_exit_code_two(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "template.yaml").write_text("title: {zh: 坏, en: Broken}\npurpose: service\n", encoding="utf-8")
    (folder / "sms.zh.txt").write_text("您好\n{{ nmae }}\n", encoding="utf-8")

    for_people = RUN.invoke(app, ["check", "--folder", str(tmp_path)])
    for_programs = RUN.invoke(app, ["check", "broken", "--json", "--folder", str(tmp_path)])

    assert for_people.exit_code == 2
    assert f"{folder}/sms.zh.txt:2" in for_people.stderr
    assert for_programs.exit_code == 2
    assert json.loads(for_programs.stdout)["templates"]["broken"][0]["line"] == 2


def test_what_is_worth_a_look_is_told_and_the_command_still_ends_well(tmp_path: Path) -> None:
    folder = tmp_path / "noted"
    folder.mkdir()
    (folder / "template.yaml").write_text("title: {zh: 好, en: Fine}\npurpose: service\n", encoding="utf-8")
    (folder / "email.zh.subject.txt").write_text("您好", encoding="utf-8")
    (folder / "email.zh.html").write_text('<p>x</p>\n<img src="https://a.cn/a.png">', encoding="utf-8")

    for_people = RUN.invoke(app, ["check", "--folder", str(tmp_path)], env={"TIDINGS_LANGUAGE": "en"})
    for_programs = RUN.invoke(app, ["check", "--json", "--folder", str(tmp_path)])

    assert for_people.exit_code == for_programs.exit_code == 0
    assert f"Worth a look: {folder}/email.zh.html:2: the picture https://a.cn/a.png has no alt" in for_people.stderr
    assert "1 templates checked, nothing wrong." in for_people.stdout
    told = json.loads(for_programs.stdout)
    assert (told["problems"], [warning["line"] for warning in told["warnings"]["noted"]]) == (0, [None, 2])


@pytest.mark.parametrize("words", [["check", "welcom"], ["check", "--folder", "/no/such/folder"]])
def test_what_does_not_exist_is_refused(words: list[str]) -> None:
    ran = RUN.invoke(app, words)

    assert ran.exit_code == 2
    assert "Traceback" not in ran.output


@pytest.fixture
def installation(database: Database, migrated_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """Return the environment of an installation that has one member."""
    with database.transaction() as connection:
        connection.execute(
            insert(members).values(
                id=1, key="A-1", name="<b>王小明</b>", language="zh", attributes={"favourites": ["围巾", "手套"]}
            )
        )
    return {
        "TIDINGS_HOME": str(tmp_path / "home"),
        "TIDINGS_DATABASE_URL": migrated_url,
        "TIDINGS_REDIS_URL": redis_url,
        "TIDINGS_LANGUAGE": "en",
    }


def test_a_preview_uses_a_real_members_facts_on_every_channel(installation: dict[str, str]) -> None:
    ran = RUN.invoke(app, ["preview", "last-look", "--member", "A-1", "--json"], env=installation)

    assert ran.exit_code == 0, ran.output
    shown = json.loads(ran.stdout)["channels"]
    assert shown["sms"]["parts"]["text"].startswith("<b>王小明</b>，您看过的好物")
    assert "· 围巾\n· 手套" in shown["email"]["parts"]["text"]
    assert "&lt;b&gt;王小明" in shown["email"]["parts"]["html"]
    assert shown["wechat"]["language"] == "zh"


def test_a_preview_can_speak_the_other_language_and_write_the_email_to_a_file(
    installation: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "mail.html"

    words = ["preview", "welcome", "--member", "1", "--channel", "email", "--language", "en", "--html", str(file)]
    ran = RUN.invoke(app, words, env=installation)

    assert ran.exit_code == 0, ran.output
    assert "Welcome to" in ran.stdout
    assert file.read_text("utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    "words",
    [
        ["preview", "welcome", "--member", "nobody"],
        ["preview", "welcom", "--member", "A-1"],
        ["preview", "welcome", "--member", "A-1", "--channel", "fax"],
        ["preview", "welcome", "--member", "A-1", "--channel", "sms", "--html", "x.html"],
    ],
)
def test_a_preview_of_what_does_not_exist_is_refused(installation: dict[str, str], words: list[str]) -> None:
    ran = RUN.invoke(app, words, env=installation)

    assert ran.exit_code == 2
    assert ran.stderr and "Traceback" not in ran.output


def test_attributes_that_the_dictionary_does_not_define_are_worth_a_look(
    installation: dict[str, str], database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "words" / "restock"
    folder.mkdir(parents=True)
    (folder / "template.yaml").write_text("title: {zh: 补货, en: Restock}\npurpose: service\n", encoding="utf-8")
    (folder / "sms.zh.txt").write_text("您好\n{{ attributes.skin_tpye|default('—') }}", encoding="utf-8")
    check = ["check", "--attributes", "--folder", str(folder.parent)]
    preview = ["preview", "restock", "--member", "A-1", "--folder", str(folder.parent)]
    assert "Worth a look" not in RUN.invoke(app, check, env=installation).output  # Nobody defined any.
    with database.transaction() as connection:
        save_definitions(connection, [Attribute(attribute="skin_type", type="text")], now=datetime(2026, 8, 1, tzinfo=UTC))

    for words in (check, preview):
        ran = RUN.invoke(app, words, env=installation)
        assert ran.exit_code == 0, ran.output
        assert "sms.zh.txt:2: the dictionary defines no attribute skin_tpye; did you mean skin_type?" in ran.stderr
    assert "Worth a look" not in RUN.invoke(app, ["check", "--folder", str(folder.parent)]).stderr  # Asks no database.
