"""Seventeen hundred random conditions about everything, over random lives: SQL and a plain reading agree.

With those of test_conditions.py, which ask about what was told, they are two thousand.
"""

import hashlib
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import BigInteger, Connection, column, func, insert, select, text

from database.engine import Database
from database.loyalty_tables import (
    coupons,
    member_clusters,
    member_places,
    member_tiers,
    points,
    predictions,
    rfm_scores,
    stores,
    survey_answers,
)
from database.member_tables import channel_facts, order_facts, segment_members
from database.tables import members
from members.conditions import clause, parse_condition
from members.events import NewEvent, record
from members.segments import count_matching, matching_members
from members.segments.explaining import sql_of
from tests.members.test_conditions import (
    NOW,
    SEGMENTS,
    Somebody,
    ages,
    every,
    holds,
    moments,
    numbers,
    people,
    question,
    settle,
    texts,
)

CELLS, CATEGORIES, CLUSTERS = ("champions", "at-risk", "lost"), ("茶", "coffee", None), ("quiet", "busy")
SHOPS = {"pole": (89.5, 10.0), "fiji": (-17.0, 179.9), "shanghai": (31.23, 121.47), "south": (-90.0, 0.0)}
COUNTED = ("orders", "spent", "refunded", "orders_7d", "orders_30d", "orders_90d", "orders_365d", "spent_7d", "spent_30d", "spent_90d", "spent_365d")
OTHER_NUMBERS = ("average_order", "days_between_orders")
WORDS = ("favourite_category", "last_category", "next_category")


@dataclass
class Life:
    """What follows from what somebody did, as the plain reading sees it."""

    since: Any = None
    points: list[tuple[int, Any]] = field(default_factory=list)
    orders: dict[str, Any] | None = None
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    rfm: dict[str, Any] | None = None
    prediction: dict[str, Any] | None = None
    cluster: str | None = None
    coupons: list[dict[str, Any]] = field(default_factory=list)
    surveys: list[dict[str, Any]] = field(default_factory=list)
    places: dict[str, tuple[float, float]] = field(default_factory=dict)
    listed: bool = False


# --------------------------------------------------------- the plain reading


def exact(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) else value


def read(row: Mapping[str, Any] | None, asked: Mapping[str, Any], zeroes: tuple[str, ...] = ()) -> bool:
    """Read questions about the columns of a row that may be absent."""
    for name, wanted in asked.items():
        value = (0 if name in zeroes else None) if row is None else exact(row[name])
        if not every(value, decimals(aged(name, wanted))):
            return False
    return True


