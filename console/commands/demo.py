"""``tidings demo``: made-up members, 120 of their days on the real road, and honest reports at the end."""

import contextlib
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from config.logs import set_up_logs
from config.settings import read_settings
from console.demo.population import STORY_ENDS
from console.demo.running import Wanted, run_demo
from console.demo.stage import Stage, serve
from console.output import fail, run_command, say
from language.problems import refuse

app = typer.Typer()

DAY = "%Y-%m-%d"
LOOK_EVERY = 1.0  #: seconds between two looks at whether everything served still runs


@app.command("demo")
@run_command
def demo(
    members_file: Annotated[Path | None, typer.Option("--members", help="A member file of your own, with --events")] = None,
    events_file: Annotated[Path | None, typer.Option("--events", help="An event file of your own")] = None,
    map_file: Annotated[Path | None, typer.Option("--map", help="How their columns are read: sections members and events")] = None,
    members_count: Annotated[int, typer.Option(min=50, max=1_000_000, help="How many members to make up")] = 20_000,
    days: Annotated[int, typer.Option(min=5, max=365, help="How many days to tell")] = 120,
    seed: Annotated[int, typer.Option(help="The same seed tells the same story")] = 7,
    ends: Annotated[datetime, typer.Option(formats=[DAY], help="The last day of the story")] = datetime.combine(STORY_ENDS, datetime.min.time()),  # noqa: DTZ901
    visit: Annotated[bool, typer.Option("--serve", help="Leave everything running at the end, until Ctrl-C")] = False,
    folder: Annotated[Path | None, typer.Option("--out", help="Folder for everything that is written")] = None,
    spoken: Annotated[Literal["zh", "en"] | None, typer.Option("--language", help="zh or en for reports and words")] = None,
) -> None:
    """Make members up, run the library's journeys over their last 120 days, and report what the messages caused."""
    if members_file is not None and events_file is None:
        raise refuse("members without events have no story; give --events as well", field="--members")
