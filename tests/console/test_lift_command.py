"""``tidings lift`` and ``tidings size``: good input, bad input, and Hillstrom from its raw rows."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from console.commands.lift import app as lift_app
from console.commands.size import app as size_app

CONTRACT = {
    "p_t", "p_c", "diff", "diff_lo", "diff_hi", "rel_lift", "rel_lo", "rel_hi", "p_value",
    "incremental", "incremental_lo", "incremental_hi", "verdict",
}  # fmt: skip
WITH_REVENUE = {
    "mean_t", "mean_c", "mean_diff", "mean_diff_lo", "mean_diff_hi", "mean_rel_lo", "mean_rel_hi", "mean_p_value",
}  # fmt: skip
ROWS = "group,bought,spent\nmail,1,10.5\nmail,0,\nnone,0,0\nnone,1,3\n"


def _lift(*arguments: str, language: str = "en") -> Result:
    return CliRunner().invoke(lift_app, list(arguments), env={"TIDINGS_LANGUAGE": language})


def _size(*arguments: str, language: str = "en") -> Result:
    return CliRunner().invoke(size_app, list(arguments), env={"TIDINGS_LANGUAGE": language})


def _rows(folder: Path, content: bytes | str = ROWS, name: str = "rows.csv") -> list[str]:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return ["--csv", str(file), "--arm", "group", "--control", "none", "--outcome", "bought"]


def test_four_counts_print_every_key_of_the_contract() -> None:
    found = json.loads(_lift("9000", "405", "1000", "32", "--json").stdout)

    assert found.keys() >= CONTRACT
    assert not WITH_REVENUE & found.keys()
    assert found["diff_hi"] == pytest.approx(0.023352185802, rel=1e-9)
    assert found["rel_lo"] == pytest.approx(-0.009131564586, rel=1e-8)


def test_undefined_is_null_and_unbounded_is_inf() -> None:
    found = json.loads(_lift("500", "5", "50", "0", "--json").stdout)

    assert (found["rel_lift"], found["rel_hi"]) == (None, "inf")
    empty = json.loads(_lift("0", "0", "50", "0", "--json").stdout)
    assert {empty[name] for name in CONTRACT - {"p_c", "verdict"}} == {None}


def test_people_read_too_few_and_never_zero_for_what_is_undefined() -> None:
    assert "too few" in _lift("0", "0", "50", "3").stdout
    assert "样本太少" in _lift("0", "0", "50", "3", language="zh").stdout
    assert "unbounded" in _lift("500", "5", "50", "0").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("10", "11", "5", "1"), "11 responders among 10 members"),
        (("10", "-1", "5", "1"), "TREATED_X: a count cannot be negative"),
        (("10", "1", "-5", "1"), "CONTROL_N: a count cannot be negative"),
        (("10", "1", "5"), "four counts are needed"),
        ((), "four counts are needed"),
        (("10", "1", "5", "1", "--csv", "x.csv"), "not both"),
        (("--csv", "x.csv", "--arm", "group"), "needs --arm, --control and --outcome"),
        (("--csv", "/nowhere/x.csv", "--arm", "a", "--control", "b", "--outcome", "c"), "cannot be read"),
    ],
)
def test_bad_counts_and_options_are_named_and_end_with_two(arguments: tuple[str, ...], said: str) -> None:
    found = _lift(*arguments)

    assert found.exit_code == 2
    assert said in found.stderr


@pytest.mark.parametrize("packed", [False, True])
def test_raw_rows_are_counted_plain_or_gzipped(tmp_path: Path, packed: bool) -> None:
    content = gzip.compress(ROWS.encode()) if packed else ROWS.encode()

    found = json.loads(_lift(*_rows(tmp_path, content), "--revenue", "spent", "--json").stdout)

    assert found.keys() >= CONTRACT | WITH_REVENUE
    assert (found["arm"], found["n_t"], found["x_t"], found["n_c"], found["x_c"]) == ("mail", 2, 1, 2, 1)
    assert (found["mean_t"], found["mean_c"]) == (5.25, 1.5)


def test_chinese_rows_in_the_encoding_spreadsheets_save_are_read(tmp_path: Path) -> None:
    content = "组别,购买\n短信,是\n对照,否\n".encode("gb18030")
    file = tmp_path / "rows.csv"
    file.write_bytes(content)

    found = _lift("--csv", str(file), "--arm", "组别", "--control", "对照", "--outcome", "购买", "--json")

    assert json.loads(found.stdout)["arm"] == "短信"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("group,bought\nmail,1\nmail,2\n", "rows.csv:3:bought: 0 or 1 was expected, for one member; found '2'"),
        ("group,bought\nmail,1\n,0\n", "rows.csv:3:group: the arm of this row is empty"),
        ("group,bought\nmail\n", "rows.csv:2: the row has 1 cells where the heading has 2"),
        ("group,bougth\nmail,1\n", "there is no column bought; is it bougth?"),
        ("group,bought\nmail,1\n", "no row has none in this column; it holds mail"),
        ("group,bought\nnone,1\n", "every row is in the control"),
        ("", "the file is empty"),
        (b"\x1f\x8bnonsense", "cannot be read"),
    ],
)
def test_bad_rows_are_named_by_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    found = _lift(*_rows(tmp_path, content))

    assert found.exit_code == 2
    assert said in found.stderr


def test_bad_amounts_are_named_and_a_long_list_is_cut(tmp_path: Path) -> None:
    content = "group,bought,spent\n" + "mail,1,nan\n" * 25

    found = _lift(*_rows(tmp_path, content), "--revenue", "spent")

    assert "rows.csv:2:spent: a number was expected; found 'nan'" in found.stderr
    assert "and 5 more bad rows" in found.stderr


def _published(found: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        round(found[name], digits)
        for name, digits in (
            ("diff", 6), ("diff_lo", 5), ("diff_hi", 5), ("rel_lift", 3), ("rel_lo", 3), ("rel_hi", 3),
            ("mean_diff", 4), ("mean_diff_lo", 3), ("mean_diff_hi", 3), ("mean_rel_lo", 3), ("mean_rel_hi", 3),
            ("incremental", 0), ("incremental_revenue", 0),
        )
    )  # fmt: skip


def test_hillstrom_is_reproduced_from_its_raw_rows(shared: Path) -> None:
    file = shared / "data/hillstrom/hillstrom.csv.gz"
    common = ("--csv", str(file), "--arm", "segment", "--control", "No E-Mail", "--json", "--revenue", "spend")

    bought = json.loads(_lift(*common, "--outcome", "conversion").stdout)
    visited = json.loads(_lift(*common, "--outcome", "visit").stdout)

    mens, womens = sorted(bought["comparisons"], key=lambda each: str(each["arm"]))
    assert _published(mens) == (
        0.006805, 0.00502, 0.00865, 1.188, 0.769, 1.708, 0.7698, 0.485, 1.055, 0.644, 1.977, 145, 16403,
    )  # fmt: skip
    assert _published(womens) == (
        0.003111, 0.00151, 0.00475, 0.543, 0.231, 0.935, 0.4244, 0.169, 0.680, 0.224, 1.275, 67, 9077,
    )  # fmt: skip
    assert mens["p_value"] == pytest.approx(1.523e-13, rel=1e-3)
    assert (mens["mean_p_value"], womens["mean_p_value"]) == (
        pytest.approx(1.1638e-7, rel=1e-4),
        pytest.approx(0.00112940, rel=1e-4),
    )
    assert mens["p_holm"] == pytest.approx(2 * mens["p_value"])
    mens, womens = sorted(visited["comparisons"], key=lambda each: str(each["arm"]))
    assert (mens["n_t"], mens["x_t"], mens["n_c"], mens["x_c"]) == (21307, 3894, 21306, 2262)
    assert (round(mens["diff"], 5), round(mens["diff_lo"], 5), round(mens["diff_hi"], 5)) == (0.07659, 0.06996, 0.08323)
    assert (round(womens["rel_lift"], 3), round(womens["rel_lo"], 3), round(womens["rel_hi"], 3)) == (0.426, 0.356, 0.5)


# --------------------------------------------------------------------- size


def test_size_says_in_words_what_an_audience_can_show() -> None:
    found = _size("--base", "0.03", "--lift", "0.2", "--control", "0.1", "--audience", "10000")

    words = found.stdout.replace("\u00a0", " ")
    assert "79,376 members are needed: 71,438 messaged and 7,938 held back" in words
    assert "With 10,000 members and 10.0 % control you can only see a lift of 62.4 % or more from 3.00 %." in words
    assert (
        "只能看出"
        in _size("--base", "0.03", "--lift", "0.2", "--control", "0.1", "--audience", "10000", language="zh").stdout
    )


def test_size_prints_json() -> None:
    found = json.loads(
        _size("--base", "0.03", "--lift", "0.2", "--control", "0.1", "--audience", "10000", "--json").stdout
    )

    assert found["audience_needed"] == found["treated_needed"] + found["control_needed"] == 79376
    assert found["mde_rel"] == pytest.approx(0.6244220626)
    assert found["power_at_audience"] < 0.2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--base": "1.2"}, "--base: a rate between 0 and 1"),
        ({"--base": "0"}, "--base: a rate between 0 and 1"),
        ({"--base": "nan"}, "--base: a rate between 0 and 1"),
        ({"--control": "1"}, "--control: a share between 0 and 1"),
        ({"--lift": "40"}, "--lift: the lifted rate must lie between 0 and 1"),
        ({"--lift": "0"}, "--lift: the lifted rate must lie between 0 and 1"),
        ({"--audience": "1"}, "--audience: an audience has at least 2 members"),
    ],
)
def test_rates_that_are_none_are_refused(changed: dict[str, str], said: str) -> None:
    options = {"--base": "0.03", "--lift": "0.2", "--control": "0.1", **changed}

    found = _size(*(word for pair in options.items() for word in pair))

    assert found.exit_code == 2
    assert said in found.stderr
