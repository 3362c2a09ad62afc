"""Strangers at the public side: forged callbacks, scanners that open every link, tokens guessed and bent.

Each run returns what it saw, so that the suite asks for little of it and ``make chaos`` for all.
"""

import base64
import hashlib
import itertools
import random
import secrets
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import requests
from sqlalchemy import Connection, select, text

from campaigns.sends import claim, plan
from campaigns.sends.marking import Rendered, mark
from campaigns.terms import Terms
from channels.registry import PROVIDERS
from config.callback_addresses import callback_token
from database.engine import Database
from database.every_table import metadata
from database.tables import members, sends
from templates.links import click_token, read_click_token, read_unsubscribe_token, unsubscribe_token
from tests.campaigns.test_planning import RULES, a_group
from tests.listening import ListeningSide
from tests.makers import NOON, SECRET, addresses_of, make_campaign, make_members

LEASE = timedelta(seconds=60)
EVIL = "https://evil.example/"
#: What a click on a link may add to, and nothing else.
CLICKS = {"events", "unprocessed_events", "facts", "touched_members"}


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """What strangers may aim at: one claimed send of an email campaign to one member."""

    send_id: int
    member_id: int
    token: uuid.UUID  #: of the claim

    def click(self, side: ListeningSide) -> str:
        return f"{side.url}/c/{click_token(SECRET, self.send_id, 0)}"

    def unsubscribe(self, side: ListeningSide) -> str:
        return f"{side.url}/u/{unsubscribe_token(SECRET, self.member_id, 'email', self.send_id)}"


def a_target(database: Database) -> Stranger:
    """Make a member with an email that is about to be sent."""
    with database.transaction() as connection:
        (member_id,) = make_members(connection, 1)
        campaign = make_campaign(connection, campaign="look", template="last-look", channels=["email"])
        plan(connection, campaign, a_group(select(members.c.id), "x"), now=NOON, rules=RULES)
    with database.transaction() as connection:
        token, _ = claim(connection, "email", now=NOON, limit=10, lease=LEASE)
        send_id = connection.execute(select(sends.c.id)).scalar_one()
    return Stranger(send_id=send_id, member_id=member_id, token=token)


def marked(database: Database, target: Stranger) -> bool:
    """Ask for the last time whether the send may go."""
    send = Rendered(id=target.send_id, member_id=target.member_id, parts=1, cost=Decimal("0.002"))
    terms = Terms(purpose="marketing", caps=(), quiet_hours=None)
    with database.transaction() as connection:
        return bool(mark(connection, [(terms, [send])], token=target.token, provider="email.smtp", now=NOON, lease=LEASE))


def snapshot(database: Database) -> dict[str, str]:
    """Return a digest of every table."""
    with database.transaction() as connection:
        return {table.name: _digest(connection, table.name) for table in metadata.sorted_tables}


def _digest(connection: Connection, name: str) -> str:
    query = text(f"SELECT md5(coalesce(string_agg(row, '|' ORDER BY row), '')) FROM (SELECT t::text AS row FROM {name} t) AS rows")
    return str(connection.execute(query).scalar_one())


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    """Name the tables that are not as they were."""
    return {name for name in before if before[name] != after[name]}


def forged_callbacks(side: ListeningSide, count: int) -> Counter[int]:
    """Tell us, as somebody else, that members stopped and that sends arrived; return how often each answer was given."""
    answers: Counter[int] = Counter()
    with requests.Session() as session:
        for forge in itertools.islice(itertools.cycle(_forgeries()), count):
            path, body = forge()
            answers[session.post(side.url + path, data=body, timeout=30).status_code] += 1
    return answers


