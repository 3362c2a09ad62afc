"""``tidings demo``: made-up members, 120 of their days on the real road, and honest reports at the end."""

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from config.environment import prefer_language
from config.logs import set_up_logs
from config.settings import read_settings
from console.demo.population import STORY_ENDS
from console.demo.running import Wanted, run_demo
from console.demo.stage import Stage, open_to_visitors
from console.output import fail, run_command, say
from language.problems import refuse

app = typer.Typer()

DAY = "%Y-%m-%d"
LOOK_EVERY = 1.0  #: seconds between two looks at whether everything still runs


@app.command("demo")
@run_command
def demo(
    members_file: Annotated[Path | None, typer.Option("--members", help="A member file of your own, with --events")] = None,
    events_file: Annotated[Path | None, typer.Option("--events", help="An event file of your own")] = None,
    map_file: Annotated[Path | None, typer.Option("--map", help="How their columns are read: sections members and events")] = None,
    members_count: Annotated[int, typer.Option(min=50, max=1_000_000, help="How many members to make up")] = 20_000,
    days: Annotated[int, typer.Option(min=5, max=365, help="How many days to tell")] = 120,
    seed: Annotated[int, typer.Option(help="The same seed tells the same story")] = 7,
    ends: Annotated[datetime | None, typer.Option(formats=[DAY], help="The last day of a made-up story; 2026-08-31 if left out")] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Leave everything running at the end, until Ctrl-C")] = False,
    folder: Annotated[Path | None, typer.Option("--out", help="Folder for everything that is written")] = None,
    spoken: Annotated[Literal["zh", "en"] | None, typer.Option("--language", help="zh or en for the reports and the screen")] = None,
) -> None:
    """Make members up, run the library's journeys over their last 120 days, and report what the messages caused."""
    if members_file is not None and events_file is None:
        raise refuse("members without events have no story; give --events as well", field="--members")
    if spoken is not None:
        prefer_language(spoken)
    settings = read_settings()
    set_up_logs("warning")
    wanted = Wanted(
        folder=folder or settings.home / "demo",
        members_count=members_count,
        days=days,
        seed=seed,
        members_file=members_file,
        events_file=events_file,
        map_file=map_file,
        ends=ends.date() if ends is not None else STORY_ENDS,
    )
    try:
        ending = run_demo(settings, wanted, visit=_keep_open if serve else None)
    except RuntimeError as error:
        fail("the demo could not go on: {reason}", reason=str(error))
    if not ending.is_sound:
        fail("The ledger and the simulator's record do not agree; see above.")


def _keep_open(stage: Stage) -> None:
    """Leave everything running for visitors until Ctrl-C."""
    open_to_visitors(stage)
    say("Everything is running, by the real clock again. What the phones received: {url}", url=stage.simulator.http_url)
    say("The public HTTP side, where the links in messages lead: {url}", url=stage.api_url)
    say("Other commands see the demo with TIDINGS_FILE={file}, for example: tidings why M000001 welcome", file=stage.file.absolute())
    say("Stop it with Ctrl-C.")
    try:
        while True:
            stage.check_alive()
            time.sleep(LOOK_EVERY)
    except KeyboardInterrupt:
        say("Stopping.")
