"""A text can be counted and priced before it is sent."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from console.command import assemble


def ran(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(assemble("sms"), ["sms", "parts", *words], env={"TIDINGS_LANGUAGE": "en", **environment})


def counted(*words: str, **environment: str) -> dict[str, Any]:
    found = ran("--json", *words, **environment)
    assert found.exit_code == 0, found.output
    return dict(json.loads(found.stdout))


def test_the_published_vectors_are_told_as_they_are(shared: Path) -> None:
    for vector in json.loads((shared / "vectors" / "sms.json").read_text("utf-8"))["segments"]:
        abroad = counted("--market", "intl", "--", vector["text"])
        mainland = counted("--", vector["text"])

        assert (abroad["encoding"], abroad["units"], abroad["parts"]) == (vector["encoding"], vector["units"], vector["segments"])
        assert (mainland["units"], mainland["parts"]) == (vector["cn_billing_chars"], vector["cn_billing_count"])


@pytest.mark.parametrize(
    ("words", "market", "expected"),
    [
        ("Hello", "intl", ("GSM-7", 5, 1)),
        ("a" * 307, "intl", ("GSM-7", 307, 3)),
        ("a" * 152 + "€" + "a" * 10, "intl", ("GSM-7", 164, 2)),
        ("curly ’ quote", "intl", ("UCS-2", 13, 1)),
        ("tab\there", "intl", ("UCS-2", 8, 1)),
        ("好" * 76 + "🎉", "intl", ("UCS-2", 78, 2)),
        ("好" * 76 + "🎉", "cn", ("UCS-2", 77, 2)),
        ("a" * 160, "cn", ("GSM-7", 160, 3)),
        ("【示例商城】" + "好" * 64, "cn", ("UCS-2", 70, 1)),
        ("【示例商城】" + "好" * 65, "cn", ("UCS-2", 71, 2)),
    ],
)
def test_encoding_units_and_parts_are_told(words: str, market: str, expected: tuple[str, int, int]) -> None:
    found = counted(words, "--market", market)

    assert (found["encoding"], found["units"], found["parts"]) == expected


def test_the_characters_that_force_ucs_2_are_named_once_with_their_count() -> None:
    found = counted("naïve ’ ’ ok €", "--market", "intl")["not_in_gsm7"]

    assert [(each["character"], each["code"], each["count"]) for each in found] == [("ï", "U+00EF", 1), ("’", "U+2019", 2)]
    assert found[1]["name"] == "RIGHT SINGLE QUOTATION MARK"


def test_the_cost_is_the_configured_price_of_every_part() -> None:
    found = counted("好" * 71, TIDINGS_PRICES__SMS="0.05", TIDINGS_CURRENCY="EUR")

    assert (found["parts"], found["price_per_part"], found["cost"], found["currency"]) == (2, 0.05, 0.1, "EUR")


def test_a_signature_that_the_provider_adds_can_be_counted() -> None:
    assert counted("好" * 64, "--sign", "示例商城")["parts"] == 1
    assert counted("好" * 65, "--sign", "示例商城")["parts"] == 2
    assert "--sign" in ran("好").stdout
    assert "--sign" not in ran("【店】好").stdout


def test_people_are_told_in_their_language() -> None:
    english, chinese = ran("it’s here"), ran("it’s here", TIDINGS_LANGUAGE="zh")

    assert "Characters that force UCS-2" in english.stdout and "U+2019" in english.stdout and "0.045 CNY" in english.stdout
    assert "条数" in chinese.stdout and "使编码变为 UCS-2 的字符" in chinese.stdout and "0.045 CNY" in chinese.stdout


@pytest.mark.parametrize("words", [("好", "--market", "us"), ("",), ("\udcff",), ("好", "--sign", "\x00")])
def test_what_cannot_be_counted_is_refused_with_exit_code_two(words: tuple[str, ...]) -> None:
    found = ran(*words)

    assert found.exit_code == 2
    assert "Traceback" not in found.output and found.stderr


def test_a_text_no_mainland_network_takes_ends_with_one() -> None:
    assert ran("好" * 500).exit_code == 0
    assert ran("好" * 501).exit_code == 1
    assert json.loads(ran("好" * 501, "--json").stdout)["too_long"] is True
    assert ran("好" * 501, "--market", "intl").exit_code == 0
