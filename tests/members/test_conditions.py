"""Three hundred random conditions pick, in SQL, exactly whom a plain reading in Python picks."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import BigInteger, Connection, column, func, insert, select, true

from database.engine import Database
from database.tables import (
    addresses,
    assignments,
    campaigns,
    experiments,
    members,
    sends,
    suppressions,
    template_versions,
)
from members.conditions import Condition, clause, parse_condition
from members.consent import NewConsent, record_consents
from members.events import NewEvent, record
from members.segments import matching_members

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
KINDS = ("order.paid", "member.joined", "page.viewed")
CITIES = ("上海", "北京", "广州", "Xi'an", "")
CAMPAIGNS = ("spring", "autumn")
UNITS = {"h": 3600, "d": 86400, "w": 604800}
SEGMENTS: Mapping[str, Any] = {
    "gold": {"member": {"tier": {"eq": "gold"}}},
    "quiet gold": {"all": [{"segment": "gold"}, {"not": {"event": {"kind": "order.paid", "within": "60d"}}}]},
}


@dataclass
class Somebody:
    """A member as the plain reading sees them."""

    key: str
    row: dict[str, Any]
    attributes: dict[str, Any]
    events: list[NewEvent] = field(default_factory=list)
    consents: dict[tuple[str, str], bool] = field(default_factory=dict)
    reachable: set[str] = field(default_factory=set)
    received: set[str] = field(default_factory=set)


# --------------------------------------------------------- the plain reading


def length(text: str) -> timedelta:
    return timedelta(seconds=int(text[:-1]) * UNITS[text[-1]])


def number(value: Any) -> Decimal | None:
    if isinstance(value, bool | list) or value is None:
        return None
    try:
        return Decimal(str(value))
    except ArithmeticError:
        return None


def words(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def compared(value: Any, operator: str, other: Any) -> bool:
    """Compare two values of one kind, where the first may be missing."""
    if operator == "is_set":
        return (value is not None) is other
    if operator in ("ne", "not_in"):
        return not compared(value, {"ne": "eq", "not_in": "in"}[operator], other)
    if value is None:
        return False
    answers = {
        "eq": lambda: value == other,
        "in": lambda: value in other,
        "lt": lambda: value < other,
        "le": lambda: value <= other,
        "gt": lambda: value > other,
        "ge": lambda: value >= other,
        "between": lambda: other[0] <= value <= other[1],
        "contains": lambda: other in value,
        "starts_with": lambda: value.startswith(other),
        "older_than": lambda: value <= NOW - length(other),
        "newer_than": lambda: value > NOW - length(other),
    }
    return bool(answers[operator]())


def free(value: Any, operator: str, other: Any) -> bool:
    """Compare something JSON may hold with something a file may say."""
    if operator == "is_set":
        return (value is not None) is other
    if operator in ("ne", "not_in"):
        return not free(value, {"ne": "eq", "not_in": "in"}[operator], other)
    if operator == "in":
        return any(free(value, "eq", item) for item in other)
    if operator in ("older_than", "newer_than"):
        text = words(value) or ""
        if not (len(text) >= 10 and text[:4].isdigit() and text[4] == text[7] == "-"):
            return False
        limit = (NOW - length(other)).astimezone(SHANGHAI).date().isoformat()
        return text[:10] <= limit if operator == "older_than" else text[:10] > limit
    if operator == "contains" and isinstance(value, list):
        return other in value
    probe = other[0] if operator == "between" else other
    if isinstance(probe, int | float) and not isinstance(probe, bool):
        wanted = [Decimal(str(item)) for item in other] if operator == "between" else Decimal(str(other))
        return compared(number(value), operator, wanted)
    return compared(words(value), operator, other if operator == "between" else words(other))


def every(value: Any, asked: Mapping[str, Any]) -> bool:
    return all(compared(value, operator, other) for operator, other in asked.items())


def every_free(value: Any, asked: Mapping[str, Any]) -> bool:
    return all(free(value, operator, other) for operator, other in asked.items())


def holds(asked: Mapping[str, Any], who: Somebody) -> bool:
    ((name, question),) = asked.items()
    match name:
        case "all":
            return all(holds(inner, who) for inner in question)
        case "any":
            return any(holds(inner, who) for inner in question)
        case "not":
            return not holds(question, who)
        case "segment":
            return holds(SEGMENTS[question], who)
        case "member":
            return all(every(who.row[key], moments(key, want)) for key, want in question.items())
        case "attribute":
            return all(every_free(who.attributes.get(key), want) for key, want in question.items())
        case "event":
            return event_holds(question, who)
        case "fact":
            return fact_holds(question, who)
        case "consent":
            return who.consents.get((question["channel"], question["purpose"]), False)
        case "reachable":
            return question in who.reachable
        case "received":
            return question in who.received
        case _:
            return any(e.kind == f"message.{name}" and e.properties["campaign"] == question for e in who.events)


def moments(key: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    if key not in ("joined_at", "first_at", "last_at"):
        return dict(asked)

    def read(value: Any) -> Any:
        if isinstance(value, list):
            return [read(item) for item in value]
        return datetime.fromisoformat(value).replace(tzinfo=SHANGHAI) if "-" in str(value) else value

    return {operator: read(value) for operator, value in asked.items()}


def event_holds(asked: Mapping[str, Any], who: Somebody) -> bool:
    found = [
        event
        for event in who.events
        if event.kind == asked["kind"]
        and event.occurred_at <= NOW
        and ("within" not in asked or event.occurred_at > NOW - length(asked["within"]))
        and ("before" not in asked or event.occurred_at <= NOW - length(asked["before"]))
        and all(every_free(event.properties.get(key), want) for key, want in asked.get("where", {}).items())
    ]
    if "count" not in asked and "sum" not in asked:
        return bool(found)
    total = sum((Decimal(str(event.value)) for event in found if event.value is not None), Decimal(0))
    return every(len(found), asked.get("count", {})) and every(total, asked.get("sum", {}))


def fact_holds(asked: Mapping[str, Any], who: Somebody) -> bool:
    found = [event for event in who.events if event.kind == asked["event"]]
    days = sorted(event.occurred_at for event in found)
    measured = {
        "count": len(found),
        "total": sum((Decimal(str(event.value)) for event in found if event.value is not None), Decimal(0)),
        "first_at": days[0] if days else None,
        "last_at": days[-1] if days else None,
    }
    return all(every(measured[key], moments(key, asked[key])) for key in measured if key in asked)


# ------------------------------------------------------------ random people


def people(chance: random.Random) -> list[Somebody]:
    return [somebody(chance, f"m{index}") for index in range(200)]


def somebody(chance: random.Random, key: str) -> Somebody:
    row = {
        "key": key,
        "name": chance.choice(["王芳", "李雷", "Ann", ""]),
        "language": chance.choice(["zh", "en"]),
        "time_zone": "Asia/Shanghai",
        "tier": chance.choice(["gold", "silver", "platinum", None]),
        "joined_at": None if chance.random() < 0.2 else NOW - timedelta(days=chance.randrange(700), hours=5),
        "birth_month": (month := chance.choice([None, *range(1, 13)])),
        "birth_day": month and chance.randrange(1, 29),
    }
    choices: dict[str, Any] = {
        "city": chance.choice([*CITIES, None]),
        "points": chance.choice([0, 10, 10.5, "10", "ten", -3, None, True]),
        "last_visit": chance.choice(["2026-07-01", "2026-03-20T10:00", "2025", "soon", 7]),
        "tags": chance.choice([["vip", "上海"], [], ["10"], "vip", None]),
        "staff": chance.choice([True, False, "true"]),
    }
    attributes = {name: value for name, value in choices.items() if chance.random() < 0.8}
    who = Somebody(key=key, row=row, attributes=attributes)
    for index in range(chance.choice([0, 0, 1, 2, 3, 6])):
        who.events.append(
            NewEvent(
                source="shop",
                key=f"{key}-{index}",
                member_key=key,
                kind=chance.choice(KINDS),
                occurred_at=NOW - timedelta(days=chance.choice([0, 7, 30, 30.5, 90, 200, 400])),
                value=chance.choice([None, Decimal("0"), Decimal("50.5"), Decimal("100"), Decimal("-20")]),
                properties={"city": chance.choice(CITIES), "items": chance.randrange(4)},
            )
        )
    for kind in ("message.opened", "message.clicked"):
        if chance.random() < 0.3:
            told = {"campaign": chance.choice(CAMPAIGNS)}
            who.events.append(
                NewEvent(
                    source=kind,
                    key=key,
                    member_key=key,
                    kind=kind,
                    occurred_at=NOW - timedelta(days=1),
                    properties=told,
                )
            )
    return who


def settle(connection: Connection, crowd: list[Somebody], chance: random.Random) -> dict[int, Somebody]:
    """Put everybody into the database; return them by id."""
    connection.execute(insert(members), [{**who.row, "attributes": who.attributes} for who in crowd])
    ids = {row.key: row.id for row in connection.execute(select(members.c.id, members.c.key))}
    record(connection, [event for who in crowd for event in who.events], now=NOW)
    told: list[NewConsent] = []
    for who in crowd:
        for days in (9, 3):
            channel, purpose = chance.choice(["sms", "email"]), chance.choice(["marketing", "service"])
            granted = chance.random() < 0.7
            who.consents[channel, purpose] = granted
            told.append(
                NewConsent(
                    member_id=ids[who.key],
                    channel=channel,
                    purpose=purpose,
                    granted=granted,
                    source="test",
                    occurred_at=NOW - timedelta(days=days),
                )
            )
        give_addresses(connection, who, ids[who.key], chance)
    record_consents(connection, chance.sample(told, len(told)), now=NOW)
    deliver(connection, crowd, ids, chance)
    return {ids[who.key]: who for who in crowd}


def give_addresses(connection: Connection, who: Somebody, member_id: int, chance: random.Random) -> None:
    for channel in ("sms", "email"):
        mark = f"{channel}{member_id}".encode()
        current, problem = chance.random() < 0.8, chance.choice([None, None, "not_valid"])
        stopped = chance.random() < 0.2
        row = {"member_id": member_id, "channel": channel, "address": "x", "fingerprint": mark}
        connection.execute(insert(addresses).values(**row, is_current=current, problem=problem))
        if stopped:
            connection.execute(insert(suppressions).values(channel=channel, fingerprint=mark, reason="complaint"))
        if current and problem is None and not stopped:
            who.reachable.add(channel)


def deliver(connection: Connection, crowd: list[Somebody], ids: dict[str, int], chance: random.Random) -> None:
    version = connection.scalar(
        insert(template_versions).values(name="t", digest="d", content={}).returning(template_versions.c.id)
    )
    draw = connection.scalar(
        insert(experiments).values(name="x", salt="x", control_share=0.1).returning(experiments.c.id)
    )
    connection.execute(
        insert(assignments),
        [
            {"experiment_id": draw, "member_id": member, "arm": "treated", "bucket": 9, "decided_at": NOW}
            for member in ids.values()
        ],
    )
    for name in CAMPAIGNS:
        campaign = connection.scalar(
            insert(campaigns).values(name=name, definition={}, template_version_id=version).returning(campaigns.c.id)
        )
        for who in crowd:
            state = chance.choice(["accepted", "delivered", "waiting", "failed"])
            if state in ("accepted", "delivered"):
                who.received.add(name)
            connection.execute(
                insert(sends).values(
                    campaign_id=campaign,
                    member_id=ids[who.key],
                    occasion="launch:1",
                    template_version_id=version,
                    purpose="marketing",
                    state=state,
                    experiment_id=draw,
                    arm="treated",
                    decided_at=NOW,
                    not_before=NOW,
                )
            )


# -------------------------------------------------------- random conditions


def numbers(chance: random.Random, *, largest: int = 12) -> dict[str, Any]:
    one = chance.choice([0, 1, 2, 5.5, largest])
    operator = chance.choice(["eq", "ne", "lt", "le", "gt", "ge", "in", "not_in", "between", "is_set"])
    value = {"in": [one, 3], "not_in": [one, 3], "between": [one, largest], "is_set": chance.random() < 0.5}
    return {operator: value.get(operator, one)}


def ages(chance: random.Random) -> dict[str, Any]:
    day = chance.choice(["2025-06-01", "2026-06-01", "2026-07-25"])
    operator = chance.choice(["older_than", "newer_than", "lt", "le", "gt", "ge", "between", "is_set"])
    aged = chance.choice(["30d", "90d", "4w", "720h"])
    value = {"older_than": aged, "newer_than": aged, "between": [day, "2026-07-30"], "is_set": chance.random() < 0.5}
    return {operator: value.get(operator, day)}


def texts(chance: random.Random, known: tuple[Any, ...]) -> dict[str, Any]:
    one = chance.choice([item for item in known if item is not None])
    operator = chance.choice(["eq", "ne", "in", "not_in", "contains", "starts_with", "is_set"])
    value = {"in": [one, known[0]], "not_in": [one, known[0]], "is_set": chance.random() < 0.5}
    value |= {"contains": one[:1], "starts_with": one[:1]}
    return {operator: value.get(operator, one)}


def anything(chance: random.Random) -> dict[str, Any]:
    one = chance.choice(["上海", "10", 10, 10.5, 0, True, "vip", "2026-07-01", ""])
    operator = chance.choice(
        [
            "eq",
            "ne",
            "lt",
            "le",
            "gt",
            "ge",
            "in",
            "not_in",
            "contains",
            "starts_with",
            "older_than",
            "newer_than",
            "is_set",
            "between",
        ]
    )
    if operator in ("lt", "le", "gt", "ge"):
        return {operator: 10 if isinstance(one, bool) else one}
    value = {"in": [one, "vip", 10, False], "not_in": [one, 0], "is_set": chance.random() < 0.5}
    value |= {"contains": chance.choice(["vip", "1"]), "starts_with": chance.choice(["1", "上"])}
    value |= {"older_than": "30d", "newer_than": "13w", "between": chance.choice([[0, 10], ["1", "2026-08"]])}
    return {operator: value.get(operator, one)}


def question(chance: random.Random, depth: int) -> dict[str, Any]:
    if depth and chance.random() < 0.5:
        connective = chance.choice(["all", "any", "not"])
        if connective == "not":
            return {"not": question(chance, depth - 1)}
        return {connective: [question(chance, depth - 1) for _ in range(chance.randrange(1, 4))]}
    name = chance.choice(["member", "attribute", "event", "event", "fact", "fact", "other"])
    if name == "member":
        asked = {
            "tier": texts(chance, ("gold", "silver")),
            "name": texts(chance, ("王芳", "Ann")),
            "birth_month": numbers(chance),
            "joined_at": ages(chance),
        }
        return {"member": {key: asked[key] for key in chance.sample(list(asked), chance.randrange(1, 3))}}
    if name == "attribute":
        names = chance.sample(["city", "points", "last_visit", "tags", "staff", "unheard of"], chance.randrange(1, 3))
        return {"attribute": {key: anything(chance) for key in names}}
    if name == "event":
        return {"event": event_question(chance)}
    if name == "fact":
        measures = chance.sample(["count", "total", "first_at", "last_at"], chance.randrange(1, 3))
        asked = {key: ages(chance) if key.endswith("_at") else numbers(chance, largest=100) for key in measures}
        return {"fact": {"event": chance.choice(KINDS), **asked}}
    return chance.choice(
        [
            {
                "consent": {
                    "channel": chance.choice(["sms", "email"]),
                    "purpose": chance.choice(["marketing", "service"]),
                }
            },
            {"reachable": chance.choice(["sms", "email", "wechat"])},
            {chance.choice(["clicked", "opened", "received"]): chance.choice([*CAMPAIGNS, "never"])},
            {"segment": chance.choice(list(SEGMENTS))},
        ]
    )


def event_question(chance: random.Random) -> dict[str, Any]:
    asked: dict[str, Any] = {"kind": chance.choice(KINDS)}
    if chance.random() < 0.5:
        asked["count"] = numbers(chance)
    if chance.random() < 0.3:
        asked["sum"] = numbers(chance, largest=100)
    if chance.random() < 0.4:
        asked["within"] = chance.choice(["30d", "200d", "1h"])
    if chance.random() < 0.3:
        asked["before"] = chance.choice(["7d", "30d"])
    if chance.random() < 0.3:
        asked["where"] = {chance.choice(["city", "items"]): anything(chance)}
    return asked


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sql_and_the_plain_reading_agree(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    named = {name: parse_condition(data) for name, data in SEGMENTS.items()}
    with database.transaction() as connection:
        crowd = settle(connection, people(chance), chance)
        somewhere = func.unnest(list(crowd)).table_valued(column("member_id", BigInteger)).render_derived("batch")
        picked_sizes = set()
        for _ in range(100):
            asked = question(chance, 3)
            condition = parse_condition(asked)
            assert parse_condition(condition.model_dump(mode="json")) == condition
            expected = {member for member, who in crowd.items() if holds(asked, who)}
            for_a_batch = clause(condition, member=somewhere.c.member_id, now=NOW, segments=named)
            for_a_batch_row = select(somewhere.c.member_id, for_a_batch)
            answers = {row[0]: row[1] for row in connection.execute(for_a_batch_row)}

            assert set(connection.scalars(matching_members(condition, NOW, segments=named))) == expected, asked
            assert set(connection.scalars(select(somewhere.c.member_id).where(for_a_batch))) == expected, asked
            assert answers == {member: member in expected for member in crowd}, asked
            picked_sizes.add(len(expected))
        assert len(picked_sizes) > 20


def test_a_clause_is_false_and_never_null_so_that_it_may_be_negated(database: Database) -> None:
    asked = Condition.model_validate({"member": {"tier": {"eq": "gold"}, "joined_at": {"older_than": "1d"}}})
    with database.transaction() as connection:
        connection.execute(insert(members).values(key="bare"))
        holds_for = clause(asked, member=members.c.id, now=NOW)
        assert connection.execute(select(members.c.key).where(~holds_for)).scalars().all() == ["bare"]
        assert connection.scalar(select(holds_for.is_(None)).select_from(members)) is False
        assert connection.scalar(select(true()).where(holds_for)) is None
