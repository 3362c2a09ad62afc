"""Make workbooks as spreadsheet programs do, part by part, for tests that read them."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

NAMES = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#: Cell styles: 0 plain, 1 a day, 2 a day and hour, 3 a day the Chinese way, 4 money, 5 scientific.
STYLES = f"""<styleSheet {NAMES}><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;"/>
<numFmt numFmtId="165" formatCode="&quot;money&quot;#,##0.00"/></numFmts><cellXfs count="6"><xf numFmtId="0"/><xf numFmtId="14"/>
<xf numFmtId="22"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="11"/></cellXfs></styleSheet>"""

#: A cell: words, or (kind, value) with the kind of the file, or (kind, value, style).
Cell = str | tuple[str, str] | tuple[str, str, int] | None


def make_workbook(
    path: Path,
    sheets: dict[str, Sequence[tuple[int, Sequence[Cell]]]],
    *,
    dimension: str = "A1",
    **parts: str,
) -> Path:
    """Write a workbook of sheets, each a list of numbered rows; ``parts`` replace or add parts by name."""
    words: list[str] = []
    written = {
        "[Content_Types].xml": _content_types(len(sheets)),
        "xl/styles.xml": STYLES,
        "xl/workbook.xml": f'<workbook {NAMES} xmlns:r="{LINKS}"><sheets>'
        + "".join(f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(sheets, 1))
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        + "".join(
            f'<Relationship Id="rId{n}" Type="{LINKS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in range(1, len(sheets) + 1)
        )
        + "</Relationships>",
    }
    for number, rows in enumerate(sheets.values(), 1):
        told = "".join(
            f'<row r="{at}">' + "".join(_cell(at, place, cell, words) for place, cell in enumerate(cells)) + "</row>"
            for at, cells in rows
        )
        written[f"xl/worksheets/sheet{number}.xml"] = (
            f'<worksheet {NAMES}><dimension ref="{dimension}"/><sheetData>{told}</sheetData></worksheet>'
        )
    shared = "".join(f"<si><t>{escape(word)}</t></si>" for word in words)
    written["xl/sharedStrings.xml"] = f"<sst {NAMES}>{shared}</sst>"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in (written | parts).items():
            file.writestr(name, content)
    return path


def _content_types(sheets: int) -> str:
    parts = {"/xl/workbook.xml": "sheet.main", "/xl/sharedStrings.xml": "sharedStrings", "/xl/styles.xml": "styles"}
    parts |= {f"/xl/worksheets/sheet{n}.xml": "worksheet" for n in range(1, sheets + 1)}
    told = "".join(f'<Override PartName="{n}" ContentType="{SPREADSHEET}.{kind}+xml"/>' for n, kind in parts.items())
    return f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{told}</Types>'


def _cell(row: int, place: int, cell: Cell, words: list[str]) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        words.append(cell)
        cell = ("s", str(len(words) - 1))
    kind, value, style = (*cell, 0)[:3]
    at = f"{chr(65 + place)}{row}"
    if kind == "inlineStr":
        return f'<c r="{at}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    formula = "<f>A1</f>" if kind == "str" else ""
    return f'<c r="{at}" t="{kind}" s="{style}">{formula}<v>{escape(value)}</v></c>'
