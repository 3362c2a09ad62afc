"""A journey or campaign that asks about a segment nobody knows, or begins with one that tells nothing, is refused."""

from pathlib import Path

import pytest
from sqlalchemy import Connection

from campaigns.publishing import apply_campaigns
from database.engine import Database
from journeys.naming import problems_in_force
from journeys.publishing import stop_journey
from language.problems import InputRefused
from members.conditions import parse_condition
from members.segments.storing import KeptSegment, store_segments
from tests.journeys.journey_makers import BEGIN, LIBRARY, campaign, publish

GOLD = parse_condition({"tier": {"eq": "gold"}})


def segments(connection: Connection, *, keep: bool, **more: str) -> None:
    listed = [KeptSegment(name=name, condition=parse_condition({"listed": name}), kind="list") for name in more.values()]
    store_segments(connection, [KeptSegment(name="gold", condition=GOLD, keep=keep), *listed], now=BEGIN)


def way(trigger: str = "member.joined", **more: str) -> str:
    rest = "".join(f"{name}: {words}\n" for name, words in more.items())
    return f"journey: way\ntrigger: {{event: {trigger}}}\n{rest}steps: [{{exit: {{}}}}]\n"


@pytest.mark.parametrize("kind", ["segment.entered", "segment.left"])
@pytest.mark.parametrize("where", ["{eq: gold}", "{in: [gold]}"])
def test_a_journey_that_begins_with_a_segment_needs_it_kept(database: Database, tmp_path: Path, kind: str, where: str) -> None:
    words = way(f"{{kind: {kind}, where: {{segment: {where}}}}}")
    with database.transaction() as connection:
        segments(connection, keep=False)
        with pytest.raises(InputRefused, match=r"^way: trigger\.event\.where\.segment: segment gold .* lacks keep: true$"):
            publish(connection, tmp_path, words)
        segments(connection, keep=True)
        publish(connection, tmp_path, words)


def test_any_segment_may_begin_a_journey_and_other_events_have_words_of_their_own(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        segments(connection, keep=False)
        publish(connection, tmp_path, way("segment.entered"))
        publish(connection, tmp_path, way("{kind: order.paid, where: {segment: {eq: shoes}}}"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (way(audience="{segment: glod}"), "way: audience: there is no segment glod; did you mean gold?"),
        (way(audience="{not: {listed: stopped}}"), "way: audience: there is no list stopped"),
        (way("{kind: segment.left, where: {segment: {eq: glod}}}"), "way: trigger.event.where.segment: there is no segment glod; did you mean gold?"),
        (
            "journey: way\ntrigger: {event: a}\nsteps:\n  - branch:\n      - {when: {segment: x}, steps: [{exit: {}}]}\n      - otherwise: [{exit: {}}]\n",
            "way: steps.0.branch.0.when: there is no segment x",
        ),
    ],
)
def test_a_journey_that_names_what_nobody_knows_is_refused(database: Database, tmp_path: Path, words: str, said: str) -> None:
    with database.transaction() as connection:
        segments(connection, keep=True)
        with pytest.raises(InputRefused) as refused:
            publish(connection, tmp_path, words)
        assert said in str(refused.value)


def test_a_campaign_whose_audience_names_what_nobody_knows_is_refused(database: Database) -> None:
    with database.transaction() as connection:
        segments(connection, keep=False)
        with pytest.raises(InputRefused, match="first: audience: there is no segment glod"):
            apply_campaigns(connection, [campaign("first", audience={"segment": "glod"})], LIBRARY, now=BEGIN)
        apply_campaigns(connection, [campaign("first", audience={"segment": "gold"})], LIBRARY, now=BEGIN)


def test_what_a_changed_segment_breaks_is_found_until_it_runs_no_more(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        segments(connection, keep=True, stopped="stopped")
        publish(connection, tmp_path, way("{kind: segment.entered, where: {segment: {eq: gold}}}"))
        apply_campaigns(connection, [campaign("first", audience={"not": {"listed": "stopped"}})], LIBRARY, now=BEGIN)
        assert problems_in_force(connection) == []

        store_segments(connection, [KeptSegment(name=name, condition=GOLD) for name in ("gold", "stopped")], now=BEGIN)
        assert [str(problem).partition(":")[0] for problem in problems_in_force(connection)] == ["first", "way"]
        stop_journey(connection, "way", now=BEGIN)
        assert [str(problem).partition(":")[0] for problem in problems_in_force(connection)] == ["first"]
