"""Run the demo from beginning to end, with bars that say how far it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.progress import Progress, TaskID

from config.settings import Settings
from console.demo.ending import Ending, end, write_files
from console.demo.files import (
    MEMBERS_MAP,
    read_deeds,
    read_maps,
    split,
    window_of,
    write_events,
    write_map,
    write_members,
)
from console.demo.habits import Deed, draw_deeds
from console.demo.population import STORY_ENDS, Resident, draw_population, midnight
from console.demo.reactions import Reactions
from console.demo.road import Road
from console.demo.stage import DATABASE, Stage, set_stage, wait_for_http
from console.demo.story import Story, Telling, import_past, publish
from console.demo.telling import tell_ending, tell_files
from console.output import in_words, language, say
from console.progress import progress_bar
from language.problems import refuse

CHANNELS = ("sms", "email", "wechat")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user asked for."""

    folder: Path
    members_count: int = 20_000
    days: int = 120
    seed: int = 7
    members_file: Path | None = None  #: None, with ``events_file``: whoever the events name
    events_file: Path | None = None  #: None: members and events are made up
    map_file: Path | None = None
    ends: date = STORY_ENDS
    workers: int = 2
    database_name: str = DATABASE


def run_demo(settings: Settings, wanted: Wanted, *, visit: Callable[[Stage], None] | None = None) -> Ending:
    """Tell the story, print the reports and write the files; ``visit`` is called before everything is taken down.

    Raises:
        InputRefused: a file of the user's cannot be used.
        RuntimeError: a part of the stage failed.
    """
    started = time.monotonic()
    # The stage's processes run elsewhere, and would read another file where this one were not to be found.
    wanted = replace(wanted, folder=wanted.folder.absolute())
    wanted.folder.mkdir(parents=True, exist_ok=True)
    with set_stage(settings, wanted.folder, seed=wanted.seed, workers=wanted.workers, name=wanted.database_name) as stage:
        with progress_bar() as bars:
            story = _story(wanted, ZoneInfo(settings.time_zone), bars)
            _import(story, stage, ZoneInfo(settings.time_zone), bars)
            wait_for_http(stage)
            # Triggers look at the past before there are journeys: it lets nobody in, and looking is cheap then.
            Road(stage).run(story.begins_at)
            publish(story, stage)
            now = _tell(story, stage, bars)
            ending = end(stage, now=now)
            task = bars.add_task(in_words("Writing reports"), total=len(ending.reports))
            written = write_files(ending, wanted.folder, language(), wrote=lambda: bars.advance(task))
        tell_ending(ending)
        tell_files(written, wanted.folder)
        say("The demo took {seconds} s.", seconds=round(time.monotonic() - started))
        if visit is not None:
            visit(stage)
    return ending


def _story(wanted: Wanted, zone: ZoneInfo, bars: Progress) -> Story:
    if wanted.events_file is None:
        return _made_up(wanted, bars)
    maps = read_maps(wanted.map_file)
    deeds = read_deeds(wanted.events_file, maps.events, zone)
    begins, _ = window_of(deeds, wanted.days)
    before, during = split(deeds, begins)
    if not before:
        raise refuse("all these events lie in the last {days} days; ask for fewer with --days", file=str(wanted.events_file), days=wanted.days)
    file = wanted.folder / "events-before.csv"
    write_events(file, before)
    return Story(
        seed=wanted.seed, starts=begins.date(), days=wanted.days, members_file=wanted.members_file,
        members_map=maps.members, events_file=file, deeds=during,
    )  # fmt: skip


def _made_up(wanted: Wanted, bars: Progress) -> Story:
    """Make members and events up, and write them into the folder."""
    starts = wanted.ends - timedelta(days=wanted.days - 1)
    begins, folder = midnight(starts), wanted.folder
    task = bars.add_task(in_words("Making up members"), total=wanted.members_count)
    residents: list[Resident] = []
    deeds: list[Deed] = []
    for resident in draw_population(wanted.members_count, seed=wanted.seed, ends=wanted.ends):
        residents.append(resident)
        deeds += draw_deeds(resident, seed=wanted.seed, ends=wanted.ends)
        bars.advance(task)
    deeds.sort(key=lambda deed: (deed.at, deed.key))
    before, during = split(deeds, begins)
    newcomers = sorted((each for each in residents if each.joined_at >= begins), key=lambda each: (each.joined_at, each.key))
    write_members(folder / "members-before.csv", (each for each in residents if each.joined_at < begins))
    write_members(folder / "members-during.csv", newcomers)
    write_events(folder / "events-before.csv", before)
    write_events(folder / "events-during.csv", during)
    write_map(folder / "map.yaml")
    return Story(
        seed=wanted.seed, starts=starts, days=wanted.days, members_file=folder / "members-before.csv",
        members_map=MEMBERS_MAP, events_file=folder / "events-before.csv", deeds=during, newcomers=newcomers,
    )  # fmt: skip


def _import(story: Story, stage: Stage, zone: ZoneInfo, bars: Progress) -> None:
    members = bars.add_task(in_words("Importing members"), total=None, visible=story.members_file is not None)
    events = bars.add_task(in_words("Importing events"), total=None)
    import_past(story, stage, zone=zone, members=_following(bars, members), events=_following(bars, events))


def _following(bars: Progress, task: TaskID) -> Callable[[int, int], None]:
    return lambda done, total: bars.update(task, completed=done, total=total)


def _tell(story: Story, stage: Stage, bars: Progress) -> datetime:
    days = bars.add_task(in_words("Simulated days"), total=story.days)
    arrived = {channel: bars.add_task(f"  {in_words(channel)}", total=None) for channel in CHANNELS}

    def told(day: date, reactions: Reactions) -> None:
        bars.update(days, completed=(day - story.starts).days + 1, description=f"{in_words('Simulated days')} · {day}")
        most = max(reactions.reached.values(), default=1) or 1
        for channel, task in arrived.items():
            bars.update(task, completed=reactions.reached[channel], total=most)

    telling = Telling(
        story=story, stage=stage, road=Road(stage), reactions=Reactions(story.seed), told_until=story.begins_at
    )
    return telling.tell(told)


