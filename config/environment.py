"""The environment of processes that we start."""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from config.refusals import PREFIX

#: The variable that holds the id of the process that watches over this one; without it nobody does.
SUPERVISOR = f"{PREFIX}SUPERVISOR"


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


def supervised(environment: MutableMapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a process that this one starts and watches over: it ends when this one is gone.

    None: this process's own environment.
    """
    return {**(os.environ if environment is None else environment), SUPERVISOR: str(os.getpid())}


def watch_parent(environment: MutableMapping[str, str] = os.environ) -> None:
    """Take whoever started this process for its supervisor from now on; for a child born by a fork."""
    environment[SUPERVISOR] = str(os.getppid())


def is_orphan(environment: Mapping[str, str] = os.environ) -> bool:
    """Say whether the process that watched over this one is gone; one that was started by hand is nobody's."""
    supervisor = environment.get(SUPERVISOR)
    return supervisor is not None and supervisor != str(os.getppid())
