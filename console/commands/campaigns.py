"""``tidings campaigns``: check, publish, list, launch, hold and end campaigns."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection, func, select

from campaigns.campaign import CampaignDefinition, load_definition, load_definitions
from campaigns.launching import Launched, launch, schedule_launch
from campaigns.publishing import apply_campaigns, load_campaign, set_campaign_state, template_problems
from campaigns.sends import cancel_for_campaign
from config.carriers import signed_by
from config.settings import read_settings
from config.wiring import Application, installation_library, open_application
from console.commands.preflight import preflight_campaign
from console.launch_moment import read_at
from console.output import in_words, language, print_json, print_table, run_command, say, tell_warnings
from console.ringing import ring_for_delivery
from database.engine import read_clock
from database.tables import campaigns, sends
from language.problems import InputRefused, Problem, refuse
from members.attributes import defined_attributes
from reports.reasons import reason_words

app = typer.Typer(help="Campaigns: check, apply, list, preflight, launch, pause, resume, cancel.", no_args_is_help=True)
app.command("preflight")(preflight_campaign)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Name = Annotated[str, typer.Argument(help="The campaign.")]


@app.command("check")
@run_command
def check_campaigns(files: Annotated[list[Path], typer.Argument(help="Campaign files.")], as_json: AsJson = False) -> None:
    """Name everything wrong with campaign files: file, line, field and what was expected."""
    settings = read_settings()
    library, signs = installation_library(settings), signed_by(settings)
    problems: list[Problem] = []
    for path in files:
        try:
            definition = load_definition(path)
        except InputRefused as refused:
            problems.extend(refused.problems)
            continue
        problems.extend(_placed(problem, path) for problem in template_problems([definition], library, signed_by=signs))
    if as_json:
        print_json({"files": len(files), "problems": [_told(problem) for problem in problems]})
        if problems:
            raise typer.Exit(2)
        return
    if problems:
        raise InputRefused(problems)
    say("{count} campaigns checked, nothing wrong.", count=len(files))


def _placed(problem: Problem, path: Path) -> Problem:
    return Problem(sentence=problem.sentence, values=problem.values, file=str(path), field=problem.field)


def _told(problem: Problem) -> dict[str, object]:
    return {"file": problem.file, "line": problem.line, "field": problem.field, "problem": problem.told(language())}


@app.command("apply")
@run_command
def apply_folder(
    folder: Annotated[Path, typer.Argument(help="Folder of campaign files.", exists=True, file_okay=False)], as_json: AsJson = False
) -> None:
    """Publish every campaign of a folder, or none: one broken file stops them all."""
    wanted = load_definitions(folder)
    with open_application() as application, application.database.transaction() as connection:
        now, signs = read_clock(connection), signed_by(application.settings)
        done = apply_campaigns(connection, wanted, application.library, now=now, signed_by=signs)
        defined = defined_attributes(connection)
        for template in sorted({definition.template for definition in wanted}):
            tell_warnings(application.library.warnings(template, attributes=defined))
    if as_json:
        print_json({"new": list(done.new), "changed": list(done.changed), "unchanged": list(done.unchanged)})
        return
    rows = [(name, in_words(what)) for what in ("new", "changed", "unchanged") for name in getattr(done, what)]
    print_table("Campaigns", ("campaign", "what happened"), rows)


@app.command("list")
@run_command
def list_all(as_json: AsJson = False) -> None:
    """List every campaign with its state, its next launch and how many sends it has."""
    with open_application() as application, application.database.transaction() as connection:
        found = _list(connection)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (one.name, one.title.get(language(), ""), in_words(one.state), ", ".join(one.channels), one.control, one.next_run_at, one.sends)
        for one in found
    ]  # fmt: skip
    print_table("Campaigns", ("campaign", "title", "state", "channels", "control", "next launch", "sends"), rows)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One campaign of the list."""

    name: str
    title: Mapping[str, str]
    state: str
    channels: Sequence[str]
    control: float  #: share held back
    next_run_at: datetime | None
    sends: int


