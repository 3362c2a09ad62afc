"""The reference of delivery: the same provider class handing over the same messages, with no ledger.

``python -m tests.bench.plain_sending FILE`` is one such process.  It says ``ready``, waits for
a line, and says how many messages were accepted.
"""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from channels.message import Message, OutcomeKind
from channels.registry import open_provider
from tests.bench.installation import ROOT

SECONDS_FOR_A_WINDOW = 60.0


class Errand(msgspec.Struct):
    """What one process is to hand over."""

    provider: str
    settings: dict[str, object]
    messages: list[Message]


def rate_without_ledger(
    folder: Path, account: Mapping[str, object], sample: Sequence[Message], *, count: int, processes: int
) -> float:
    """Hand over ``count`` messages, the sample's again and again under new references; return those accepted a second."""
    settings = dict(account)
    provider = str(settings.pop("provider"))
    again = [replace(sample[number % len(sample)], reference=f"plain-{number}") for number in range(count)]
    files = []
    for process in range(processes):
        files.append(folder / f"plain-{process}.msgpack")
        errand = Errand(provider=provider, settings=settings, messages=again[process::processes])
        files[-1].write_bytes(msgspec.msgpack.encode(errand, enc_hook=dict))  # Read-only mappings, too.
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.plain_sending", str(file)], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for file in files
    ]  # fmt: skip
    try:
        seconds, accepted = _let_go(children)
    finally:
        for child in children:
            child.kill()
            child.communicate()
    return accepted / seconds


def _let_go(children: Sequence["subprocess.Popen[str]"]) -> tuple[float, int]:
    """Let all begin at once when all are ready; return the seconds until the last was done, and what was accepted."""
    for child in children:
        _heard(child)
    began = time.monotonic()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    accepted = sum(int(_heard(child)) for child in children)
    return time.monotonic() - began, accepted


def _heard(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    line = child.stdout.readline().strip()
    if not line:
        raise RuntimeError("a process of the reference ended early")
    return line


def main(file: Path) -> None:
    """Be one process of the reference."""
    errand = msgspec.msgpack.decode(file.read_bytes(), type=Errand)
    provider = open_provider(errand.provider, errand.settings)
    print("ready", flush=True)
    sys.stdin.readline()
    accepted = 0
    for start in range(0, len(errand.messages), provider.window):
        window = errand.messages[start : start + provider.window]
        outcomes = provider.deliver(window, deadline=time.monotonic() + SECONDS_FOR_A_WINDOW)
        accepted += sum(outcome.kind is OutcomeKind.ACCEPTED for outcome in outcomes)
    print(accepted, flush=True)
    provider.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
