"""The environment of processes that we start."""

import os
from collections.abc import Mapping
from pathlib import Path

from config.refusals import PREFIX


def environment_with_file(file: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return this process's environment, in which ``file`` alone says how to run.

    No other setting of ours is handed on: a rehearsal must not meet the real providers
    because a variable names them.
    """
    kept = {name: value for name, value in environment.items() if not name.startswith(PREFIX)}
    return kept | {f"{PREFIX}FILE": str(file)}
