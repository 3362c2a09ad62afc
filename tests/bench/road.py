"""A campaign launched and carried to its end by real workers, and a sample of what they hand over."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, select, text

from campaigns.accounts import Account, Accounts
from campaigns.campaign import Campaign
from campaigns.carrier import Carrier
from campaigns.delivery import deliver
from campaigns.launching import launch
from campaigns.sends import plan
from channels.message import Channel, Message, Outcome, OutcomeKind
from channels.provider import Provider
from channels.simulator.record import read_record
from database.engine import read_clock
from database.tables import members
from tests.bench.installation import RULES, Installation
from tests.campaigns.test_planning import a_group
from tests.makers import SECRET, make_campaign

SAMPLE = 500
SLOWEST = 50  #: sends a second below which a run is given up
PATIENCE = 60.0  #: seconds given to any run besides
TEMPLATE = "new-season"
#: Asked so that the partial indexes answer: looking through the table ten times a second would slow what we measure.
OPEN = """
SELECT EXISTS (SELECT FROM sends WHERE state = 'waiting' AND channel = :channel)
    OR EXISTS (SELECT FROM sends WHERE state IN ('claimed', 'submitting'))
"""


class _Listening(Provider):
    """A provider that accepts everything and remembers it."""

    window = SAMPLE

    def __init__(self) -> None:
        self.heard: list[Message] = []

    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        self.heard += messages
        return [Outcome(kind=OutcomeKind.ACCEPTED, provider_ref=message.reference) for message in messages]


class _ListeningToMail(_Listening):
    channel = Channel.EMAIL
    name = "email.listening"


class _ListeningToTexts(_Listening):
    channel = Channel.SMS
    name = "sms.listening"


LISTENERS: dict[str, type[_Listening]] = {"email": _ListeningToMail, "sms": _ListeningToTexts}


@dataclass(frozen=True, kw_only=True)
class Carried:
    """How a launch went."""

    sends: int
    in_doubt: int  #: the simulator's answer was lost; none on a machine that is not overwhelmed
    seconds: float  #: from the launch until the ledger had every answer
    planning: float  #: seconds of those that planning took

    @property
    def details(self) -> Mapping[str, object]:
        """Return what explains the rate, in words."""
        return {"sends": self.sends, "in doubt": self.in_doubt, "seconds of planning": round(self.planning, 3)}


def publish(connection: Connection, channel: str) -> Campaign:
    """Publish the campaign that is measured: everybody, on one channel, nobody held back."""
    return make_campaign(connection, campaign="measured", template=TEMPLATE, channels=[channel])


def sample_messages(running: Installation, campaign: Campaign) -> list[Message]:
    """Return the messages of the campaign to its first members, as the road itself writes them."""
    listener = LISTENERS[campaign.definition.channels[0]]()
    accounts = Accounts(database=running.database, accounts=[Account(name=listener.name, provider=listener)])
    carrier = Carrier(
        accounts=accounts,
        database=running.database, rules=RULES, secret=SECRET, public_url=running.api_url,
        lease=timedelta(seconds=60),
    )  # fmt: skip
    with running.database.transaction() as connection:
        now = read_clock(connection)
        first = select(members.c.id).order_by(members.c.id).limit(SAMPLE)
        plan(connection, campaign, a_group(first, "sample"), now=now, rules=RULES)
    deliver(carrier, now=now, limit=SAMPLE)
    return listener.heard


def carry(running: Installation, campaign: Campaign, *, count: int) -> Carried:
    """Launch the campaign and wait until every send has its answer.

    Raises:
        RuntimeError: it took far too long, or the ledger and the simulator's own record do not say the same.
    """
    before = _taken(running)
    began = time.monotonic()
    with running.database.transaction() as connection:
        launched = launch(connection, campaign, occasion="measured", now=read_clock(connection), rules=RULES)
    planning = time.monotonic() - began
    while _is_open(running, campaign.definition.channels[0]):
        if time.monotonic() - began > PATIENCE + count / SLOWEST:
            raise RuntimeError(f"after {time.monotonic() - began:.0f} s: {_states(running)}")
        time.sleep(0.1)
    seconds = time.monotonic() - began
    states, taken = _states(running), _taken(running) - before
    accepted, in_doubt = states.get("accepted", 0), states.get("in_doubt", 0)
    if launched is None or accepted + in_doubt != count or not accepted <= taken <= count:
        raise RuntimeError(f"of {count} sends the simulator took {taken} and the ledger says {states}")
    return Carried(sends=count, in_doubt=in_doubt, seconds=seconds, planning=planning)


def _is_open(running: Installation, channel: str) -> bool:
    with running.database.transaction() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        return bool(connection.execute(text(OPEN), {"channel": channel}).scalar_one())


def _states(running: Installation) -> dict[str, int]:
    with running.database.transaction() as connection:
        found = connection.execute(text("SELECT state, count(*) FROM sends WHERE occasion <> 'sample' GROUP BY state"))
        return dict(found.tuples().all())


def _taken(running: Installation) -> int:
    return sum(message.accepted for message in read_record(running.simulator.record_path))
