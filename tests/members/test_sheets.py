"""Workbooks are read as a person sees them, and hostile ones end in a sentence."""

import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from language.problems import InputRefused
from members import sheets
from members.text_files import first_row, look_through, read_rows
from tests.workbooks import NAMES, make_workbook


def rows_of(path: Path, sheet: str | None = None) -> list[tuple[int, list[str]]]:
    return [(row.line, row.cells) for row in read_rows(look_through(path, sheet=sheet))]


def test_cells_are_the_words_a_person_sees(tmp_path: Path) -> None:
    path = make_workbook(
        tmp_path / "a.xlsx",
        {
            "会员": [
                (1, ["会员号", "手机", "生日", "入会", "农历", "钱", "真"]),
                (2, [("n", "123"), ("n", "1.3800001234E10", 5), ("n", "33000", 1), ("n", "46235.4375", 2)]),
                (3, ["A2", ("n", "13800001234"), ("n", "33000", 3), ("str", "八月十五"), None, ("n", "12.50", 4), ("b", "1")]),
                (4, [("inlineStr", "A3"), ("e", "#N/A"), ("n", "0.5", 2), ("n", "59", 1), ("n", "61", 1), ("n", "-3")]),
            ]
        },
    )
    assert rows_of(path) == [
        (1, ["会员号", "手机", "生日", "入会", "农历", "钱", "真"]),
        (2, ["123", "13800001234", "1990-05-07", "2026-08-01 10:30:00", "", "", ""]),
        (3, ["A2", "13800001234", "1990-05-07", "八月十五", "", "12.5", "true"]),
        (4, ["A3", "", "12:00:00", "1900-02-28", "1900-03-01", "-3", ""]),
    ]


def test_blank_and_missing_rows_keep_the_numbers_of_the_others(tmp_path: Path) -> None:
    path = make_workbook(
        tmp_path / "a.xlsx", {"S": [(3, ["key", "name"]), (4, [None, None]), (5, ["1"]), (9, ["2", "b"])]}
    )
    assert rows_of(path) == [(3, ["key", "name"]), (5, ["1", ""]), (9, ["2", "b"])]


def test_the_first_sheet_is_read_or_the_one_named_and_another_name_is_refused(tmp_path: Path) -> None:
    path = make_workbook(tmp_path / "a.xlsx", {"one": [(1, ["a"])], "two": [(1, ["b"])]})
    assert rows_of(path) == [(1, ["a"])]
    assert rows_of(path, "two") == [(1, ["b"])]
    assert look_through(path).digest != look_through(path, sheet="two").digest
    with pytest.raises(InputRefused, match=r"a\.xlsx: there is no sheet three; the workbook has one, two"):
        look_through(path, sheet="three")


def test_a_number_too_long_for_a_spreadsheet_spoils_its_row_only(tmp_path: Path) -> None:
    path = make_workbook(
        tmp_path / "a.xlsx", {"S": [(1, ["key"]), (2, [("n", "6.2220200011234568E+18")]), (3, ["6222020001123456789"])]}
    )
    found = list(read_rows(look_through(path)))
    assert [row.problem is not None for row in found] == [False, True, False]
    assert "15 digits" in str(found[1].problem)


