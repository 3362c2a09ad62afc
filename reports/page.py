"""A report as one self-contained HTML page: no script, no address outside the file."""

from html import escape

from reports.charts import svg_charts
from reports.headings import heading, subtitle
from reports.page_style import STYLE
from reports.report import CONTROL, TREATED, Report
from reports.tables import (
    PLACES,
    Table,
    arm_table,
    channel_table,
    closing_table,
    effect_table,
    entry_table,
    place_counts,
    refusal_table,
    remarks,
    step_table,
)
from reports.wording import amount, count, percent, points, said

#: The style class of each verdict that has a colour.
COLOURS = {"helped": "helped", "harmed": "harmed", "sample ratio mismatch": "mismatch"}


def as_html(report: Report, language: str) -> str:
    """Return the whole page in ``zh`` or ``en``."""
    title = heading(report, language)
    body = "\n".join(
        (
            f"<header><h1>{escape(title)}</h1><p>{escape(subtitle(report, language))}</p></header>",
            _verdict(report, language),
            _figures(report, language),
            _charts(report, language),
            _tables(report, language),
        )
    )
    return (
        f'<!doctype html>\n<html lang="{"zh-CN" if language.startswith("zh") else "en"}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body><main>\n{body}\n</main></body>\n</html>\n"
    )


def _verdict(report: Report, language: str) -> str:
    told = "".join(f"<p>{escape(sentence)}</p>" for sentence in remarks(report.effect, language))
    return f'<div class="verdict {COLOURS.get(str(report.effect.verdict), "")}">{told}</div>'


def _figures(report: Report, language: str) -> str:
    closing, effect = report.closing, report.effect
    cards = [("Planned", count(closing.planned), "")]
    if report.entries is not None:
        cards.insert(0, ("Entered", count(report.entries.entered), ""))
    share = closing.delivered / closing.planned if closing.planned else None
    cards.append(("Delivered", count(closing.delivered), percent(share, language) if closing.planned else ""))
    if effect.lift is not None:
        found = effect.lift
        interval = effect.look.interval if effect.look is not None else found.diff_interval
        span = f"{points(interval.lo, language)} … {points(interval.hi, language)}"
        cards.append(("Difference", points(found.diff, language), span if interval.lo is not None else ""))
        cards.append(("Relative lift", percent(found.relative, language, signed=True), ""))
        cards.append(("Incremental responders", count(found.incremental, language, signed=True), ""))
        if found.means is not None and found.means.diff is not None:
            total = found.means.diff * found.treated.assigned
            cards.append(("Incremental revenue", amount(total, language, signed=True), ""))
    cards.append(("Cost", f"{closing.cost:,.2f}", ""))
    drawn = "".join(
        f"<div><dt>{escape(said(name, language))}</dt><dd>{escape(value)}<small>{escape(small)}</small></dd></div>"
        for name, value, small in cards
    )
    return f'<dl class="figures">{drawn}</dl>'


def _charts(report: Report, language: str) -> str:
    drawn = svg_charts(report, language)
    return (
        f'<div class="grid">{"".join(f"<section>{chart}</section>" for chart in drawn.values())}</div>' if drawn else ""
    )


def _tables(report: Report, language: str) -> str:
    arms = {each.arm: each.counts for each in report.arms}
    pair: list[Table] = []
    if TREATED in arms and CONTROL in arms:
        pair.append(arm_table(arms[TREATED], arms[CONTROL], language))
    if report.effect.lift is not None:
        pair.append(effect_table(report.effect.lift, language))
    entries = entry_table(report, language)
    sums = [entries] if entries is not None else []
    if report.closing.refused:
        sums.append(refusal_table(report, language))
    wide = [channel_table(report, language)] if report.channels else []
    if report.steps:
        wide.append(step_table(report, language))
    return (
        f'<div class="grid">{_section(closing_table(report, language), style="sum")}{"".join(map(_section, sums + pair))}</div>'
        f"{''.join(map(_section, wide))}{_days(report, language)}"
    )


def _days(report: Report, language: str) -> str:
    if not report.days:
        return ""
    heads = ["Day", *(["Entered"] if report.entries is not None else []), "Planned", *PLACES.values()]
    rows = []
    for line in report.days:
        entered = [count(line.entries)] if report.entries is not None else []
        sums = [line.closing.planned, *place_counts(line.closing).values()]
        rows.append([line.day.isoformat(), *entered, *map(count, sums)])
    table = Table(title="", columns=[said(head, language) for head in heads], rows=rows)
    return (
        f"<section><details><summary>{escape(said('Per day', language))}</summary>{_drawn(table)}</details></section>"
    )


def _section(table: Table, *, style: str = "") -> str:
    return f"<section><h2>{escape(table.title)}</h2>{_drawn(table, style=style)}</section>"


def _drawn(table: Table, *, style: str = "") -> str:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in table.columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in table.rows
    )
    return f'<table class="{style}"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
