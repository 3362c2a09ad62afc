"""``tidings journeys replay``: live through past days again with a journey in force."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import select

from campaigns.campaign import CampaignDefinition, load_definitions
from config.wiring import Application, open_application
from console.output import fail, print_json, print_table, run_command, say
from console.progress import progress_bar
from database.engine import Database, read_clock
from database.tables import campaigns
from journeys.journey import Journey, walk_steps
from journeys.loader import load_journey
from journeys.replay import Rehearsal, ReplayResult, replay
from members.events_importing import import_events
from members.import_maps import read_event_map, read_member_map
from members.importing import import_members

#: The campaigns that come with the journeys, asked where an installation has none of that name.
LIBRARY_CAMPAIGNS = Path(__file__).resolve().parents[2] / "campaigns" / "definitions"


@dataclass(frozen=True, kw_only=True)
class Files:
    """The files of members and events to replay in place of the live ones."""

    members: Path | None
    events: Path | None
    member_map: Path | None
    event_map: Path | None

    def loading(self, application: Application) -> Callable[[Database], None] | None:
        """Return what puts the files into a database; None where there are none."""
        if self.members is None and self.events is None:
            return None
        zone = ZoneInfo(application.rules.default_zone)

        def load(scratch: Database) -> None:
            with scratch.transaction() as connection:
                now = read_clock(connection)
            if self.members is not None:
                mapping = read_member_map(self.member_map) if self.member_map else None
                import_members(scratch, self.members, mapping=mapping, now=now, secret=application.secret, zone=zone)
            if self.events is not None:
                told = read_event_map(self.event_map) if self.event_map else None
                import_events(scratch, self.events, mapping=told, now=now, zone=zone)

        return load


@run_command
def replay_journey(
    file: Annotated[Path, typer.Argument(help="The journey file.")],
    from_day: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.")],
    to_day: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day, included.")],
    members: Annotated[
        Path | None, typer.Option("--members", help="A file of members instead of the live ones.")
    ] = None,
    events: Annotated[Path | None, typer.Option("--events", help="A file of events instead of the live ones.")] = None,
    event_map: Annotated[Path | None, typer.Option("--map", help="Which column of the events file is what.")] = None,
    member_map: Annotated[Path | None, typer.Option("--members-map", help="The same for the members file.")] = None,
    member: Annotated[
        list[str] | None, typer.Option("--member", help="Tell this member's way; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Live through past days again with a journey in force, in tables of its own; nothing is sent."""
    if to_day < from_day:
        fail("--to must not be before --from", exit_code=2)
    began = time.monotonic()
    journey = load_journey(file)
    files = Files(members=members, events=events, member_map=member_map, event_map=event_map)
    with open_application() as application:
        rehearsal = Rehearsal(
            journey=journey,
            campaigns=_campaigns_of(application, journey),
            library=application.library,
            rules=application.rules,
            from_day=from_day.date(),
            to_day=to_day.date(),
        )
        with _days_shown(rehearsal) as told:
            load = files.loading(application)
            found = replay(application.database, rehearsal, load=load, member_keys=member or [], told=told)
    _print(found, round(time.monotonic() - began, 3), as_json=as_json)


def _campaigns_of(application: Application, journey: Journey) -> list[CampaignDefinition]:
    """Return the campaigns the journey names: the installation's own, else the library's."""
    named = {step.send.campaign for _, step in walk_steps(journey.steps) if step.send}
    with application.database.transaction() as connection:
        rows = connection.execute(select(campaigns.c.definition).where(campaigns.c.name.in_(named))).scalars()
        own = [CampaignDefinition.model_validate(definition) for definition in rows]
    have = {definition.campaign for definition in own}
    return own + [one for one in load_definitions(LIBRARY_CAMPAIGNS) if one.campaign in named - have]


@contextmanager
def _days_shown(rehearsal: Rehearsal) -> Iterator[Callable[[date], None]]:
    with progress_bar() as progress:
        task = progress.add_task(rehearsal.journey.journey, total=(rehearsal.to_day - rehearsal.from_day).days + 1)
        yield lambda day: progress.update(task, completed=(day - rehearsal.from_day).days)


def _print(found: ReplayResult, seconds: float, *, as_json: bool) -> None:
    ways = {
        key: [{"at": entry.at, "what": entry.what, "detail": entry.detail} for entry in entries]
        for key, entries in found.timelines.items()
    }
    if as_json:
        data = {
            "entries": found.entries, "sends": found.sends, "withheld": found.withheld,
            "refused": found.refused, "cost": found.cost, "seconds": seconds,
        }  # fmt: skip
        print_json(data | ({"timelines": ways} if ways else {}))
        return
    rows: Sequence[Sequence[object]] = [
        *(("sent", channel, count) for channel, count in sorted(found.sends.items())),
        ("withheld", None, found.withheld),
        *(("refused", reason, count) for reason, count in sorted(found.refused.items())),
    ]
    print_table("Entries", ("day", "members"), list(found.entries.items()))
    print_table("Messages", ("what", "channel or reason", "messages"), rows)
    for key, entries in ways.items():
        print_table(key, ("at", "what", "detail"), [(entry["at"], entry["what"], entry["detail"]) for entry in entries])
    say(
        "{entries} entries, cost {cost}, {seconds} seconds.",
        entries=sum(found.entries.values()),
        cost=found.cost,
        seconds=seconds,
    )
