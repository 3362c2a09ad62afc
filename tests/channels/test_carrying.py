"""What is said of a mail when its connection is cut, against what the server really took."""

import random
import time
from collections import Counter
from pathlib import Path

import pytest
from mail_sinks import CutWire, Sink, deliver, mails, opened, running_sink

from channels.message import Outcome, OutcomeKind
from channels.simulator.faults import FaultRules
from channels.simulator.smtp_session import SmtpServerSettings

COUNT = 12
DATE = b"Date: Thu, 05 Nov 2026 08:30:00 +0000\r\n"


def contradictions(outcomes: list[Outcome], sink: Sink) -> list[str]:
    """Return every mail of which something else is said than what happened."""
    taken = Counter(sink.taken())
    found = [f"{reference} was taken {times} times" for reference, times in taken.items() if times > 1]
    for number, outcome in enumerate(outcomes):
        if outcome.kind is OutcomeKind.ACCEPTED and not taken[f"m{number}"]:
            found.append(f"m{number} was not taken, and is said to be accepted")
        if outcome.kind in (OutcomeKind.NOT_SENT, OutcomeKind.REJECTED) and taken[f"m{number}"]:
            found.append(f"m{number} was taken, and is said to be {outcome.kind}")
    return found


def settle(sink: Sink) -> None:
    """Wait until the server has nothing left to read: what was cut off may still be on its way to it."""
    seen = -1
    while seen != (seen := len(sink.recorded())):
        time.sleep(0.03)


def cut_somewhere(die: random.Random, size: int) -> tuple[int | None, int | None]:
    """Draw where a connection breaks: in what we say, or in what the server answers."""
    return (die.randrange(size), None) if die.random() < 0.5 else (None, die.randrange(1600))


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lock-step"])
@pytest.mark.parametrize("seed", range(15))
def test_wherever_connections_break_no_mail_is_lost_doubled_or_wrongly_called_unsent(
    tmp_path: Path, seed: int, pipelining: bool
):
    die = random.Random(seed)
    server = SmtpServerSettings(pipelining=pipelining, refused_addresses=r"m[37]@.*", asks_for_nothing=seed % 2 == 0)
    cuts = [cut_somewhere(die, 12_000) for _ in range(die.randrange(1, 5))]
    with running_sink(tmp_path, server) as sink, CutWire(sink.port, cuts) as wire:
        with opened(wire.port, max_connections=1 + seed % 2) as provider:
            outcomes = deliver(provider, mails(COUNT))
        settle(sink)

        assert contradictions(outcomes, sink) == []
        assert sum(outcome.kind is OutcomeKind.UNKNOWN for outcome in outcomes) <= len(cuts)


def test_with_faults_of_every_kind_the_outcomes_still_agree_with_the_record(tmp_path: Path):
    rules = FaultRules(
        answer_lost=0.04, half_body=0.04, garbled=0.04, dropped=0.04, unavailable=0.04,
        throttled=0.04, address_refused=0.04, content_refused=0.04, bad_gateway=0.04, redirected=0.04,
    )  # fmt: skip
    with running_sink(tmp_path, rules=rules) as sink, opened(sink.port, max_connections=3) as provider:
        outcomes = deliver(provider, mails(600))
        settle(sink)

        assert contradictions(outcomes, sink) == []
        assert {outcome.kind for outcome in outcomes} == set(OutcomeKind)


def size_of_first(port: int) -> tuple[int, int]:
    """Return how many bytes go out before the first body of ``mails``, and with it."""
    with opened(port) as provider:
        first = provider._write(0, mails(1)[0], DATE)
    before = len(b"EHLO here\r\n") + sum(map(len, first.envelope(notifies=True)))
    return before, before + len(first.content)


def outcomes_cut_at(tmp_path: Path, upward: int | None, downward: int | None = None) -> list[str]:
    with running_sink(tmp_path) as sink, CutWire(sink.port, [(upward, downward)]) as wire:
        with opened(wire.port, hello_name="here") as provider:
            outcomes = deliver(provider, mails(2))
        settle(sink)
        assert contradictions(outcomes, sink) == []
        return [outcome.kind.value for outcome in outcomes]


def test_a_cut_before_the_body_leaves_the_mail_unsent(tmp_path: Path):
    before, _ = size_of_first(1)

    assert outcomes_cut_at(tmp_path, before - 1) == ["not_sent"] * 2


def test_a_cut_within_a_body_that_was_written_leaves_only_that_mail_in_doubt(tmp_path: Path):
    _, whole = size_of_first(1)

    assert outcomes_cut_at(tmp_path, whole - 1) == ["unknown", "not_sent"]


def test_a_cut_among_the_answers_to_the_next_envelope_doubts_neither_mail(tmp_path: Path):
    # 220 simulator ESMTP, the EHLO reply, 250 250 354, then 250 queued: cut inside the next 250 250 354.
    greeting = len(b"220 simulator ESMTP\r\n")
    hello = len(b"250-simulator\r\n250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250-SIZE 10000000\r\n250 PIPELINING\r\n")
    envelope = len(b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 end with a dot\r\n")
    queued = len(b"250 2.0.0 Ok: queued as ") + 20

    kinds = outcomes_cut_at(tmp_path, None, greeting + hello + envelope + queued + 10)

    # The first was answered; the second's envelope alone was lost, and it went on another connection.
    assert kinds == ["accepted", "accepted"]
