"""Nobody gets another's words: every message has a word of its own, and the wire is read for words that are somebody else's."""

import queue
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from channels.message import Message, OutcomeKind
from channels.provider import Provider
from channels.simulator.faults import FaultRules
from channels.simulator.record import RecordedMessage, read_record
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import SimulatorSettings
from tests.chaos.tapped import tapped
from tests.chaos.wire import Parcel, envelopes_in, parcels_in, readable, requests_in
from tests.contracts.provider_accounts import ACCOUNTS, Account

FAULTS = FaultRules(
    answer_lost=0.01, half_body=0.01, bad_gateway=0.01, garbled=0.01, dropped=0.01, unavailable=0.02, throttled=0.01,
    redirected=0.005, address_refused=0.01, hang=0.001, hang_for=8.0, latency=0.002,
)  # fmt: skip
RESETS = 0.003
THREADS, WINDOW, TRIES, PATIENCE = 4, 50, 12, 5.0
#: Providers that carry equal words to several people in one call: of those, so many share their word.
SHARING: Mapping[str, int] = {"sms.tencent": 5, "wechat.wecom": 5, "wechat.wecom_application": 5}
#: How many times a message's own word stands in it at least, for mails: subject, text, html and a header.
TIMES = {"email": 4}
_WORD = re.compile(r"KN(\d{6})NK")

Opening = Callable[[Account, str, int], Provider]


def opened(account: Account, http_url: str, smtp_port: int) -> Provider:
    """Open the provider as it is."""
    return account.open(http_url, smtp_port, PATIENCE)


def own_word(account: Account, number: int) -> int:
    """Return the number in the word of a message."""
    return number // SHARING.get(account.name, 1)


def messages_of(account: Account, count: int) -> list[Message]:
    """Return so many messages, each with its own word in every field it has."""
    return [_message(account, number) for number in range(count)]


def addressed(account: Account, number: int) -> Message:
    """Return a plain message of an account, to an address that no other account writes to."""
    return account.message(100_000 * (1 + ACCOUNTS.index(account)) + number)


def _message(account: Account, number: int) -> Message:
    plain, word = addressed(account, number), f"KN{own_word(account, number):06d}NK"
    headers = {"List-Unsubscribe": f"<https://crm.example/u/{word}>"} if account.name.startswith("email") else {}
    return replace(
        plain,
        reference=f"0123abcd-{number}",
        parts=dict.fromkeys(plain.parts, f"{word}，好"),
        variables={"name": f"{word}，好"},
        headers=headers,
    )


def carry(provider: Provider, messages: Sequence[Message]) -> Counter[str]:
    """Let several threads hand windows to one provider at once, again where nothing was sent; count what came of them."""
    windows: queue.SimpleQueue[tuple[int, Sequence[Message]]] = queue.SimpleQueue()
    for start in range(0, len(messages), WINDOW):
        windows.put((1, messages[start : start + WINDOW]))
    counted: Counter[str] = Counter()

    def work() -> None:
        while True:
            try:
                tries, window = windows.get_nowait()
            except queue.Empty:
                return
            outcomes = provider.deliver(window, deadline=time.monotonic() + 20)
            again = [each for each, said in zip(window, outcomes, strict=True) if said.kind is OutcomeKind.NOT_SENT]
            if again and tries < TRIES:
                windows.put((tries + 1, again))
            counted.update(said.kind.value for said in outcomes if said.kind is not OutcomeKind.NOT_SENT)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counted


def everybodys_words(
    folder: Path, count: int, *, opening: Opening = opened, names: Sequence[str] = ()
) -> dict[str, object]:
    """Carry so many messages in all through every provider, or those named, with faults on; return the figures."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = SimulatorSettings(record=folder / "record.jsonl", http_port=0, smtp_port=0, faults=FAULTS)
    accounts = [account for account in ACCOUNTS if not names or account.name in names]
    each = -(-count // len(accounts))
    outcomes: dict[str, dict[str, int]] = {}
    began = time.monotonic()
    with SimulatorProcess(settings) as simulator:
        http_port = int(simulator.http_url.rpartition(":")[2])
        with tapped(http_port, simulator.smtp_port, folder, resets=RESETS) as (http, smtp):
            for account in accounts:
                provider = opening(account, f"http://127.0.0.1:{http.port}", smtp.port)
                outcomes[account.name] = dict(carry(provider, messages_of(account, each)))
                provider.close()
    wire = [parcel for said in http.said for request in requests_in(said) for parcel in parcels_in(request)]
    mails = [envelope for said in smtp.said for envelope in envelopes_in(said)]
    wire += [envelope.mail for envelope in mails]
    odd = sum(list(envelope.recipients) != [envelope.mail.address] for envelope in mails)
    taken = [entry for entry in read_record(settings.record) if entry.accepted]
    told = {"messages": each * len(accounts), "outcomes": outcomes, "recipients that are not the mail's own": odd}
    return told | _judge(accounts, each, wire, taken) | {"seconds": round(time.monotonic() - began, 1)}


def _judge(
    accounts: Sequence[Account], each: int, wire: Sequence[Parcel], taken: Sequence[RecordedMessage]
) -> dict[str, object]:
    whose = {
        _bare(addressed(account, number).address): (account, number) for account in accounts for number in range(each)
    }
    foreign = missing = misnamed = 0
    for parcel in wire:
        account, number = whose[_bare(parcel.address)]
        words = [int(found) for found in _WORD.findall(readable(parcel))]
        foreign += any(word != own_word(account, number) for word in words)
        missing += len(words) < TIMES.get(account.name.partition(".")[0], 1)
        misnamed += parcel.reference is not None and parcel.reference != f"0123abcd-{number}"
    seen = {_bare(parcel.address) for parcel in wire}
    times = Counter(_bare(entry.address) for entry in taken)
    names = Counter(entry.provider for entry in taken)
    return {
        "on the wire": len(wire),
        "taken": len(taken),
        "taken by provider": dict(names),
        "with a word of somebody else's": foreign,
        "without its own word": missing,
        "under another's reference": misnamed,
        "taken and not seen on the wire": len(times.keys() - seen),
        "taken twice": sum(count > 1 for count in times.values()),
        "references in the record that are another's": sum(
            bool(entry.reference) and entry.reference != f"0123abcd-{whose[_bare(entry.address)][1]}" for entry in taken
        ),
    }


def _bare(address: str) -> str:
    return address.removeprefix("+86").removeprefix("+")


#: Every figure that must be nought.
NOUGHT = (
    "recipients that are not the mail's own", "with a word of somebody else's", "without its own word", "under another's reference",
    "taken and not seen on the wire", "taken twice", "references in the record that are another's",
)  # fmt: skip


def mixed_up(seen: Mapping[str, object]) -> list[str]:
    """Name what must be nought and is not."""
    return [name for name in NOUGHT if seen[name]]


def sharing_one_message(account: Account, http_url: str, smtp_port: int) -> Provider:
    """Open the provider with the mistake that this is all about: one message object which all its threads use."""
    provider = opened(account, http_url, smtp_port)
    carry_one = provider._send  # type: ignore[attr-defined]
    latest: dict[str, Message] = {}

    def muddled(message: Message, deadline: float) -> object:
        latest["message"] = message
        time.sleep(0.001)
        return carry_one(replace(message, parts=latest["message"].parts), deadline)

    provider._send = muddled  # type: ignore[attr-defined]
    return provider
