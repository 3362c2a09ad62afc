"""No word a member or a marketer controls adds a header, a field, a recipient or a request, by whichever provider it goes."""

import dataclasses
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from channels.message import Message
from channels.provider import Provider
from channels.registry import open_provider
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import SimulatorSettings
from language.problems import InputRefused
from tests.chaos.tapped import Tap
from tests.chaos.wire import Envelope, Request, envelopes_in, parcels_in, requests_in, shape_of
from tests.contracts.provider_accounts import ACCOUNTS, Account

EVIL = "evil@evil.example"
HOSTILE = (
    f"a\r\nBcc: {EVIL}", f"a\nBcc: {EVIL}", f"a\rBcc: {EVIL}", f"a\r\n\r\n<b>{EVIL}</b>", f"a\0\r\nBcc: {EVIL}",
    f"a\x0bBcc: {EVIL}", f"a\x0cBcc: {EVIL}", f"a\x1cBcc: {EVIL}", f"a\x85Bcc: {EVIL}", f"a\u2028Bcc: {EVIL}", f"a\u2029Bcc: {EVIL}",
    f"a\r\n Bcc: {EVIL}", f"a\r\n\tBcc: {EVIL}", "=?utf-8?q?a=0D=0ABcc:_evil=40evil.example?=",
    "=?utf-8?B?YQ0KQmNjOiBldmlsQGV2aWwuZXhhbXBsZQ==?=", f"a{' ' * 60}\r\nBcc: {EVIL}", "长" * 10_000, "x" * 10_000 + f"\r\nBcc: {EVIL}",
    f"a\u202ebcc: {EVIL}\u202c", f'a", "{EVIL}', f"a>, <{EVIL}", f"a\r\n.\r\nMAIL FROM:<{EVIL}>\r\nRCPT TO:<{EVIL}>\r\nDATA\r\n",
    f"a\n.\nRCPT TO:<{EVIL}>", f"a\r\n--=_tidings_alternative\r\nX-Evil: {EVIL}", f"a&To={EVIL}", f"a%0d%0aBcc:%20{EVIL}", f'"}},"to":["{EVIL}"]',
    "a\ud800b", f"]]><touser>{EVIL}</touser>",
)  # fmt: skip
FIELDS = ("parts", "variables", "address", "reference", "template", "header value", "header name")


@dataclass
class Seen:
    """What came over the wire."""

    requests: list[Request]
    envelopes: list[Envelope]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("injection")


def carried(folder: Path, accounts: Mapping[Account, list[Message]]) -> Iterator[tuple[Account, Seen]]:
    """Carry each account's messages over a wire of its own, and yield what was seen on it."""
    with SimulatorProcess(SimulatorSettings(record=folder / "record.jsonl", http_port=0, smtp_port=0)) as simulator:
        for account, messages in accounts.items():
            by_smtp = account.name == "email.smtp"
            with Tap(simulator.smtp_port if by_smtp else int(simulator.http_url.rpartition(":")[2]), folder) as tap:
                provider = account.open(f"http://127.0.0.1:{tap.port}", tap.port, 10.0)
                for message in messages:
                    provider.deliver([message], deadline=time.monotonic() + 20)
                provider.close()
            requests = [] if by_smtp else [request for said in tap.said for request in requests_in(said)]
            envelopes = [envelope for said in tap.said for envelope in envelopes_in(said)] if by_smtp else []
            yield account, Seen(requests, envelopes)


def bent(account: Account, start: int) -> list[Message]:
    """Return messages of which each has one hostile word in one field."""
    made: list[Message] = []
    for word in HOSTILE:
        for field in FIELDS:
            made.append(_with(account.message(start + len(made)), field, word))
    return made


def _with(plain: Message, field: str, word: str) -> Message:
    match field:
        case "parts":
            return dataclasses.replace(plain, parts=dict.fromkeys(plain.parts, word))
        case "variables":
            return dataclasses.replace(plain, variables={"name": word})
        case "header value":
            return dataclasses.replace(plain, headers={"List-Unsubscribe": f"<https://crm.example/{word}>"})
        case "header name":
            return dataclasses.replace(plain, headers={word: "x"})
    return dataclasses.replace(plain, **{field: word})


