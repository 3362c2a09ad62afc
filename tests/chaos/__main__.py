"""``make chaos``: the full size, printed as JSON; exits 1 when a promise is broken or a red check stays green.

``make strangers`` (the word ``strangers``) does only what strangers try at the public side.
"""

import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from database.embedded import EmbeddedEngines
from database.engine import Database
from database.migrations.running import upgrade
from tests.chaos.installation import WINDOW
from tests.chaos.oracle import Verdict
from tests.chaos.runs import (
    everything_at_once,
    marking_without_waiting_for_the_disk,
    messaging_the_control_arm,
    resending_what_is_marked,
    without_the_poll,
)
from tests.chaos.strangers import everything_strangers_do
from tests.listening import a_listening_side

SENDS = 100_000


def is_kept(verdict: Verdict) -> bool:
    """Say whether every promise held."""
    broken_promises = verdict.lost + verdict.doubled + verdict.to_control + verdict.unsettled
    return not broken_promises and verdict.most_in_doubt <= WINDOW * (verdict.kills + 2) + verdict.answers_lost


def folder(name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"tidings-chaos-{name}-"))


def strangers() -> dict[str, object]:
    """Let strangers try 10,000 forged callbacks, 1,000 visits and 100,000 tokens on an installation of its own."""
    with EmbeddedEngines(folder("strangers")) as engines:
        upgrade(engines.database_url)
        database = Database(engines.database_url)
        with a_listening_side(database, engines.redis_url) as side:
            begun = time.perf_counter()
            report = everything_strangers_do(side, callbacks=10_000, opened=1_000, tokens=100_000)
            seconds = time.perf_counter() - begun
        database.close()
    return report | {"kept": not any(report.values()), "seconds": round(seconds, 1)}


def main() -> int:
    if sys.argv[1:] == ["strangers"]:
        tried = strangers()
        print(json.dumps(tried, indent=2))
        return 0 if tried["kept"] else 1
    verdict, unsound, seconds = everything_at_once(folder("all"), sends=SENDS, limit=1800, crashes=3)
    report: dict[str, object] = {
        "everything at once": asdict(verdict) | {"seconds": round(seconds, 1), "unsound": [item.name for item in unsound]}
    }
    resent, _, _ = everything_at_once(folder("resent"), sends=5_000, limit=120, sabotage=resending_what_is_marked)
    control, _, _ = everything_at_once(folder("control"), sends=1_000, limit=120, sabotage=messaging_the_control_arm, crashes=0)
    stopped = without_the_poll(folder("poll"), sends=1_000, limit=10)
    unsynced, _, _ = everything_at_once(
        folder("disk"), sends=20_000, limit=300, sabotage=marking_without_waiting_for_the_disk, crashes=6
    )
    red = {
        "marked sends sent again": resent.doubled > 0,
        "control arm messaged": control.to_control > 0,
        "no poll": stopped.unsettled > 0,
        "marks not waited for": unsynced.doubled > 0,
    }
    report["red checks that turned red"] = red
    report["strangers"] = tried = strangers()
    print(json.dumps(report, indent=2))
    return 0 if is_kept(verdict) and not unsound and all(red.values()) and tried["kept"] else 1


if __name__ == "__main__":
    sys.exit(main())
