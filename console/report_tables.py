"""A report on a terminal: names left, figures right, the last row of a sum set off."""

from rich import box
from rich.table import Table as Drawn
from rich.text import Text

from console.output import language, screen
from reports.headings import heading, subtitle
from reports.report import CONTROL, TREATED, Report
from reports.tables import (
    Table,
    arm_table,
    channel_table,
    closing_table,
    effect_table,
    entry_table,
    refusal_table,
    remarks,
    step_table,
)


def print_columns(table: Table, *, total: bool = False) -> None:
    """Print a table whose first column names the row; ``total`` sets the last row off as the sum of the others."""
    drawn = Drawn(
        title=Text(table.title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for position, head in enumerate(table.columns):
        drawn.add_column(head, justify="left" if position == 0 else "right", vertical="bottom" if position else "top")
    for number, row in enumerate(table.rows, start=1):
        last = total and number == len(table.rows)
        if last:
            drawn.add_section()
        drawn.add_row(
            *(Text(cell, no_wrap=place > 0) for place, cell in enumerate(row)), style="bold" if last else None
        )
    screen().print(drawn)


def print_report(report: Report) -> None:
    """Print the report for people, the verdict first and the closing sum with its total."""
    speaking = language()
    screen().print(Text(heading(report, speaking), style="bold"))
    screen().print(Text(subtitle(report, speaking), style="dim"))
    screen().print()
    for sentence in remarks(report.effect, speaking):
        screen().print(Text(sentence))
    screen().print()
    print_columns(closing_table(report, speaking), total=True)
    if report.closing.refused:
        print_columns(refusal_table(report, speaking))
    entries = entry_table(report, speaking)
    if entries is not None:
        print_columns(entries, total=True)
    arms = {each.arm: each.counts for each in report.arms}
    if TREATED in arms and CONTROL in arms:
        print_columns(arm_table(arms[TREATED], arms[CONTROL], speaking))
    if report.effect.lift is not None:
        print_columns(effect_table(report.effect.lift, speaking))
    if report.channels:
        print_columns(channel_table(report, speaking))
    if report.steps:
        print_columns(step_table(report, speaking))
