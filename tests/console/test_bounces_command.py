"""``tidings bounces read``: for people, for programs, and with files that are none."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from console.command import assemble
from tests.channels.bounce_mails import block, feedback_report, status_report
from tests.channels.hostile_mails import hostile_mails

DEAD = status_report(block("550 5.1.1 User unknown", status="5.1.1"))


def _read(*arguments: str, language: str = "en", given: bytes | None = None) -> Result:
    return CliRunner().invoke(assemble("bounces"), ["bounces", "read", *arguments], env={"TIDINGS_LANGUAGE": language}, input=given)


def _file(folder: Path, content: bytes, name: str = "a.eml") -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


def test_programs_are_told_everything(tmp_path: Path) -> None:
    result = _read(_file(tmp_path, DEAD), "--json")

    assert result.exit_code == 0
    (found,) = json.loads(result.stdout)
    assert found.pop("file").endswith("a.eml")
    assert found == {
        "kind": "bounce",
        "verdict": "hard",
        "verdicts": ["hard"],
        "reference": "0badcafe-7",
        "reference_from": "header",
        "returned_to": "bounce+0badcafe-7@example.com",
        "envelope_id": "0badcafe-7",
        "message_id": "0badcafe-7@example.com",
        "addresses": [
            {
                "address": "li@example.net",
                "verdict": "hard",
                "final": True,
                "action": "failed",
                "status": "5.1.1",
                "reply": 550,
                "diagnostic": "550 5.1.1 User unknown",
            }
        ],
    }


def test_a_mail_with_several_addresses_is_summed_up_by_the_gentlest(tmp_path: Path) -> None:
    several = status_report(
        block("550 5.1.1 User unknown", address="a@example.net"), block("552 5.2.2 full", address="b@example.net")
    )

    (found,) = json.loads(_read(_file(tmp_path, several), "--json").stdout)

    assert (found["verdict"], found["verdicts"]) == ("soft", ["hard", "soft"])


@pytest.mark.parametrize(("language", "words"), [("en", "hard: the address is dead"), ("zh", "硬退：地址已失效")])
def test_people_are_told_in_their_language(tmp_path: Path, language: str, words: str) -> None:
    result = _read(_file(tmp_path, DEAD), _file(tmp_path, feedback_report("abuse"), "b.eml"), language=language)

    assert result.exit_code == 0
    assert words in result.stdout
    assert "li@example.net" in result.stdout


def test_a_mail_can_come_through_a_pipe() -> None:
    (found,) = json.loads(_read("-", "--json", given=DEAD).stdout)

    assert (found["file"], found["verdict"]) == ("-", "hard")


def test_with_our_address_only_it_names_a_message(tmp_path: Path) -> None:
    file = _file(tmp_path, DEAD)

    (found,) = json.loads(_read(file, "--json", "--address", "bounce@example.com").stdout)

    assert (found["reference"], found["reference_from"]) == ("0badcafe-7", "return_address")


@pytest.mark.parametrize("name", ["missing.eml", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_named_and_the_others_are_still_read(tmp_path: Path, name: str) -> None:
    unreadable = str(tmp_path / name) if "\0" not in name else name
    result = _read(unreadable, _file(tmp_path, DEAD), "--json")

    assert result.exit_code == 2
    assert "cannot be read" in result.stderr
    assert [each["verdict"] for each in json.loads(result.stdout)] == ["hard"]


def test_hostile_mails_end_in_a_verdict_not_in_a_traceback(tmp_path: Path) -> None:
    files = [
        _file(tmp_path, mail, f"{number}.eml")
        for number, (_, mail) in enumerate(hostile_mails())
        if len(mail) < 2_000_000
    ]

    assert _read(*files).exit_code == 0
    assert _read(*files, "--json").exit_code == 0