def _forgeries() -> list[Callable[[], tuple[str, bytes]]]:
    """List the ways to forge: addresses guessed and bent for every provider, and signatures for those that sign."""
    number = addresses_of("m1")["sms"].removeprefix("+86")
    reply = f'[{{"phone_number":"{number}","send_time":"2026-08-01 10:00:00","content":"TD","sequence_id":"%s","dest_code":"1"}}]'
    push = "<xml><MsgType>text</MsgType><FromUserName>o000000000000000000000000001</FromUserName><Content>退订</Content><MsgId>%s</MsgId></xml>"

    def told() -> bytes:
        return (random.choice((reply, push)) % secrets.randbelow(10**9)).encode()

    def at(name: str, bend: Callable[[str], str]) -> Callable[[], tuple[str, bytes]]:
        return lambda: (f"/callbacks/{name}/{bend(callback_token(SECRET, name))}", told())

    bends: list[Callable[[str], str]] = [
        lambda _: secrets.token_hex(16),
        lambda right: right[:-1] + ("0" if right[-1] != "0" else "1"),
        lambda right: right[1:],
        lambda right: right + "0",
        lambda right: right.upper() if right.upper() != right else "0" * 32,
        lambda right: right[::-1],
        lambda _: callback_token(SECRET, "sms.somebody"),
        lambda _: callback_token(b"another secret, of 32 characters.", "sms.aliyun"),
    ]
    guessed = [at(name, bend) for name in (*PROVIDERS, "sms.nobody") for bend in bends]
    return [*guessed, *(lambda query=query: (_signed_path(query()), told()) for query in _wechat_queries())]


def _signed_path(query: str) -> str:
    name = "wechat.official_account"
    return f"/callbacks/{name}/{callback_token(SECRET, name)}{query}"


def _wechat_queries() -> list[Callable[[], str]]:
    """List wrong signatures at the right address: none, empty, by another token, over other words, one letter off."""

    def signed(token: str, timestamp: str, nonce: str) -> str:
        return hashlib.sha1("".join(sorted((token, timestamp, nonce))).encode()).hexdigest()

    def now() -> str:
        return str(int(time.time()))

    right = "simulated-callback-token"
    return [
        lambda: "",
        lambda: f"?timestamp={now()}&nonce=1&signature=",
        lambda: f"?timestamp={now()}&nonce=1&signature={signed('another-token', now(), '1')}",
        lambda: f"?timestamp={now()}&nonce=1&signature={signed('', now(), '1')}",
        lambda: f"?timestamp={now()}&nonce=2&signature={signed(right, now(), '1')}",
        lambda: f"?timestamp=1{now()}&nonce=1&signature={signed(right, now(), '1')}",
        lambda: f"?timestamp={now()}&nonce=1&signature={signed(right, now(), '1')[:-1]}",
        lambda: f"?timestamp={now()}&nonce=1&signature={signed(right, now(), '1')[::-1]}",
    ]


def visits(side: ListeningSide, target: Stranger, count: int) -> Counter[tuple[str, int]]:
    """Open the links as mail scanners do, ``count`` times in all; return how often each way got each answer."""
    ways: list[tuple[str, str, Mapping[str, str]]] = [
        ("GET", target.unsubscribe(side), {}),
        ("HEAD", target.unsubscribe(side), {}),
        ("HEAD", target.click(side), {}),
        ("GET", target.unsubscribe(side), {"User-Agent": "Mozilla/5.0 (headless)", "Cookie": "confirm=yes"}),
        ("GET", target.unsubscribe(side) + "?confirm=yes&List-Unsubscribe=One-Click", {}),
        ("GET", target.unsubscribe(side), {"X-HTTP-Method-Override": "POST", "List-Unsubscribe": "One-Click"}),
        ("GET", target.click(side), {"Sec-Purpose": "prefetch;prerender"}),
        ("GET", target.click(side), {"X-Moz": "prefetch"}),
    ]
    seen: Counter[tuple[str, int]] = Counter()
    with requests.Session() as session:
        for method, link, headers in itertools.islice(itertools.cycle(ways), count):
            answer = session.request(method, link, headers=dict(headers), allow_redirects=False, timeout=30)
            seen[method, answer.status_code] += 1
    return seen


def clicks(side: ListeningSide, target: Stranger, count: int) -> set[str]:
    """Follow one link many times and in every crooked way; return all the places it led to."""
    link = target.click(side)
    crooked = [
        "", f"?url={EVIL}", f"?to={EVIL}&next=//evil.example", "?javascript:alert(1)", f"#{EVIL}", f"?%0d%0aLocation:%20{EVIL}",
        f"/{EVIL}", f"//{EVIL}", "/..%2f..%2fevil.example", "%0d%0aLocation:%20https:%2f%2fevil.example", "@evil.example", "%00",
    ]  # fmt: skip
    forwarded = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "Referer": EVIL}
    led: set[str] = set()
    with requests.Session() as session:
        for number, end in enumerate(itertools.islice(itertools.cycle(crooked), count)):
            headers = forwarded if number % 2 else {}
            answer = session.get(link + end, headers=headers, allow_redirects=False, timeout=30)
            led |= {answer.headers["Location"]} if "Location" in answer.headers else set()
    return led


