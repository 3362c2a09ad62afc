"""``tidings report``: what came of a campaign or a journey, as table, JSON, CSV or page."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection, select

from config.foundation import open_foundation
from console.output import language, print_json, run_command, say, write_file
from console.report_tables import print_report
from database.engine import read_clock
from database.tables import campaigns
from language.problems import refuse
from reports.campaign_report import campaign_report
from reports.export import as_csv, as_data
from reports.journey_report import journey_report
from reports.page import as_html
from reports.report import Report
from reports.responses import credit

app = typer.Typer(help="What came of it: campaign, journey.", no_args_is_help=True)

#: Before every response there can be.
EVER = datetime(1970, 1, 1, tzinfo=UTC)

Name = Annotated[str, typer.Argument(help="Its name")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
CsvFile = Annotated[Path | None, typer.Option("--csv", help="Write the numbers to this CSV file.")]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="Write a self-contained page to this file.")]


@app.command("campaign")
@run_command
def report_campaign(name: Name, as_json: AsJson = False, csv_file: CsvFile = None, html_file: HtmlFile = None) -> None:
    """Report on a campaign: closing sum, arms, lift, steps and channels."""
    _give(_of_campaign, name, as_json=as_json, csv_file=csv_file, html_file=html_file)


@app.command("journey")
@run_command
def report_journey(name: Name, as_json: AsJson = False, csv_file: CsvFile = None, html_file: HtmlFile = None) -> None:
    """Report on a journey: entries, steps, closing sum, arms and lift."""
    _give(_of_journey, name, as_json=as_json, csv_file=csv_file, html_file=html_file)


def _of_campaign(connection: Connection, name: str, now: datetime) -> Report:
    ids = connection.execute(select(campaigns.c.id).where(campaigns.c.name == name)).scalars().all()
    # The workers credit as they go; a report must not depend on how recently they did.
    credit(connection, now=now, since=EVER, campaign_ids=ids)
    return campaign_report(connection, name, now=now)


def _of_journey(connection: Connection, name: str, now: datetime) -> Report:
    return journey_report(connection, name, now=now)


def _give(
    make: Callable[[Connection, str, datetime], Report],
    name: str,
    *,
    as_json: bool,
    csv_file: Path | None,
    html_file: Path | None,
) -> None:
    if as_json and (csv_file is not None or html_file is not None):
        raise refuse("--json prints and --csv and --html write: ask for one or the other")
    with open_foundation() as ground, ground.database.transaction() as connection:
        report = make(connection, name, read_clock(connection))
    if as_json:
        print_json(as_data(report))
        return
    if csv_file is not None:
        # The mark at the start tells spreadsheets that this is UTF-8.
        _write(csv_file, as_csv(report), encoding="utf-8-sig")
    if html_file is not None:
        _write(html_file, as_html(report, language()), encoding="utf-8")
    if csv_file is None and html_file is None:
        print_report(report)


def _write(file: Path, words: str, *, encoding: str) -> None:
    with suppress(OSError):  # Writing says what is wrong with a folder that could not be made.
        file.parent.mkdir(parents=True, exist_ok=True)
    write_file(file, words, encoding=encoding)
    say("Written: {file}", file=file)
