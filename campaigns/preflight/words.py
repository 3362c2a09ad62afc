"""Try a campaign's words on real members: their parts, their cost, and what the accounts have against them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, literal, select

from campaigns.accounts import Account
from campaigns.preflight.finding import MOST_EXAMPLES, Finding
from campaigns.preflight.rehearsal import Sampled
from campaigns.sends.allowance import none_left
from channels.message import Message
from channels.objections import Objection
from database.tables import addresses
from language.problems import Problem


@dataclass(frozen=True, kw_only=True)
class Written:
    """One sampled member's message."""

    sampled: Sampled
    message: Message
    parts: int
    language: str  #: that is spoken, which may be the template's and not the member's


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What became of one channel's sample."""

    channel: str
    sampled: int
    written: Sequence[Written]
    unwritten: Mapping[str, Sequence[str]]  #: keys of members by the reason for which they would get no words


@dataclass(frozen=True, kw_only=True)
class Wording:
    """How long the words are in one language."""

    language: str
    members: int  #: of the sample
    parts: float  #: on average
    most_parts: int


@dataclass(frozen=True, kw_only=True)
class AccountForecast:
    """What one account would ask if it carried all of a channel's messages."""

    name: str
    share: float  #: of the channel's messages, by weight; 0: it stands by
    each: Decimal  #: for one message, on average
    likely: Decimal
    most: Decimal  #: if every message were as dear as the dearest of the sample


def wordings(tried: Tried) -> tuple[Wording, ...]:
    """Count parts by language, the language of most members first."""
    parts: dict[str, list[int]] = defaultdict(list)
    for each in tried.written:
        parts[each.language].append(each.parts)
    found = [
        Wording(language=language, members=len(counts), parts=sum(counts) / len(counts), most_parts=max(counts))
        for language, counts in parts.items()
    ]
    return tuple(sorted(found, key=lambda wording: (-wording.members, wording.language)))


def account_forecasts(
    tried: Tried, messages: int, accounts: Sequence[Account], price: Decimal
) -> tuple[AccountForecast, ...]:
    """Price the sample by each account's list and carry it over to all messages; who can be told nothing costs nothing.

    ``price`` is the installation's for one part, where a list says none.
    """
    weights = sum(account.weight for account in accounts)
    forecasts = []
    for account in accounts:
        costs = [account.price_of(each.message.address, otherwise=price) * each.parts for each in tried.written]
        each = sum(costs, Decimal(0)) / max(tried.sampled, 1)
        forecast = AccountForecast(
            name=account.name,
            share=account.weight / weights,
            each=each,
            likely=each * messages,
            most=max(costs, default=Decimal(0)) * messages,
        )
        forecasts.append(forecast)
    return tuple(forecasts)


def word_findings(tried: Tried, sensitive_words: Iterable[str]) -> Iterator[Finding]:
    """Say for whom there are no words, and which words the installation calls sensitive."""
    for reason, keys in tried.unwritten.items():
        sentence = "no words can be written: {reason}"
        yield _finding(sentence, {"reason": reason}, keys, tried, stops=not tried.written)
    for word in sensitive_words:
        keys = [each.sampled.key for each in tried.written if _holds(each.message, word)]
        if keys:
            yield _finding("the words hold {word}, which is on the list sensitive_words", {"word": word}, keys, tried)


def account_findings(
    tried: Tried, accounts: Sequence[Account], used_up: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    """Say what each account has against the messages; where it has something against every one of them, that stops it.

    ``used_up`` is what ``permissions_used_up`` found.
    """
    for account in accounts:
        against = _objections(tried, account)
        if account.name in used_up:
            nothing_left = Objection(sentence="nothing is left of what members allowed under the notice's template")
            against.append((nothing_left, used_up[account.name]))
        refused = {key for objection, keys in against if objection.surely for key in keys}
        takes_none = account.weight > 0 and len(refused) == len(tried.written)
        for objection, keys in against:
            stops = objection.surely and takes_none
            yield _finding(objection.sentence, objection.values, keys, tried, account=account.name, stops=stops)


def _objections(tried: Tried, account: Account) -> list[tuple[Objection, Sequence[str]]]:
    """Ask what the account's provider has against each message, and name the members by objection."""
    found: dict[tuple[str, tuple[tuple[str, object], ...], bool], tuple[Objection, list[str]]] = {}
    for each in tried.written:
        for objection in account.provider.objections(each.message):
            reason = (objection.sentence, tuple(sorted(objection.values.items())), objection.surely)
            found.setdefault(reason, (objection, []))[1].append(each.sampled.key)
    return [*found.values()]


def permissions_used_up(
    connection: Connection, tried: Tried, accounts: Sequence[Account]
) -> Mapping[str, Sequence[str]]:
    """Return by account the members of whom everything they allowed under its template is used up or withdrawn."""
    found: dict[str, Sequence[str]] = {}
    for account in accounts:
        needed: dict[str, dict[int, str]] = defaultdict(dict)
        for each in tried.written:
            code = account.provider.permission_for(each.message)
            if code is not None:
                needed[code][each.sampled.address_id] = each.sampled.key
        keys: list[str] = []
        for code, keys_by_address in needed.items():
            gone = none_left(addresses.c.channel, addresses.c.fingerprint, literal(code))
            among = select(addresses.c.id).where(addresses.c.id.in_(keys_by_address), gone)
            keys += [keys_by_address[address] for address in connection.execute(among).scalars()]
        if keys:
            found[account.name] = sorted(keys)
    return found


def _finding(
    sentence: str,
    values: Mapping[str, object],
    keys: Sequence[str],
    tried: Tried,
    *,
    account: str | None = None,
    stops: bool = False,
) -> Finding:
    return Finding(
        problem=Problem(sentence=sentence, values=values),
        stops=stops,
        channel=tried.channel,
        account=account,
        count=len(keys),
        examples=tuple(keys[:MOST_EXAMPLES]),
    )


def _holds(message: Message, word: str) -> bool:
    return any(word.casefold() in part.casefold() for part in message.parts.values())


def reasons(tried: Tried) -> Mapping[str, int]:
    """Count who would get no words, by reason."""
    return {reason: len(keys) for reason, keys in tried.unwritten.items()}
