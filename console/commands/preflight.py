"""``tidings campaigns preflight``: what a campaign would do, before anything is planned."""

from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from campaigns.campaign import load_definition
from campaigns.preflight import Asked, Installation, Preflight, preflight
from campaigns.preflight.asking import SAMPLE
from config.carriers import signed_by
from config.wiring import Application, open_application
from console.launch_moment import read_at
from console.output import FAILED, print_json, run_command
from console.preflight_shown import as_data, show
from database.engine import read_clock
from language.problems import refuse


@run_command
def preflight_campaign(
    name: Annotated[str | None, typer.Argument(help="The campaign; with --file, left out.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="A campaign file, as if it had been applied.")] = None,
    segment: Annotated[str | None, typer.Option("--segment", help="Look at the members of this segment only.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="As if launched then, such as 2026-09-01T10:00; without it, now.")
    ] = None,
    members: Annotated[
        int, typer.Option("--members", min=1, max=10_000, help="Members of each channel whose words are tried.")
    ] = SAMPLE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Say whom a campaign would reach, what it would cost and why messages would be refused; nothing is planned or sent.

    Ends with 1 where the campaign, a channel or an account would send nothing at all.
    """
    asked = _asked(name, file, segment, members)
    with open_application() as application:
        found = preflight(application.database, asked, _installation(application), now=_moment(application, at))
        if as_json:
            print_json(as_data(found, application.settings.currency))
        else:
            show(found, application.settings.currency, ZoneInfo(application.settings.time_zone))
    _end(found)


def _asked(name: str | None, file: Path | None, segment: str | None, sample: int) -> Asked:
    if (name is None) == (file is None):
        raise refuse("name either a campaign or, with --file, a campaign file")
    definition = None if file is None else load_definition(file)
    return Asked(
        name=definition.campaign if definition else name or "", definition=definition, segment=segment, sample=sample
    )


def _installation(application: Application) -> Installation:
    return Installation(
        accounts=application.accounts,
        library=application.library,
        rules=application.rules,
        secret=application.secret,
        public_url=application.public_url,
        signed_by=signed_by(application.settings),
        zone=ZoneInfo(application.settings.time_zone),
        sensitive_words=application.settings.sensitive_words,
    )


def _moment(application: Application, at: str | None) -> datetime:
    if at is not None:
        return read_at(at, application.settings.time_zone)
    with application.database.transaction() as connection:
        return read_clock(connection)


def _end(found: Preflight) -> None:
    if not found.could_go:
        raise typer.Exit(FAILED)
