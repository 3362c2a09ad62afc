"""Receipts in any order: told thrice, shuffled, some before our own commit, among garbage, over the real HTTP side.

What must come of it is worked out here in plain Python from what was pushed, never from our tables.
"""

import contextlib
import json
import random
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import msgspec
from sqlalchemy import Connection, select, text

from campaigns.carrier import installation_mark
from campaigns.sends import Answer, plan, record
from channels.message import Outcome, OutcomeKind
from channels.simulator.receipts import Push
from database.engine import Database, read_clock
from database.tables import members
from tests.campaigns.test_planning import RULES, a_group
from tests.chaos.people import make_people
from tests.chaos.pushes import NAMES, Carried, PretendProviders, Request, as_request, carried_by, garbage
from tests.listening import ListeningSide, told_by
from tests.makers import NOON, SECRET, make_campaign

ROOT = Path(__file__).resolve().parents[2]
COPIES, EARLY, GARBAGE, CONNECTIONS = 3, 0.05, 0.01, 32
HELD_BY = uuid.UUID(int=1)  #: the worker whose answers come after the providers' own words
FOREIGN = "deadbeef"  #: the mark of another installation that shares our accounts
SLOWEST_MS, FEWEST_A_SECOND = 500, 1000

_PLACES = {"sms": (0, 1, 2, 3), "email": (4, 5, 6), "wechat": (7,)}  #: which of ``NAMES`` carry each channel
_FALLS = """
CREATE TABLE falls (id bigint, before text, after text);
CREATE FUNCTION note_fall() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO falls VALUES (OLD.id, OLD.state, NEW.state); RETURN NULL; END $$;
CREATE TRIGGER note_falls AFTER UPDATE ON sends FOR EACH ROW
WHEN (array_position(ARRAY['submitting', 'accepted', 'failed', 'delivered'], OLD.state)
    > coalesce(array_position(ARRAY['submitting', 'accepted', 'failed', 'delivered'], NEW.state), 0))
EXECUTE FUNCTION note_fall();
"""
_NO_FALLS = "DROP TRIGGER note_falls ON sends; DROP FUNCTION note_fall; DROP TABLE falls"


@dataclass(frozen=True)
class Story:
    """What is told of every send, and what must be true in the end."""

    carried: Sequence[Carried]
    told: Sequence[tuple[Carried, bool]]
    early: frozenset[int]  #: sends whose answer we write down only after their reports came
    states: dict[int, str]


def make_story(connection: Connection, receipts: int, chance: random.Random) -> Story:
    """Make so many sends that there are ``receipts`` different reports about them, and decide on each one's fate."""
    count = receipts * 5 // 6
    make_people(connection, count)
    carried: list[Carried] = []
    for channel, places in _PLACES.items():
        campaign = make_campaign(connection, campaign=f"wave-{channel}", channels=[channel])
        for place in places:
            chosen = select(members.c.id).where(members.c.id % 8 == place)
            plan(connection, campaign, a_group(chosen, "receipts"), now=NOON, rules=RULES)
            found = connection.execute(_OF_PLACE, {"channel": channel, "place": place}).all()
            carried += carried_by(NAMES[place], [(row[0], row[1]) for row in found], installation_mark(SECRET))
    told: list[tuple[Carried, bool]] = []
    states: dict[int, str] = {}
    for number, each in enumerate(carried):
        failed, arrived = number % 5 in (0, 1), number % 5 != 0  # Of five, one fails, and one fails before it arrives.
        told += [(each, False)] * failed + [(each, True)] * arrived
        states[each.send_id] = "delivered" if arrived else "failed"
    early = frozenset(each.send_id for each in carried if chance.random() < EARLY)
    _say_they_were_carried(connection, carried, early)
    return Story(carried=carried, told=told, early=early, states=states)


_OF_PLACE = text(
    "SELECT s.id, a.address FROM sends s JOIN addresses a ON a.id = s.address_id "
    "WHERE s.channel = :channel AND s.member_id % 8 = :place ORDER BY s.id"
)


