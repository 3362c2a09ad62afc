"""``python -m tests.bench``: measure the figures and print them as one JSON object."""

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.bench import (
    birthdays,
    email_road,
    events_in,
    journey_steps,
    latency,
    member_import,
    memory,
    providers,
    reckoning,
    segment_count,
    slow_provider,
    sms_road,
)
from tests.bench.figures import Figure, rounded

Measure = Callable[[Path, float], list[Figure]]
MEASURES: Mapping[str, Measure] = {
    "P-1": email_road.measure,
    "P-2": sms_road.measure,
    "P-3": slow_provider.measure,
    "P-4": events_in.measure,
    "P-5": member_import.measure,
    "P-6": journey_steps.measure,
    "P-7": birthdays.measure,
    "P-8": segment_count.measure,
    "P-9": latency.measure,
    "P-11": memory.measure,
    "providers": providers.measure,
    "reckoning": reckoning.measure,
}


def main() -> int:
    """Measure what was asked for; 1: a figure could not be measured."""
    asked = _arguments()
    # Being asked to end must stop engines and workers as well, so it unwinds like any other exit.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(143))
    began = time.monotonic()
    figures = [found for name in asked.only or MEASURES for found in _measured(name, asked.scale)]
    report = {
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "load before": rounded(asked.load),
        },
        "scale": asked.scale,
        "figures": figures,
        "seconds": round(time.monotonic() - began, 1),
    }
    written = json.dumps(report, indent=2, ensure_ascii=False)
    if asked.out is not None:
        asked.out.write_text(written + "\n", encoding="utf-8")
    print(written)
    return 1 if any("failed" in figure for figure in figures) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), metavar="NAME", help=f"one or more of {', '.join(MEASURES)}")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full sizes; targets are meant for 1.0")
    parser.add_argument("--out", type=Path, help="file to write the JSON to as well")
    asked = parser.parse_args()
    asked.load = os.getloadavg()[0]
    return asked


def _measured(name: str, scale: float) -> list[dict[str, object]]:
    """Measure one name's figures in a folder of their own; whatever goes wrong stops no other."""
    print(f"{name} …", file=sys.stderr, flush=True)
    folder = Path(tempfile.mkdtemp(prefix="tidings-bench-"))
    began = time.monotonic()
    try:
        found = [figure.as_dict() for figure in MEASURES[name](folder, scale)]
    except Exception as error:
        traceback.print_exc()
        found = [{"name": name, "failed": f"{type(error).__name__}: {error}"}]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for figure in found:
        said = f"{figure.get('value')} {figure.get('unit')}" if "value" in figure else "failed"
        print(f"  {figure['name']}: {said}, {time.monotonic() - began:.0f} s with set-up", file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