def test_a_number_shown_as_a_day_that_is_none_spoils_its_row_only(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    path = make_workbook(
        tmp_path / "a.xlsx", {"S": [(1, ["key"]), (2, ["A1", ("n", "13800001234", 1)]), (3, ["A2", ("n", "33000", 1)])]}
    )
    found = list(read_rows(look_through(path)))
    assert [(row.line, row.problem is not None) for row in found] == [(1, False), (2, True), (3, False)]
    assert "is no day" in str(found[1].problem)
    assert found[2].cells == ["A2", "1990-05-07"]
    assert not recwarn.list


def test_days_and_hours_of_styles_that_openpyxl_does_not_know_are_days(tmp_path: Path) -> None:
    east_asian = "".join(f'<xf numFmtId="{n}"/>' for n in (0, 31, 57, 46))
    cells = [("n", "33000", 1), ("n", "33000.25", 2), ("n", "1.5", 3), ("n", "13800001234", 1), ("n", "7", 99)]
    styles = f'<styleSheet {NAMES}><cellXfs count="4">{east_asian}</cellXfs></styleSheet>'
    path = make_workbook(tmp_path / "a.xlsx", {"S": [(1, cells)]}, **{"xl/styles.xml": styles})
    assert rows_of(path) == [(1, ["1990-05-07", "1990-05-07 06:00:00", "36:00:00", "13800001234", "7"])]


def test_what_a_workbook_says_of_its_size_is_not_believed(tmp_path: Path) -> None:
    path = make_workbook(tmp_path / "a.xlsx", {"S": [(1, ["key"]), (2_000_000_000, ["x"])]}, dimension="A1:XFD1048576")
    found = look_through(path)
    assert (found.lines, first_row(found)) == (1, ["key"])


def test_days_are_counted_from_1904_where_the_workbook_says_so(tmp_path: Path) -> None:
    path = make_workbook(tmp_path / "a.xlsx", {"S": [(1, [("n", "0.0", 1), ("n", "44773", 1)])]})
    with zipfile.ZipFile(path) as file:
        told = file.read("xl/workbook.xml").decode()
    old = told.replace("<sheets>", '<workbookPr date1904="1"/><sheets>')
    path = make_workbook(tmp_path / "b.xlsx", {"S": [(1, [("n", "44773", 1)])]}, **{"xl/workbook.xml": old})
    assert rows_of(path) == [(1, ["2026-08-01"])]


SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><worksheet><sheetData/></worksheet>'
ENTITIES = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
#: The same at its full size, and behind a comment so long that the beginning does not show it.
BILLION = (
    f'<!--{"x" * 5000}--><!DOCTYPE x [<!ENTITY l0 "haha">{ENTITIES}]><worksheet {NAMES}><sheetData>'
    '<row r="1"><c r="A1" t="str"><v>&l9;</v></c></row></sheetData></worksheet>'
)


def a_row(told: str) -> str:
    return f"<worksheet {NAMES}><sheetData>{told}</sheetData></worksheet>"


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({SHEET: LAUGHS}, "cannot be read"),
        ({SHEET: BILLION}, "cannot be read"),
        ({"xl/sharedStrings.xml": BILLION}, "cannot be read"),
        ({"[Content_Types].xml": BILLION}, "cannot be read"),
        ({SHEET: "<worksheet><sheetData><row"}, "cannot be read"),
        ({SHEET: a_row('<row r="1"><c r="A1" t="s"><v>7</v></c></row>')}, "cannot be read"),
        ({SHEET: a_row('<row r="1"><c r="ZZZZZ1"><v>7</v></c></row>')}, "cannot be read"),
        ({SHEET: a_row('<row r="1"><c r="ALN1"><v>7</v></c></row>')}, "more than 1000 columns"),
        ({SHEET: a_row('<row r="1"><c r="A1"><v>seven</v></c></row>')}, "cannot be read"),
        ({SHEET: a_row('<row r="x"/>')}, "cannot be read"),
        ({SHEET: a_row("").replace("schemas.openxmlformats.org", "purl.oclc.org/ooxml")}, "strict workbook"),
        ({"[Content_Types].xml": "<Types/>"}, "cannot be read"),
        ({"xl/styles.xml": "<styleSheet><cellXfs"}, "cannot be read"),
        ({"xl/workbook.xml": "<workbook/>"}, "no sheet"),
        ({"xl/workbook.xml": "no xml"}, "cannot be read"),
    ],
)
def test_a_broken_or_hostile_workbook_is_refused_with_its_name(tmp_path: Path, parts: dict[str, str], told: str) -> None:
    path = make_workbook(tmp_path / "odd.xlsx", {"S": [(1, ["key"])]}, **parts)
    with pytest.raises(InputRefused, match=rf"odd\.xlsx:(1:)? .*{told}"):
        rows_of(path)


def test_a_workbook_that_swells_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "MOST_WORDS", 100_000)
    path = make_workbook(tmp_path / "bomb.xlsx", {"S": [(1, ["x" * 200_000])]})
    assert path.stat().st_size < 10_000
    with pytest.raises(InputRefused, match="too large unpacked"):
        look_through(path)


@pytest.mark.parametrize("part", [SHEET, "xl/styles.xml", "xl/theme/theme1.xml"])
def test_a_part_that_packs_to_a_thousandth_is_taken_for_a_bomb(tmp_path: Path, part: str) -> None:
    swollen = a_row("<row/>") + " " * (33 << 20)
    path = make_workbook(tmp_path / "bomb.xlsx", {"S": [(1, ["key"])]}, **{part: swollen})
    assert path.stat().st_size < 100_000
    with pytest.raises(InputRefused, match="too large unpacked"):
        look_through(path)


def test_words_kept_in_another_part_are_weighed_as_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_WORDS", 100_000)
    path = make_workbook(tmp_path / "bomb.xlsx", {"S": [(1, ["key"])]}, **{"xl/elsewhere.bin": "x" * 200_000})
    assert look_through(path).lines == 1
    with zipfile.ZipFile(path) as file:
        moved = file.read("[Content_Types].xml").decode().replace("/xl/sharedStrings.xml", "/xl/elsewhere.bin")
    parts = {"xl/elsewhere.bin": "x" * 200_000, "[Content_Types].xml": moved}
    with pytest.raises(InputRefused, match="too large unpacked"):
        look_through(make_workbook(tmp_path / "moved.xlsx", {"S": [(1, ["key"])]}, **parts))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04 and no more", "cannot be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old or locked"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe\x00\xff\xff\xff", "or an .xlsx workbook"),
    ],
)
def test_what_is_neither_text_nor_a_workbook_says_so(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "odd.bin"
    path.write_bytes(content)
    with pytest.raises(InputRefused, match=rf"odd\.bin: .*{told}"):
        look_through(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_encoding_and_delimiter_of_text_are_found_out(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "a.csv"
    lines = [["会员号", "姓名"], ["上1", f'"王{delimiter}芳"']]
    path.write_bytes("\n".join(delimiter.join(line) for line in lines).encode(encoding))
    found = look_through(path)
    assert found.lines == 2
    assert [row.cells for row in read_rows(found)] == [["会员号", "姓名"], ["上1", f"王{delimiter}芳"]]


def test_a_workbook_of_openpyxl_says_the_same(tmp_path: Path) -> None:
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    sheet.append(["key", "手机", "day", "moment"])
    sheet.append(["A1", 13800001234, date(1990, 5, 7), datetime(2026, 8, 1, 10, 30)])  # noqa: DTZ001
    workbook.save(tmp_path / "a.xlsx")
    assert rows_of(tmp_path / "a.xlsx")[1] == (2, ["A1", "13800001234", "1990-05-07", "2026-08-01 10:30:00"])
