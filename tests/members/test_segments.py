"""Segments keep conditions by name; circles, strangers and monsters are refused politely."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert

from database.engine import Database
from database.tables import members
from language.problems import InputRefused
from members.conditions import Condition, clause, parse_condition
from members.segments import count_matching, load_segments
from tests.makers import make_segments

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
GOLD = parse_condition({"member": {"tier": {"eq": "gold"}}})


def nested(depth: int) -> dict[str, Any]:
    asked: dict[str, Any] = {"segment": "x"}
    for _ in range(depth - 1):
        asked = {"not": asked}
    return asked


def test_segments_are_kept_by_name_and_may_ask_about_each_other(database: Database) -> None:
    quiet = parse_condition({"all": [{"segment": "gold"}, {"not": {"event": {"kind": "order.paid", "within": "90d"}}}]})
    with database.transaction() as connection:
        make_segments(connection, gold=GOLD, quiet_gold=quiet)
        connection.execute(insert(members), [{"key": "1", "tier": "gold"}, {"key": "2", "tier": "silver"}])
        kept = load_segments(connection)

        assert kept == {"gold": GOLD, "quiet-gold": quiet}
        assert count_matching(connection, Condition(segment="quiet-gold"), NOW, segments=kept) == 1
        make_segments(connection, gold=parse_condition({"not": GOLD.model_dump(mode="json")}))
        assert load_segments(connection)["gold"] != GOLD


def test_a_circle_is_refused_with_its_way_and_nothing_is_kept(database: Database) -> None:
    circle = {name: Condition(not_=Condition(segment=other)) for name, other in (("a", "b"), ("b", "c"), ("c", "a"))}
    with database.transaction() as connection:
        with pytest.raises(InputRefused, match="a → b → c → a"):
            make_segments(connection, **circle)
        assert load_segments(connection) == {}


def test_a_segment_nobody_knows_is_refused_with_the_nearest_name(database: Database) -> None:
    with database.transaction() as connection:
        with pytest.raises(InputRefused, match="there is no segment glod; did you mean gold"):
            make_segments(connection, gold=GOLD, x=Condition(segment="glod"))
        with pytest.raises(InputRefused, match="is no name for a segment"):
            make_segments(connection, **{"a b": GOLD})


def test_segments_that_double_at_every_step_are_refused_before_they_are_written_out() -> None:
    doubling = {f"s{level}": Condition(all=[Condition(segment=f"s{level + 1}")] * 2) for level in range(18)}
    doubling["s18"] = GOLD
    with pytest.raises(InputRefused, match="at most 500 parts"):
        clause(Condition(segment="s0"), member=members.c.id, now=NOW, segments=doubling)


@pytest.mark.parametrize(
    "monster",
    [
        nested(21),
        nested(5000),
        {"any": [{"segment": "x"}] * 501},
        {"any": [{"all": [{"segment": "x"}] * 30}] * 30},
    ],
)
def test_a_monster_is_refused_politely(monster: dict[str, Any]) -> None:
    with pytest.raises(InputRefused, match="at most 500 parts, 20 deep"):
        parse_condition(monster)


def test_what_is_just_small_enough_is_taken() -> None:
    parse_condition(nested(20))
    parse_condition({"any": [{"segment": "x"}] * 499})


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"al": []}, "al is not known here; did you mean all?"),
        ({"member": {"teir": {"eq": "x"}}}, "f.yaml:3:audience.member: teir is not known here; did you mean tier?"),
        ({"member": {"tier": {"equals": "x"}}}, "equals is not known here"),
        ({"member": {"tier": "gold"}}, "an operator with its value was expected, such as {eq: gold}"),
        ({"member": {"language": {"eq": False}}}, "write it in quotes; found False"),
        ({"member": {"birth_month": {"eq": "May"}}}, "a number was expected; found 'May'"),
        ({"member": {"joined_at": {"lt": "soon"}}}, "a moment such as 2026-08-01"),
        ({"member": {"tier": {"in": []}}}, "audience.member.tier.in"),
        ({"member": {"tier": {"in": ["x"] * 1001}}}, "audience.member.tier.in"),
        ({"attribute": {"x": {"between": [2, 1]}}}, "the smaller first"),
        ({"attribute": {"x": {"lt": True}}}, "true and false have no order"),
        ({"attribute": {"x": {"eq": float("nan")}}}, "no number at all"),
        ({"event": {"kind": "x", "within": "3 months"}}, "a length of time such as 90d"),
        ({"event": {"kind": "x\0"}}, "characters no text has"),
        ({"event": {"count": {"ge": 1}}}, "kind is missing"),
        ({"fact": {"event": "x"}}, "count, total, first_at, last_at"),
        ({"reachable": "smss"}, "did you mean sms?"),
        ({"segment": "a", "clicked": "b"}, "one question at a time"),
        ({"all": [{"segment": "a"}, 5]}, "f.yaml:3:audience.all[1]: a mapping was expected"),
        (None, "a mapping was expected"),
        ([], "a mapping was expected"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_was_expected(asked: object, told: str) -> None:
    with pytest.raises(InputRefused) as refused:
        parse_condition(asked, file="f.yaml", line=3, field="audience")
    assert told in str(refused.value)
    assert refused.value.told("zh") != str(refused.value)
