"""Coupons are issued: one to a member for an occasion, however often and by how many it is asked for.

Members are held while their coupons are looked up and issued, so that nobody gets two for one occasion;
codes of a pool are taken past those that others are at, so that no issuer waits for another's codes
unless there are no more: others may yet let go of theirs.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, text

from members.coupons.definition import ALPHABETS, CodeRule, Coupon
from members.reckoning import touch

#: Rounds of making up codes; with so many possible codes the second one is rare.
MOST_ROUNDS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A coupon that a member is to have."""

    member_id: int
    occasion: str  #: what for: send:12, birthday:2026; the same again is the same coupon


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A coupon that a member has."""

    member_id: int
    occasion: str
    code: str
    expires_at: datetime | None  #: None: never


@dataclass(frozen=True, kw_only=True)
class Issued:
    """What became of everything that was wanted: each is in exactly one of the three."""

    new: tuple[Held, ...]
    before: tuple[Held, ...]  #: issued earlier, for the same occasion
    left: tuple[Wanted, ...]  #: without one: no code is free, the coupon is over, or there is no such member

    @property
    def held(self) -> tuple[Held, ...]:
        return self.before + self.new


_HOLD = text("""
SELECT id FROM members WHERE id = ANY(CAST(:ids AS bigint[])) AND erased_at IS NULL AND merged_into IS NULL
ORDER BY id FOR NO KEY UPDATE
""")

_KNOWN = text("""
SELECT coupons.member_id, coupons.occasion, coupons.code, coupons.expires_at
FROM unnest(CAST(:ids AS bigint[]), CAST(:occasions AS text[])) AS wanted (member_id, occasion)
JOIN coupons ON coupons.pool = :pool AND coupons.member_id = wanted.member_id AND coupons.occasion = wanted.occasion
""")

_WAIT_FOR_FREE = "SELECT id FROM coupons WHERE pool = :pool AND issued_at IS NULL ORDER BY id LIMIT :how_many FOR UPDATE"
_TAKE_FREE = f"{_WAIT_FOR_FREE} SKIP LOCKED"

_GIVE = text("""
UPDATE coupons SET member_id = given.member_id, occasion = given.occasion, issued_at = :now, expires_at = :expires_at
FROM unnest(CAST(:taken AS bigint[]), CAST(:ids AS bigint[]), CAST(:occasions AS text[]))
     AS given (id, member_id, occasion)
WHERE coupons.id = given.id
RETURNING coupons.member_id, coupons.occasion, coupons.code, coupons.expires_at
""")

_MADE_UP = text("""
INSERT INTO coupons (pool, code, member_id, occasion, issued_at, expires_at)
SELECT :pool, code, member_id, occasion, :now, :expires_at
FROM unnest(CAST(:codes AS text[]), CAST(:ids AS bigint[]), CAST(:occasions AS text[]))
     AS made (code, member_id, occasion)
ON CONFLICT DO NOTHING
RETURNING member_id, occasion, code, expires_at
""")


def issue(connection: Connection, coupon: Coupon, wanted: Iterable[Wanted], *, now: datetime) -> Issued:
    """Give each member the coupon that is wanted for it, once per occasion.

    Where codes run short, those who come first in ``wanted`` get theirs and the rest is left; asking
    again once there are more gives the rest theirs.  The members are held until the transaction ends.
    """
    each = list(dict.fromkeys(wanted))
    there = hold_for_coupons(connection, {one.member_id for one in each})
    # A statement of its own: what others committed before these members were held must be seen.
    before = find_issued(connection, coupon, each)
    has = {(one.member_id, one.occasion) for one in before}
    lacking = [one for one in each if one.member_id in there and (one.member_id, one.occasion) not in has]
    expires_at = coupon.expires_at(now)
    new: list[Held] = []
    if lacking and (expires_at is None or expires_at > now):
        terms = {"pool": coupon.pool, "now": now, "expires_at": expires_at}
        make = _from_pool if coupon.codes is None else _made_up
        new = make(connection, coupon, lacking, terms)
        touch(connection, {one.member_id for one in new})
        has |= {(one.member_id, one.occasion) for one in new}
    left = tuple(one for one in each if (one.member_id, one.occasion) not in has)
    return Issued(new=tuple(new), before=tuple(before), left=left)


def hold_for_coupons(connection: Connection, member_ids: Collection[int]) -> set[int]:
    """Hold those of these members who may have coupons, until the transaction ends, and return who they are.

    Whoever issues several coupons holds all their members first: holding some after others could end in a deadlock.
    """
    return set(connection.execute(_HOLD, {"ids": sorted(member_ids)}).scalars())


def find_issued(connection: Connection, coupon: Coupon, wanted: Collection[Wanted]) -> list[Held]:
    """Return those of the wanted coupons that were issued before."""
    return _held(connection.execute(_KNOWN, {"pool": coupon.pool, **_columns(wanted)}))


def _from_pool(
    connection: Connection, coupon: Coupon, lacking: Sequence[Wanted], terms: dict[str, object]
) -> list[Held]:
    # Two statements: where both are one, the planner matches every code with every member.
    sought = {"pool": coupon.pool, "how_many": len(lacking)}
    taken = _take_free(connection, sought)
    given = _columns(lacking[: len(taken)])
    times = {name: terms[name] for name in ("now", "expires_at")}
    return _held(connection.execute(_GIVE, {**times, **given, "taken": taken})) if taken else []


def _take_free(connection: Connection, sought: Mapping[str, object]) -> list[int]:
    with connection.begin_nested() as attempt:
        taken = list(connection.execute(text(_TAKE_FREE), sought).scalars())
        if len(taken) == sought["how_many"]:
            return taken
        attempt.rollback()  # Whoever waits for codes while holding others could wait in a ring.
    return list(connection.execute(text(_WAIT_FOR_FREE), sought).scalars())


def _made_up(connection: Connection, coupon: Coupon, lacking: Sequence[Wanted], terms: dict[str, object]) -> list[Held]:
    assert isinstance(coupon.codes, CodeRule)
    made: list[Held] = []
    for _ in range(MOST_ROUNDS):
        has = {(one.member_id, one.occasion) for one in made}
        lacking = [one for one in lacking if (one.member_id, one.occasion) not in has]
        if not lacking:
            break
        codes = [make_code(coupon.codes) for _ in lacking]
        made += _held(connection.execute(_MADE_UP, {**terms, **_columns(lacking), "codes": codes}))
    return made


def make_code(rule: CodeRule) -> str:
    """Make up a code that nobody can foresee."""
    return rule.prefix + "".join(secrets.choice(ALPHABETS[rule.alphabet]) for _ in range(rule.length))


def _columns(wanted: Collection[Wanted]) -> dict[str, object]:
    return {"ids": [one.member_id for one in wanted], "occasions": [one.occasion for one in wanted]}


def _held(rows: Iterable[Row[tuple[object, ...]]]) -> list[Held]:
    return [Held(**row._mapping) for row in rows]
