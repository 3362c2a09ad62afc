"""What the demo says at its end: the closing sums, the lifts, the comparison, and where to look."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table as Drawn
from rich.text import Text

from console.demo.ending import Ending, stands_alone
from console.output import in_words, language, say, screen
from reports.closing import Closing
from reports.report import Report
from reports.tables import PLACES, place_counts, remarks
from reports.wording import count, p_text, percent, points


def tell_ending(ending: Ending) -> None:
    """Print everything at the end of the story."""
    _print_sums(ending.reports)
    _print_steps(ending.reports)
    _print_lifts(ending.reports)
    _say_verdict(ending)


def tell_files(written: Sequence[Path], folder: Path) -> None:
    """Say which files there are, the pages one by one and the others by kind."""
    say("Written to {folder}:", folder=folder)
    for file in written:
        if file.suffix == ".html":
            say("  {file}", file=file)
    kinds = {suffix: sum(file.suffix == suffix for file in written) for suffix in (".json", ".csv", ".png")}
    say(
        "  and {json} JSON files (demo.json holds everything), {csv} CSV files, {png} charts in {charts}.",
        json=kinds[".json"], csv=kinds[".csv"], png=kinds[".png"], charts=folder / "charts",
    )  # fmt: skip


def _drawn(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    drawn = Drawn(title=Text(in_words(title)), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for position, head in enumerate(columns):
        drawn.add_column(in_words(head), justify="left" if position == 0 else "right", vertical="bottom")
    for row in rows:
        drawn.add_row(*(Text(cell, no_wrap=position == 0) for position, cell in enumerate(row)))
    screen().print(drawn)


def _name(report: Report) -> str:
    return f"{in_words(report.kind)} {report.name}"


def _sum_row(name: str, closing: Closing) -> list[str]:
    counts = [count(number) for number in place_counts(closing).values()]
    return [name, *counts, count(closing.planned), f"{closing.cost:,.2f}"]


def _print_sums(reports: Sequence[Report]) -> None:
    rows = [_sum_row(_name(report), report.closing) for report in reports]
    _drawn("Closing sums: every member considered is in exactly one place", ["", *PLACES.values(), "Planned", "Cost"], rows)


def _print_steps(reports: Sequence[Report]) -> None:
    rows = [
        _sum_row(f"{report.name} {line.step} → {line.campaign}", line.closing)
        for report in reports
        if report.kind == "journey"
        for line in report.steps
        if line.closing is not None
    ]
    _drawn("Closing sums by step", ["", *PLACES.values(), "Planned", "Cost"], rows)


def _print_lifts(reports: Sequence[Report]) -> None:
    speaking = language()
    columns = ["", "Treated", "Control", "Difference", "95 % interval", "p", "Incremental responders"]
    rows, sentences = [], []
    for report in reports:
        found = report.effect.lift
        if found is None or not stands_alone(report):
            continue
        interval = found.diff_interval
        rows.append([
            _name(report),
            f"{percent(found.p_t, speaking)} / {count(found.treated.assigned)}",
            f"{percent(found.p_c, speaking)} / {count(found.control.assigned)}",
            points(found.diff, speaking),
            f"{points(interval.lo, speaking)} … {points(interval.hi, speaking)}",
            p_text(found.p_value, speaking),
            count(found.incremental, speaking, signed=True),
        ])  # fmt: skip
        # Before the last window has closed, the interval above is not the one that the verdict goes by.
        told = remarks(report.effect, speaking)[: 2 if report.effect.interim else 1]
        sentences.append(f"{_name(report)}: {' '.join(told)}")
    _drawn("What the messages caused", columns, rows)
    for sentence in sentences:
        screen().print(Text(sentence))
    screen().print()


def _say_verdict(ending: Ending) -> None:
    verdict = ending.verdict
    say(
        "The simulator's own record: {taken} messages taken, {unanswered} of them without an answer to us.",
        taken=count(verdict.taken), unanswered=count(verdict.unanswered),
    )  # fmt: skip
    say(
        "Against the ledger: lost {lost}, doubled {doubled}, sent to control members {control}; doubt closed as unknown {unknown}.",
        lost=verdict.lost, doubled=verdict.doubled, control=verdict.control, unknown=verdict.closed_unknown,
    )  # fmt: skip
    if ending.broken:
        for each in ending.broken:
            say("Broken: {name} ({count} rows).", name=each.name, count=each.count)
    else:
        say("Every invariant of the ledger holds.")
    screen().print()
