"""The copy of the log of erasures that lies beside the secret, where no old dump takes it along: a line each of JSON."""

import json
import os
from codecs import getincrementaldecoder
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from language.problems import InputRefused, Problem, refuse
from members.erasure.log import Erasure

LOG_FILE = "erasures.jsonl"


def lines_of(entries: Sequence[Erasure]) -> list[str]:
    """Return these entries as lines of the log."""
    return [json.dumps(asdict(each), default=datetime.isoformat) for each in entries]


def note_readmission(file: Path, fingerprint: bytes, *, now: datetime) -> None:
    """Note that somebody of a key may come in again, whatever the lines before say."""
    append_lines(file, [json.dumps({"fingerprint": fingerprint.hex(), "lifted_at": now.isoformat()})])


def append_lines(file: Path, lines: Sequence[str]) -> None:
    """Add lines, and see them written; what a crash left of a line gives way to them."""
    if not lines:
        return
    with file.open("a+b") as log:
        log.seek(0)
        known = log.read()
        if not known.endswith(b"\n"):
            log.truncate(known.rfind(b"\n") + 1)
        log.write("".join(line + "\n" for line in lines).encode())
        log.flush()
        os.fsync(log.fileno())


def read_log_file(file: Path) -> list[Erasure]:
    """Read a log of erasures; what a crash left of its last line was never committed and is passed over.

    Raises:
        InputRefused: the file cannot be read, or a line of it is none of the log's.
    """
    try:
        *lines, torn = file.read_bytes().split(b"\n")
        getincrementaldecoder("utf-8")().decode(torn)  # It may end within a character.
    except UnicodeDecodeError:
        raise refuse("the file must be text in UTF-8", file=str(file)) from None
    except OSError as error:
        raise refuse("the file cannot be read: {why}", file=str(file), why=error.strerror or type(error).__name__) from None
    found: list[Erasure] = []
    problems = []
    for number, line in enumerate(lines, 1):
        try:
            found = _with_line(found, line.decode())
        except (ValueError, TypeError, KeyError):
            problems.append(Problem(sentence="this is no entry of a log of erasures", file=str(file), line=number))
    if problems:
        raise InputRefused(problems)
    return found


def _with_line(entries: list[Erasure], line: str) -> list[Erasure]:
    told = json.loads(line)
    fingerprint = bytes.fromhex(told["fingerprint"]).hex()
    lifted = told.get("lifted_at")
    lifted_at = None if lifted is None else datetime.fromisoformat(lifted)
    if set(told) == {"fingerprint", "lifted_at"}:
        return [replace(each, lifted_at=lifted_at) if each.fingerprint == fingerprint else each for each in entries]
    number = told["member_id"]
    entries.append(
        Erasure(
            member_id=None if number is None else int(number), fingerprint=fingerprint, reason=str(told["reason"]),
            erased_at=datetime.fromisoformat(told["erased_at"]), lifted_at=lifted_at,
            stops=tuple((str(channel), bytes.fromhex(mark).hex()) for channel, mark in told.get("stops", ())),
        )
    )  # fmt: skip
    return entries