def _say_they_were_carried(connection: Connection, carried: Sequence[Carried], early: frozenset[int]) -> None:
    rows = [
        {"id": each.send_id, "provider": each.provider, "ref": None if each.send_id in early else each.provider_ref,
         "state": "submitting" if each.send_id in early else "accepted"}
        for each in carried
    ]  # fmt: skip
    given = {"rows": json.dumps(rows), "token": HELD_BY}
    told = "json_to_recordset(CAST(:rows AS json)) AS told (id bigint, provider text, ref text, state text)"
    connection.execute(
        text(
            "INSERT INTO attempts (send_id, number, provider, marked_at, outcome, provider_ref) SELECT id, 1, provider, now(), "
            f"CASE state WHEN 'accepted' THEN 'accepted' END, ref FROM {told}"
        ),
        given,
    )
    connection.execute(
        text(
            "UPDATE sends SET state = told.state, attempts = 1, provider = told.provider, "
            "token = CASE told.state WHEN 'submitting' THEN CAST(:token AS uuid) END, "
            f"lease_until = CASE told.state WHEN 'submitting' THEN now() + interval '1 day' END FROM {told} WHERE sends.id = told.id"
        ),
        given,
    )
    connection.execute(text("ANALYZE"))


def requests_for(story: Story, pretend: PretendProviders, chance: random.Random) -> tuple[list[Request], int, set[int]]:
    """Return every request in no order, how many reports are another installation's, and the sends whose address is dead."""
    told = list(story.told)
    chance.shuffle(told)
    first = pretend.pushes(told)
    chance.shuffle(
        told
    )  # Told anew, under other signatures and beside others; then the first ones once more, byte for byte.
    foreign = [
        replace(
            each,
            label=f"{FOREIGN}-{each.send_id}",
            reference=f"{FOREIGN}-{each.send_id}",
            told_ref=f"9{each.told_ref}"[:60],
        )
        for each in chance.sample(list(story.carried), max(8, len(told) // 1000))
        if not each.provider.endswith(("twilio", "mailgun"))
    ]
    pushes = [*first, *pretend.pushes(told), *first, *pretend.pushes([(each, True) for each in foreign])]
    good = [as_request(push) for push in pushes]
    found = good + garbage(first, max(20, round(len(good) * GARBAGE)), chance)
    chance.shuffle(found)
    return found, len(foreign), {send_id for push in first for send_id in _dead(push)}


def _dead(push: Push) -> Iterator[int]:
    """Yield the sends whose address a push calls dead, by the providers' own documents and no code of ours."""
    if push.provider == "email.sendgrid":
        for item in json.loads(push.body):
            if item.get("status") == "5.1.1" or item.get("reason") == "Bounced Address":
                yield _named(item["tidings_reference"])
        return
    words = push.body.decode()
    marks = {
        "sms.twilio": ("ErrorCode=30005", "ErrorCode=30006"),
        "email.ses": ('bounceType\\": \\"Permanent',),
        "email.mailgun": ('"reason": "bounce"', '"reason": "suppress-bounce"'),
    }
    if any(mark in words for mark in marks.get(push.provider, ())):
        yield _named(push.receipts[0].reference)


def _named(reference: str) -> int:
    return int(reference.rpartition("-")[2])


def write_answers_down(database: Database, story: Story) -> None:
    """Write down, after the fact, what the providers had answered to those whose reports were quicker."""
    late = [each for each in story.carried if each.send_id in story.early]
    for start in range(0, len(late), 64):
        answers = [
            Answer(
                send_id=each.send_id,
                attempt=1,
                outcome=Outcome(kind=OutcomeKind.ACCEPTED, provider_ref=each.provider_ref),
            )
            for each in late[start : start + 64]
        ]
        with database.transaction() as connection:
            record(connection, answers, token=HELD_BY, now=read_clock(connection), settle_after=timedelta(minutes=1))


@contextlib.contextmanager
def _part(module: str, *words: str) -> Iterator["subprocess.Popen[str]"]:
    part = subprocess.Popen(
        [sys.executable, "-m", module, *words], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert part.stdout is not None and part.stdin is not None
    try:
        assert part.stdout.readline() == "ready\n", f"{module} did not begin"
        yield part
    finally:
        part.stdin.close()
        try:
            part.wait(30)
        finally:
            part.kill()


def everything_told(side: ListeningSide, folder: Path, *, receipts: int, seed: int = 1) -> dict[str, object]:
    """Tell so many different reports, three copies of each; return the figures."""
    database, chance, pretend = side.application.database, random.Random(seed), PretendProviders(folder)
    with database.transaction() as connection:
        story = make_story(connection, receipts, chance)
        connection.execute(text(_FALLS))
    requests, foreign, dead = requests_for(story, pretend, chance)
    (folder / "requests.msgpack").write_bytes(msgspec.msgpack.encode(requests))
    try:
        with told_by(side, *pretend.adapters().values()):
            seen = _tell(side, folder, story, len(story.told) + foreign)
            return seen | _judge(database, story, foreign, dead)
    finally:
        with database.transaction() as connection:
            connection.execute(text(_NO_FALLS))


def _tell(side: ListeningSide, folder: Path, story: Story, expected: int) -> dict[str, object]:
    database = side.application.database
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with contextlib.ExitStack() as held:
        for _ in range(2):
            held.enter_context(_part("tests.chaos.applying", url))
        posting = held.enter_context(
            _part("tests.chaos.posting", str(folder / "requests.msgpack"), side.url, str(CONNECTIONS))
        )
        assert posting.stdin is not None and posting.stdout is not None
        posting.stdin.write("go\n")
        posting.stdin.flush()
        early: list[int] = []
        writing = threading.Thread(target=lambda: early.append(_write_when_half_came(database, story, expected)))
        writing.start()
        seen: dict[str, object] = json.loads(posting.stdout.readline())
        writing.join()
        seen["reports before our own commit"] = early[0]
        seen["seconds until applied"] = round(_wait_until_applied(database, expected - len(story.told)), 1)
    return seen


def _write_when_half_came(database: Database, story: Story, expected: int) -> int:
    """Return how many reports had come by then about sends whose answers were not written down."""
    deadline = time.monotonic() + 1200
    while _number(database, "SELECT count(*) FROM receipts") < expected // 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    ids = sorted(story.early)
    early = _number(
        database, "SELECT count(*) FROM receipts WHERE send_id = ANY(:ids) OR provider_ref = ANY(:refs)",
        ids=ids, refs=[each.provider_ref for each in story.carried if each.send_id in story.early and each.provider_ref],
    )  # fmt: skip
    write_answers_down(database, story)
    return early


def _wait_until_applied(database: Database, left: int) -> float:
    began = time.monotonic()
    while (
        _number(database, "SELECT count(*) FROM receipts WHERE applied_at IS NULL") > left
        and time.monotonic() < began + 60
    ):
        time.sleep(0.2)
    return time.monotonic() - began


def _judge(database: Database, story: Story, foreign: int, dead: set[int]) -> dict[str, object]:
    with database.transaction() as connection:
        states = {row.id: row.state for row in connection.execute(text("SELECT id, state FROM sends"))}
        suppressed = set(connection.execute(_SUPPRESSED).scalars())
    stored = _number(database, "SELECT count(*) FROM receipts")
    return {
        "sends": len(states),
        "reports told": len(story.told),
        "states": dict(Counter(states.values())),
        "states other than told": sum(states[send_id] != state for send_id, state in story.states.items()),
        "sends nobody spoke of that moved": len(states.keys() - story.states.keys()),
        "reports stored too many or too few": abs(stored - len(story.told) - foreign),
        "reports of other installations": foreign,
        "not applied": _number(database, "SELECT count(*) FROM receipts WHERE applied_at IS NULL") - foreign,
        "steps backwards": _number(database, "SELECT count(*) FROM falls"),
        "addresses called dead": len(dead),
        "addresses wrongly suppressed or not": len(suppressed ^ dead),
    }


_SUPPRESSED = text(
    "SELECT s.id FROM sends s JOIN addresses a ON a.id = s.address_id "
    "JOIN suppressions u ON u.channel = a.channel AND u.fingerprint = a.fingerprint"
)
#: Every figure that must be nought.
NOUGHT = (
    "states other than told", "sends nobody spoke of that moved", "reports stored too many or too few", "not applied", "steps backwards",
    "addresses wrongly suppressed or not",
)  # fmt: skip


def _number(database: Database, query: str, **values: object) -> int:
    with database.transaction() as connection:
        return int(connection.execute(text(query), values).scalar_one())


def broken_words(seen: dict[str, object]) -> list[str]:
    """Name the promises that were not kept, speed aside."""
    answers = cast(dict[str, int], seen["answers"])
    wrong = [name for name in NOUGHT if seen[name]]
    wrong += [
        f"answered {name}" for name in answers if (name.startswith("good") and name != "good 200") or " 5" in name
    ]
    return wrong + ["garbage was taken"] * bool(answers.get("garbage 200"))