def test_no_hostile_word_changes_the_shape_of_anything(folder: Path) -> None:
    """Good messages first say what shapes there are; no hostile one may come in another."""
    good = {account: [_plain(account, turn) for turn in range(9)] for account in ACCOUNTS}
    shapes: dict[str, set[tuple[str, ...]]] = {}
    for account, seen in carried(folder, good):
        shapes[account.name] = all_shapes(account, seen)

    for account, seen in carried(folder, {account: bent(account, 1000) for account in ACCOUNTS}):
        addresses = {each.address for each in bent(account, 1000)}
        strange = all_shapes(account, seen) - shapes[account.name]
        assert strange == set(), (account.name, strange)
        reached = [parcel.address for request in seen.requests for parcel in parcels_in(request)]
        for envelope in seen.envelopes:
            assert list(envelope.recipients) == [envelope.mail.address]
        reached += [address for envelope in seen.envelopes for address in envelope.recipients]
        assert reached, account.name
        assert not [
            address for address in reached if EVIL in address and address.removeprefix("+86") not in addresses
        ], account.name
        # One recipient per hand-over, and no more hand-overs than messages.
        assert len(reached) <= len(HOSTILE) * len(FIELDS), account.name


def _plain(account: Account, turn: int) -> Message:
    """Return good messages of every shape there is: with and without a header of their own, and in other letters."""
    message = account.message(turn)
    if turn % 2 and account.name.startswith("email"):
        message = dataclasses.replace(message, headers={"List-Unsubscribe": "<https://crm.example/u/1>"})
    if turn == 8 and account.name.startswith("sms"):
        return dataclasses.replace(message, address="+15005550100")  # Abroad no signature is sent along.
    if turn & 2:
        message = dataclasses.replace(message, parts=dict.fromkeys(message.parts, "plain letters"))
    if turn & 4:
        message = dataclasses.replace(message, variables={"name": "long" * 3000})
    return message


def all_shapes(account: Account, seen: Seen) -> set[tuple[str, ...]]:
    found = {shape_of(request) for request in seen.requests}
    found |= {parcel.shape for request in seen.requests for parcel in parcels_in(request)}
    return found | {envelope.mail.shape for envelope in seen.envelopes}


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("name", ["email.smtp", "email.ses", "email.sendgrid", "email.mailgun"])
@pytest.mark.parametrize("setting", ["sender_name", "sender_address", "reply_to"])
def test_a_sender_that_would_be_more_than_a_sender_is_refused_or_stays_one_header(
    name: str, setting: str, word: str
) -> None:
    given: dict[str, dict[str, object]] = {
        "email.smtp": {"host": "127.0.0.1", "security": "none"},
        "email.ses": {"access_key_id": "k", "secret_access_key": "s", "region": "us-east-1"},
        "email.sendgrid": {"api_key": "k"},
        "email.mailgun": {"api_key": "k", "domain": "example.com"},
    }
    try:
        provider: Provider = open_provider(name, {"sender_address": "crm@example.com", **given[name], setting: word})
    except InputRefused:
        return
    skeleton = provider._skeleton.sender  # type: ignore[attr-defined]
    provider.close()

    names = [b"From", b"Reply-To"][: 1 + (setting == "reply_to")]
    lines = skeleton.replace(b"\r\n ", b" ").split(b"\r\n")
    assert [line.partition(b":")[0] for line in lines if line] == names
    assert b"\n" not in skeleton.replace(b"\r\n", b"")
    address = (
        b"crm@example.com" if setting == "sender_name" else word.encode()
    )  # Some that look odd are good addresses.
    assert skeleton.count(b"<" + address + b">") == 1


def test_a_shape_that_changes_is_seen() -> None:
    """The red check: a header more, in a request and in a mail, is another shape."""
    plain = b"POST /cgi-bin/sendsms HTTP/1.1\r\nX-Kannel-To: 1\r\nContent-Length: 0\r\n\r\n"
    more = plain.replace(b"Content-Length", b"X-Kannel-From: 2\r\nContent-Length")
    mail = b"DATA\r\nFrom: a\r\nTo: <b@c.example>\r\n\r\nhello\r\n.\r\n"

    assert shape_of(next(requests_in(plain))) != shape_of(next(requests_in(more)))
    (honest,), (bad,) = envelopes_in(mail), envelopes_in(mail.replace(b"To:", b"Bcc: <e@vil.example>\r\nTo:"))
    assert honest.mail.shape != bad.mail.shape