def tampered_tokens(count: int, seed: int = 1) -> int:
    """Return how many of so many tokens, guessed or bent, were taken for ours; every flip of one bit is among them."""
    chance, made, accepted = random.Random(seed), 0, 0
    while made < count:
        send_id, member_id = chance.randrange(1, 10**9), chance.randrange(1, 10**9)
        right = (click_token(SECRET, send_id, chance.randrange(4)), unsubscribe_token(SECRET, member_id, "email", send_id))
        assert read_click_token(SECRET, right[0]) and read_unsubscribe_token(SECRET, right[1]), "the right ones are taken"
        for clicked, wished in zip(_bent(right[0], right[1], chance), _bent(right[1], right[0], chance), strict=False):
            accepted += (read_click_token(SECRET, clicked) is not None) + (read_unsubscribe_token(SECRET, wished) is not None)
            made += 2
    return accepted


def _bent(right: str, other: str, chance: random.Random) -> Iterator[str]:
    raw = base64.urlsafe_b64decode(right + "=" * (-len(right) % 4))
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        yield base64.urlsafe_b64encode(bytes(flipped)).rstrip(b"=").decode()
    yield from (other, right[:-1], right[1:], right + "A", right + "=", f" {right}", right + "\n", right.swapcase(), "", right * 2)
    yield from (right[:-1] + letter for letter in "AQgw-_" if letter != right[-1])
    yield base64.urlsafe_b64encode(chance.randbytes(len(raw))).rstrip(b"=").decode()
    yield click_token(b"another secret, of 32 characters.", 1, 0)


def tampered_links(side: ListeningSide, target: Stranger, count: int, seed: int = 1) -> Counter[int]:
    """Open and post to addresses with bent tokens; return how often each answer was given."""
    chance, answers = random.Random(seed), Counter[int]()
    right = (target.click(side).rpartition("/")[2], target.unsubscribe(side).rpartition("/")[2])
    bent = [token for token in (*_bent(*right, chance), *_bent(*right[::-1], chance)) if token.strip() == token and token not in right]
    tries = [("GET", "/c/"), ("GET", "/u/"), ("POST", "/u/")]
    with requests.Session() as session:
        for token, (method, path) in itertools.islice(itertools.cycle(itertools.product(bent, tries)), count):
            answer = session.request(method, side.url + path + token, data={"List-Unsubscribe": "One-Click"}, timeout=30, allow_redirects=False)
            answers[answer.status_code] += 1
    return answers


def one_click(side: ListeningSide, target: Stranger) -> float:
    """Post what a mail program's button posts (RFC 8058); return the seconds until it was done."""
    begun = time.perf_counter()
    answer = requests.post(target.unsubscribe(side), data={"List-Unsubscribe": "One-Click"}, allow_redirects=False, timeout=30)
    assert answer.status_code == 200, answer.status_code
    return time.perf_counter() - begun


def everything_strangers_do(side: ListeningSide, *, callbacks: int, opened: int, tokens: int) -> dict[str, object]:
    """Do all of it to one installation; return the figures, every one of which must be nought or empty."""
    database = side.application.database
    target = a_target(database)
    before = snapshot(database)
    forged = forged_callbacks(side, callbacks)
    seen = visits(side, target, opened)
    links = tampered_links(side, target, max(1, tokens // 100))
    report: dict[str, object] = {
        "forged callbacks accepted": sum(number for status, number in forged.items() if status < 400),
        "visits refused": sum(number for (_, status), number in seen.items() if status not in (200, 302)),
        "tampered links accepted": sum(number for status, number in links.items() if status < 400),
        "tampered tokens accepted": tampered_tokens(tokens),
        "tables changed": sorted(changed(before, snapshot(database))),
    }
    led = clicks(side, target, opened)
    report["links that led elsewhere"] = len(led) - 1
    one_click(side, target)
    report["marked after one click"] = int(marked(database, target))
    return report
