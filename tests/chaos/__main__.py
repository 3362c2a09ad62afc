"""``make chaos``: the full size, printed as JSON; exits 1 when a promise is broken or a red check stays green.

A word does only a part of it: ``strangers`` (``make strangers``) what strangers try at the public side, ``receipts``
what providers tell, doubled and shuffled, ``words`` whether anybody gets words that are another's, ``sickness`` what becomes of
messages when one of two accounts is in trouble, ``erasure`` whether anything is left of members who were erased.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from database.embedded import EmbeddedEngines
from database.engine import Database
from database.migrations.running import upgrade
from tests.chaos.erasure import every_canary, is_complete
from tests.chaos.installation import WINDOW
from tests.chaos.oracle import Verdict
from tests.chaos.receipts import FEWEST_A_SECOND, SLOWEST_MS, broken_words, everything_told
from tests.chaos.runs import (
    everything_at_once,
    marking_without_waiting_for_the_disk,
    messaging_the_control_arm,
    resending_what_is_marked,
    without_the_poll,
)
from tests.chaos.sickness import every_sickness
from tests.chaos.strangers import everything_strangers_do
from tests.chaos.words import everybodys_words, mixed_up, sharing_one_message
from tests.listening import ListeningSide, a_listening_side

SENDS, RECEIPTS, WORDS = 100_000, 100_000, 20_000


def is_kept(verdict: Verdict) -> bool:
    """Say whether every promise held."""
    broken_promises = verdict.lost + verdict.doubled + verdict.to_control + verdict.unsettled
    return not broken_promises and verdict.most_in_doubt <= WINDOW * (verdict.kills + 2) + verdict.answers_lost


def folder(name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"tidings-chaos-{name}-"))


def beside_a_listening_side(name: str, run: Callable[[ListeningSide, Path], dict[str, object]]) -> dict[str, object]:
    """Run something against the public side of an installation of its own."""
    with EmbeddedEngines(folder(name)) as engines:
        upgrade(engines.database_url)
        database = Database(engines.database_url)
        with a_listening_side(database, engines.redis_url) as side:
            begun = time.perf_counter()
            report = run(side, folder(name))
            report.setdefault("seconds", round(time.perf_counter() - begun, 1))
        database.close()
    return report


def strangers() -> dict[str, object]:
    """Let strangers try 10,000 forged callbacks, 1,000 visits and 100,000 tokens."""

    def run(side: ListeningSide, _folder: Path) -> dict[str, object]:
        report = everything_strangers_do(side, callbacks=10_000, opened=1_000, tokens=100_000)
        return report | {"kept": not any(report.values())}

    return beside_a_listening_side("strangers", run)


def receipts() -> dict[str, object]:
    """Tell 100,000 different reports, three copies of each."""

    def run(side: ListeningSide, place: Path) -> dict[str, object]:
        seen = everything_told(side, place, receipts=RECEIPTS)
        swift = float(str(seen["ms p99"])) <= SLOWEST_MS and float(str(seen["reports a second"])) >= FEWEST_A_SECOND
        return seen | {"broken": broken_words(seen), "kept": swift and not broken_words(seen)}

    return beside_a_listening_side("receipts", run)


def words() -> dict[str, object]:
    """Carry 20,000 messages with a word of their own each through every provider; then with one object that threads share."""
    seen = everybodys_words(folder("words"), WORDS)
    muddled = everybodys_words(folder("muddled"), 1_000, opening=sharing_one_message, names=["sms.kannel", "sms.twilio"])
    red = {"a message object that threads share": bool(muddled["with a word of somebody else's"])}
    return seen | {"red checks that turned red": red, "kept": not mixed_up(seen) and all(red.values())}


def sickness() -> dict[str, object]:
    """Let an account fall sick in every way, for half a minute each."""
    return every_sickness(folder("sickness"), seconds=30, each_wave=25)


def erasure() -> dict[str, object]:
    """Erase 1,000 members with a word of their own in every place, in the middle of a journey."""
    home = folder("erasure")
    with EmbeddedEngines(home) as engines:
        upgrade(engines.database_url)
        database = Database(engines.database_url)
        begun = time.perf_counter()
        seen = every_canary(database, engines.redis_url, folder("dumps"), count=1_000, others=1_000, logs=home)
        database.close()
    return seen | {"kept": is_complete(seen, 1_000), "seconds": round(time.perf_counter() - begun, 1)}


PARTS: Mapping[str, Callable[[], dict[str, object]]] = {
    "strangers": strangers, "receipts": receipts, "words": words, "sickness": sickness,
    "erasure": erasure,
}  # fmt: skip


def main() -> int:
    if sys.argv[1:]:
        (asked,) = sys.argv[1:]
        seen = PARTS[asked]()
        print(json.dumps(seen, indent=2))
        return 0 if seen["kept"] else 1
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
    parts = {name: part() for name, part in PARTS.items()}
    print(json.dumps(report | parts, indent=2))
    return 0 if is_kept(verdict) and not unsound and all(red.values()) and all(part["kept"] for part in parts.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