def aged(name: str, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    return moments("last_at", wanted) if name.endswith("_at") or name == "since" else wanted


def decimals(wanted: Mapping[str, Any]) -> dict[str, Any]:
    def one(value: Any) -> Any:
        return [one(item) for item in value] if isinstance(value, list) else exact(value)

    return {operator: one(value) for operator, value in wanted.items()}


def metres(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Measure along the great circle, by the angle between two unit vectors."""

    def vector(point: tuple[float, float]) -> tuple[float, float, float]:
        up, along = map(math.radians, point)
        return math.cos(up) * math.cos(along), math.cos(up) * math.sin(along), math.sin(up)

    (a, b, c), (d, e, f) = vector(here), vector(there)
    cross = math.hypot(b * f - c * e, c * d - a * f, a * e - b * d)
    return 6_371_008.8 * math.atan2(cross, a * d + b * e + c * f)


def tagged(kept: Any, asked: Mapping[str, Any]) -> bool:
    tags = set(kept) if isinstance(kept, list) else {kept} if isinstance(kept, str) else set()
    answers = {
        "has": lambda one: one in tags,
        "has_any": lambda listed: bool(tags & set(listed)),
        "has_all": lambda listed: tags >= set(listed),
        "has_none": lambda listed: not tags & set(listed),
        "is_set": lambda wanted: (kept is not None) is wanted,
    }
    return all(answers[operator](value) for operator, value in asked.items())


def life_holds(asked: Mapping[str, Any], who: Somebody, life: Life, member_id: int) -> bool:
    ((name, question),) = asked.items()
    match name:
        case "all":
            return all(life_holds(inner, who, life, member_id) for inner in question)
        case "any":
            return any(life_holds(inner, who, life, member_id) for inner in question)
        case "not":
            return not life_holds(question, who, life, member_id)
        case "tier":
            rest = {operator: value for operator, value in question.items() if operator != "since"}
            since = question.get("since")
            return every(who.row["tier"], rest) and (since is None or every(life.since, moments("last_at", since)))
        case "tags":
            return tagged(who.attributes.get("tags"), question)
        case "points":
            return every(sum(amount for amount, at in life.points if at <= NOW), decimals(question))
        case "orders":
            return read(life.orders, question, COUNTED)
        case "channel":
            rest = {key: value for key, value in question.items() if key != "name"}
            return read(life.channels.get(question["name"]), rest, ("received", "answered"))
        case "rfm":
            return read(life.rfm, question)
        case "prediction":
            rest = {key: value for key, value in question.items() if key != "at_risk"}
            risk = question.get("at_risk")
            known = life.prediction is not None and life.prediction["at_risk"] is risk
            return read(life.prediction, rest) and (risk is None or known)
        case "cluster":
            return every(life.cluster, question)
        case "coupon":
            return any(coupon_is(each, question) for each in life.coupons)
        case "survey":
            given = [each for each in life.surveys if each["survey"] == question["name"] and each["answered_at"] <= NOW]
            rest = {key: value for key, value in question.items() if key != "name"}
            return bool(given) and read(max(given, key=lambda each: each["answered_at"]), rest)
        case "near":
            there = SHOPS.get(question["store"]) if "store" in question else (question["latitude"], question["longitude"])
            kinds = ["home", "last_seen"] if question.get("of", "any") == "any" else [question["of"]]
            reach = float(question["within"][:-2]) * 1000
            return there is not None and any(kind in life.places and metres(life.places[kind], there) <= reach for kind in kinds)
        case "sample":
            digest = hashlib.sha256(f"{question['seed']}\x1f{member_id}".encode()).digest()
            return int.from_bytes(digest[:4], "big") < round(question["share"] * 2**32)
        case "listed":
            return life.listed and question == "vips"
    return holds(asked, who)


def coupon_is(coupon: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    if coupon["pool"] != asked["pool"] or coupon["issued_at"] > NOW:
        return False
    redeemed = coupon["redeemed_at"] is not None and coupon["redeemed_at"] <= NOW
    over = coupon["expires_at"] is not None and coupon["expires_at"] <= NOW
    return {"held": not redeemed and not over, "redeemed": redeemed, "expired": not redeemed and over}[asked.get("is", "held")]


# -------------------------------------------------------------- random lives


def ago(chance: random.Random) -> Any:
    return NOW - timedelta(days=chance.choice([-3, 0, 5, 28, 30, 90, 300]))


def live(chance: random.Random) -> Life:
    life = Life(since=chance.choice([None, ago(chance)]), cluster=chance.choice([*CLUSTERS, None]), listed=chance.random() < 0.3)
    life.points = [(chance.choice([100, -5, 12]), ago(chance)) for _ in range(chance.choice([0, 0, 1, 3]))]
    if chance.random() < 0.7:
        life.orders = {name: chance.choice([0, 1, 2, 12]) for name in COUNTED}
        life.orders |= {name: chance.choice([None, Decimal("5.5"), Decimal(12)]) for name in OTHER_NUMBERS}
        life.orders |= {name: chance.choice([None, ago(chance)]) for name in ("first_order_at", "last_order_at")}
        life.orders |= {name: chance.choice(CATEGORIES) for name in WORDS}
    for name in ("sms", "email"):
        if chance.random() < 0.6:
            moments_of = {f"last_{what}_at": chance.choice([None, ago(chance)]) for what in ("received", "opened", "clicked", "replied")}
            rate = chance.choice([None, Decimal("0.1"), Decimal("0.5")])
            life.channels[name] = {"received": chance.randrange(13), "answered": chance.randrange(3), "response_rate": rate, **moments_of}
    if chance.random() < 0.7:
        life.rfm = {"cell": chance.choice(CELLS)} | {name: chance.randrange(1, 6) for name in ("recency", "frequency", "monetary")}
    if chance.random() < 0.7:
        expected = {"expected_orders": chance.choice([0.0, 2.0, 5.5]), "expected_value": chance.choice([None, 12.0])}
        life.prediction = {"alive": chance.choice([0.1, 0.3, 0.95]), "at_risk": chance.random() < 0.5, **expected}
    for _ in range(chance.choice([0, 1, 2])):
        over, used = chance.choice([None, ago(chance)]), chance.choice([None, None, ago(chance)])
        life.coupons.append({"pool": chance.choice(["a", "b"]), "issued_at": ago(chance), "expires_at": over, "redeemed_at": used})
    for days in chance.sample(range(-2, 60), chance.choice([0, 1, 2])):
        life.surveys.append({"survey": chance.choice(["nps", "csat"]), "score": chance.randrange(11), "answered_at": NOW - timedelta(days=days)})
    for kind in ("home", "last_seen"):
        if chance.random() < 0.7:
            latitude, longitude = chance.choice(list(SHOPS.values()))
            up = max(-90.0, min(90.0, latitude + chance.uniform(-1, 1) * chance.choice([0.01, 1, 30])))
            along = (longitude + chance.uniform(-1, 1) * chance.choice([0.01, 1, 180]) + 180) % 360 - 180
            life.places[kind] = (up, along)
    return life


def settle_lives(connection: Connection, lives: Mapping[int, Life]) -> None:
    connection.execute(insert(stores), [{"key": key, "name": key, "latitude": up, "longitude": along} for key, (up, along) in SHOPS.items()])
    for member, life in lives.items():
        own = {"member_id": member}
        rows: list[tuple[Any, Mapping[str, Any] | None]] = [
            (member_tiers, life.since and {"tier": "x", "since": life.since}),
            (order_facts, life.orders and {**life.orders, "reckoned_at": NOW}),
            (rfm_scores, life.rfm and {**life.rfm, "scored_at": NOW}),
            (predictions, life.prediction and {**life.prediction, "predicted_at": NOW}),
            (member_clusters, life.cluster and {"cluster": life.cluster, "since": NOW}),
            (segment_members, {"segment": "vips", "entered_at": NOW} if life.listed else None),
        ]
        rows += [(channel_facts, {"channel": name, **row}) for name, row in life.channels.items()]
        rows += [(points, {"kind": "adjust", "amount": amount, "source": "t", "key": f"{member}-{n}", "occurred_at": at}) for n, (amount, at) in enumerate(life.points)]
        rows += [(coupons, {**row, "code": f"{member}-{n}", "occasion": str(n)}) for n, row in enumerate(life.coupons)]
        rows += [(survey_answers, {**row, "occasion": str(n)}) for n, row in enumerate(life.surveys)]
        rows += [(member_places, {"kind": kind, "latitude": up, "longitude": along, "seen_at": NOW}) for kind, (up, along) in life.places.items()]
        for table, row in rows:
            if row:
                connection.execute(insert(table), own | dict(row))


# --------------------------------------------------------- random conditions


def some_of(chance: random.Random, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {name: asked[name]() for name in chance.sample(list(asked), chance.randrange(1, 3))}


def life_question(chance: random.Random, depth: int) -> dict[str, Any]:
    if depth and chance.random() < 0.5:
        connective = chance.choice(["all", "any", "not"])
        if connective == "not":
            return {"not": life_question(chance, depth - 1)}
        return {connective: [life_question(chance, depth - 1) for _ in range(chance.randrange(1, 4))]}
    if chance.random() < 0.3:
        return question(chance, 0)
    name = chance.choice([*QUESTIONS])
    return {name: QUESTIONS[name](chance)}


def near(chance: random.Random) -> dict[str, Any]:
    where: dict[str, Any] = {"store": chance.choice([*SHOPS, "nowhere"])}
    if chance.random() < 0.5:
        where = {"latitude": chance.choice([0, 89.9, -90, 31.2]), "longitude": chance.choice([180, -180, 0, 121.4])}
    return {**where, "within": chance.choice(["1km", "90km", "500km", "9000km"]), "of": chance.choice(["home", "last_seen", "any"])}


def about_words(chance: random.Random, known: tuple[Any, ...]) -> Any:
    return lambda: texts(chance, known)


QUESTIONS: Mapping[str, Any] = {
    "tier": lambda c: texts(c, ("gold", "silver")) | ({"since": ages(c)} if c.random() < 0.5 else {}),
    "tags": lambda c: c.choice([{"has": "vip"}, {"has_any": ["vip", "10"]}, {"has_all": ["vip", "上海"]}, {"has_none": ["vip"]}, {"is_set": c.random() < 0.5}]),
    "points": lambda c: numbers(c, largest=100),
    "orders": lambda c: some_of(
        c,
        dict.fromkeys((*COUNTED, *OTHER_NUMBERS), lambda: numbers(c))
        | dict.fromkeys(WORDS, about_words(c, ("茶", "coffee")))
        | dict.fromkeys(("first_order_at", "last_order_at"), lambda: ages(c)),
    ),
    "channel": lambda c: {"name": c.choice(["sms", "email", "wechat"])}
    | some_of(
        c,
        {"received": lambda: numbers(c), "answered": lambda: numbers(c), "response_rate": lambda: c.choice([{"ge": 0.1}, {"lt": 0.5}, {"is_set": False}])}
        | dict.fromkeys(("last_received_at", "last_clicked_at", "last_opened_at", "last_replied_at"), lambda: ages(c)),
    ),
    "rfm": lambda c: some_of(c, {"cell": lambda: texts(c, CELLS)} | dict.fromkeys(("recency", "frequency", "monetary"), lambda: numbers(c))),
    "prediction": lambda c: some_of(
        c,
        {"alive": lambda: c.choice([{"lt": 0.3}, {"ge": 0.3}]), "at_risk": lambda: c.random() < 0.5, "expected_orders": lambda: numbers(c), "expected_value": lambda: numbers(c)},
    ),
    "cluster": lambda c: texts(c, CLUSTERS),
    "coupon": lambda c: {"pool": c.choice(["a", "b", "none"])} | c.choice([{}, {"is": "held"}, {"is": "redeemed"}, {"is": "expired"}]),
    "survey": lambda c: {"name": c.choice(["nps", "csat"])} | c.choice([{}, {"score": numbers(c)}, {"answered_at": {"newer_than": "30d"}}]),
    "near": near,
    "sample": lambda c: {"share": c.choice([0.1, 0.5, 1.0]), "seed": c.choice(["a", "b"])},
    "listed": lambda c: c.choice(["vips", "others"]),
}


@pytest.mark.parametrize("seed", [11, 12])
def test_sql_and_the_plain_reading_agree_about_everything(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    named = {name: parse_condition(data) for name, data in SEGMENTS.items()}
    named |= {name: parse_condition({"listed": name}) for name in ("vips", "others")}
    with database.transaction() as connection:
        crowd = settle(connection, people(chance), chance)
        lives = {member: live(chance) for member in crowd}
        settle_lives(connection, lives)
        somewhere = func.unnest(list(crowd)).table_valued(column("member_id", BigInteger)).render_derived("batch")
        sizes = set()
        for turn in range(850):
            asked = life_question(chance, 3)
            condition = parse_condition(asked)
            assert parse_condition(condition.model_dump(mode="json")) == condition
            expected = {member for member, who in crowd.items() if life_holds(asked, who, lives[member], member)}
            if turn % 2:
                picked = matching_members(condition, NOW, segments=named)
            else:
                picked = select(somewhere.c.member_id).where(clause(condition, member=somewhere.c.member_id, now=NOW, segments=named))

            assert set(connection.scalars(picked)) == expected, asked
            sizes.add(len(expected))
        assert len(sizes) > 100


def test_names_of_an_object_are_no_tags(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(insert(members), [{"key": "object", "attributes": {"tags": {"vip": 1}}}, {"key": "list", "attributes": {"tags": ["vip"]}}])
        for asked, holds in (({"has": "vip"}, 1), ({"has_any": ["vip"]}, 1), ({"has_all": ["vip"]}, 1), ({"has_none": ["vip"]}, 1), ({"is_set": True}, 2)):
            assert count_matching(connection, parse_condition({"tags": asked}), NOW) == holds, asked


@pytest.mark.parametrize(("asked", "holds"), [({"ge": 2}, 1), ({"gt": 1.5}, 1), ({"lt": 10**15 - 1}, 2), ({"in": [2, 7]}, 1), ({"between": [0, 1]}, 2), ({"eq": 2.5}, 0)])
def test_counts_are_compared_exactly_whole_or_not(database: Database, asked: dict[str, Any], holds: int) -> None:
    with database.transaction() as connection:
        told = [NewEvent(source="s", key=str(n), member_key=key, kind="a", occurred_at=NOW) for n, key in enumerate(("one", "two", "two"))]
        record(connection, told, now=NOW)
        connection.execute(insert(members), [{"key": "none"}])
        wanted = parse_condition({"event": {"kind": "a", "count": asked}})
        assert count_matching(connection, wanted, NOW) == holds + (1 if "lt" in asked else 0)
        connection.execute(text(sql_of(wanted, NOW, segments={}).replace(":", r"\:")))
