"""The environment of processes that we start."""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from config.refusals import PREFIX


def environment_with_file(file: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return this process's environment, in which ``file`` alone says how to run.

    No other setting of ours but the language is handed on: a rehearsal must not meet the real providers
    because a variable names them.
    """
    kept = {name: value for name, value in environment.items() if not name.startswith(PREFIX) or name == f"{PREFIX}LANGUAGE"}
    return kept | {f"{PREFIX}FILE": str(file)}


def prefer_language(language: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Let this process, and those it starts, speak ``zh`` or ``en`` from now on."""
    environment[f"{PREFIX}LANGUAGE"] = language