def _list(connection: Connection) -> list[Listed]:
    planned = select(sends.c.campaign_id, func.count().label("sends")).group_by(sends.c.campaign_id).subquery()
    rows = connection.execute(
        select(campaigns.c.name, campaigns.c.state, campaigns.c.definition, campaigns.c.next_run_at, func.coalesce(planned.c.sends, 0))
        .outerjoin(planned, planned.c.campaign_id == campaigns.c.id)
        .order_by(campaigns.c.name)
    )
    found = []
    for name, state, content, next_run_at, count in rows:
        definition = CampaignDefinition.model_validate(content)
        listed = Listed(
            name=name,
            title=definition.title.model_dump(),
            state=state,
            channels=definition.channels,
            control=float(definition.control.share),
            next_run_at=next_run_at,
            sends=count,
        )
        found.append(listed)
    return found


@app.command("launch")
@run_command
def launch_campaign(
    name: Name,
    at: Annotated[str | None, typer.Option("--at", help="When, such as 2026-09-01T10:00; without it, now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Plan a send for every member of the audience, now or at an hour; both arms are drawn then."""
    with open_application() as application:
        if at is None:
            _launch_now(application, name, as_json=as_json)
        else:
            _launch_later(application, name, at, as_json=as_json)


def _launch_now(application: Application, name: str, *, as_json: bool) -> None:
    with application.database.transaction() as connection:
        now = read_clock(connection)
        campaign = load_campaign(connection, name)
        done = launch(connection, campaign, occasion=f"hand:{now.isoformat()}", now=now, rules=application.rules)
    ring_for_delivery(application.redis_url)
    if done is not None:
        _tell_launch(done, as_json=as_json)


def _tell_launch(done: Launched, *, as_json: bool) -> None:
    planned = done.planned
    if as_json:
        print_json(
            {
                "campaign": done.campaign,
                "occasion": done.occasion,
                "considered": done.considered,
                "waiting": planned.waiting,
                "withheld": planned.withheld,
                "refused": dict(planned.refused),
            }
        )
        return
    told = [(in_words("Waiting"), planned.waiting), (in_words("Withheld (control)"), planned.withheld)]
    told += [(reason_words(reason, language()), number) for reason, number in sorted(planned.refused.items())]
    told.append((in_words("Planned"), done.considered))
    print_table("What the launch planned", ("", "Members"), told)


def _launch_later(application: Application, name: str, at: str, *, as_json: bool) -> None:
    moment = read_at(at, application.settings.time_zone)
    with application.database.transaction() as connection:
        campaign = load_campaign(connection, name)
        if campaign.state != "active":
            raise refuse("campaign {name} is {state} and cannot be launched", name=name, state=campaign.state)
        schedule_launch(connection, campaign, at=moment)
    if as_json:
        print_json({"campaign": name, "launches_at": moment})
    else:
        say("{name} will be launched at {moment}.", name=name, moment=moment.isoformat())


@app.command("pause")
@run_command
def pause(name: Name) -> None:
    """Send nothing of it until it is resumed; what a provider already has stays there."""
    _set_state(name, "paused")
    say("{name} is paused: what waits, waits.", name=name)


@app.command("resume")
@run_command
def resume(name: Name) -> None:
    """Let a paused campaign go on; what expired meanwhile is not sent."""
    _set_state(name, "active")
    say("{name} goes on.", name=name)


@app.command("cancel")
@run_command
def cancel(name: Name) -> None:
    """End a campaign for ever and cancel what no provider has heard of."""
    with open_application() as application, application.database.transaction() as connection:
        set_campaign_state(connection, name, "cancelled")
        stopped = cancel_for_campaign(connection, load_campaign(connection, name).id, reason="campaign_cancelled")
    say("{name} is cancelled; {count} messages that waited will not be sent.", name=name, count=stopped)


def _set_state(name: str, state: str) -> None:
    with open_application() as application, application.database.transaction() as connection:
        set_campaign_state(connection, name, state)
