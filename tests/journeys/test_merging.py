"""Two rows become one person with everything they have, and two again; nobody gets a thing twice through it."""

import random
import threading
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from journey_makers import BEGIN, RULES, add_members, campaign, happen, publish, waits_for_the_held
from sqlalchemy import Connection, func, select, text

from campaigns.invariants import broken
from campaigns.launching import launch
from campaigns.publishing import apply_campaigns, load_campaign
from campaigns.sends import Rendered, claim, mark
from campaigns.terms import terms_of
from console.visits import unsubscribe
from database.engine import Database
from database.every_table import metadata
from database.holding import hold_members
from database.tables import members, sends
from journeys.advance import advance
from journeys.merging import Merged, carry_strays, merge_certain, merge_members, unmerge
from journeys.parting import erase_members
from journeys.triggers import enrol
from language.problems import InputRefused
from members.consent import NewConsent, record_consents, withdraw
from members.consent_chain import check_chain, link_all_consents
from members.definitions import save_definitions
from members.double_opt_in import confirm_opt_in, request_opt_in
from members.events import NewEvent, record
from members.everybody import hold
from members.identity.duplicates import Pair
from members.occasions.choice import Occasions
from members.people import find_member, save_people
from members.person import Person
from members.reckoning import reckon
from reports.responses import credit
from templates.library import load_library
from templates.links import Unsubscribe
from tests.makers import SECRET

DAY = timedelta(days=1)
WAY = """
journey: way
trigger: {event: member.joined}
steps:
  - send: {campaign: first}
  - wait: {for: 3d}
  - send: {campaign: second}
"""


def merge(connection: Connection, kept: int, gone: int, *, days: float = 0) -> Merged:
    return merge_members(
        connection, [Pair(kept_id=kept, gone_id=gone, matched_by="person")], by="test", now=BEGIN + days * DAY
    )


def persons(database: Database, *, state: str = "waiting") -> dict[tuple[int, str], int]:
    """Count sends by person and campaign."""
    with database.transaction() as connection:
        rows = connection.execute(
            text("SELECT coalesce(m.merged_into, m.id) AS person, c.name, count(*) AS many FROM sends s JOIN members m ON m.id = s.member_id "
                 "JOIN campaigns c ON c.id = s.campaign_id WHERE s.state = :state GROUP BY 1, 2"), {"state": state},
        )  # fmt: skip
        return {(row.person, row.name): row.many for row in rows}


def walk(database: Database, days: float) -> None:
    with database.transaction() as connection:
        enrol(connection, now=BEGIN + days * DAY)
        advance(connection, now=BEGIN + days * DAY, rules=RULES)


def told(database: Database, *, without: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Return every row of every table as text, but of those that are only added to."""
    added = {"consents", "unlinked_consents", "touched_members", "merges", "merge_conflicts", "upkeep", *without}
    with database.transaction() as connection:
        return {
            table.name: sorted(str(row) for row in connection.execute(select(*(c for c in table.c if c.name != "updated_at"))))
            for table in metadata.sorted_tables
            if table.name not in added
        }


@pytest.mark.parametrize("seed", range(3))
def test_each_person_gets_each_step_and_each_campaign_once(database: Database, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with database.transaction() as connection:
        publish(connection, tmp_path, WAY)
        apply_campaigns(connection, [campaign("news")], load_library(), now=BEGIN)
        ids = add_members(connection, 60)
        for member_id in ids[1::2]:  # Every second row has the number of the row before it.
            connection.execute(
                text("UPDATE addresses a SET fingerprint = b.fingerprint FROM addresses b WHERE b.member_id = :one AND a.member_id = :id"),
                {"id": member_id, "one": member_id - 1},
            )
        keys = dict(connection.execute(select(members.c.id, members.c.key)).all())
        happen(connection, [keys[each] for each in ids if chance.random() < 0.8], "member.joined", BEGIN)
    walk(database, 0)
    with database.transaction() as connection:
        launch(connection, load_campaign(connection, "news"), occasion="1", now=BEGIN, rules=RULES)
    merged = 0
    while True:
        with database.transaction() as connection:
            done = merge_certain(connection, by="test", now=BEGIN + DAY, limit=chance.choice([3, 7, 30]))
        merged += len(done.merges)
        if not done.merges:
            break
    walk(database, 3)
    with database.transaction() as connection:
        launch(connection, load_campaign(connection, "news"), occasion="2", now=BEGIN + 4 * DAY, rules=RULES)

    seen = persons(database)
    assert merged == 30
    assert {many for (_, name), many in seen.items() if name != "news"} == {1}
    assert {many for (_, name), many in seen.items() if name == "news"} == {2}
    assert sum(name == "news" for _, name in seen) == 30
    with database.transaction() as connection:
        assert broken(connection) == []


def test_who_was_sent_the_first_step_twice_gets_the_second_once(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, WAY)
        kept, gone = add_members(connection, 2)
        happen(connection, ["m0", "m1"], "member.joined", BEGIN)
    walk(database, 0)
    with database.transaction() as connection:
        connection.execute(text("UPDATE sends SET state = 'accepted', attempts = 0"))
        merge(connection, kept, gone)
    walk(database, 3)

    assert persons(database) == {(kept, "second"): 1}
    assert persons(database, state="accepted") == {(kept, "first"): 2}


def test_a_way_begun_goes_on_as_the_row_that_stays_and_is_not_begun_again(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, WAY)
        kept, gone = add_members(connection, 2)
        happen(connection, ["m1"], "member.joined", BEGIN)
    walk(database, 0)
    with database.transaction() as connection:
        merge(connection, kept, gone)
        happen(connection, ["m0", "m1"], "member.joined", BEGIN + DAY)
    walk(database, 3)

    assert persons(database) == {(kept, "first"): 1, (kept, "second"): 1}


def test_what_a_row_got_that_is_gone_keeps_its_person_from_coming_back(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, WAY)
        kept, gone = add_members(connection, 2)
        happen(connection, ["m1"], "member.joined", BEGIN)
    walk(database, 0)
    walk(database, 3)
    with database.transaction() as connection:
        merge(connection, kept, gone, days=4)
        happen(connection, ["m0"], "member.joined", BEGIN + 5 * DAY)
    walk(database, 5)

    assert persons(database) == {(kept, "first"): 1, (kept, "second"): 1}


def test_a_cap_counts_what_the_person_got_as_another_row(database: Database) -> None:
    with database.transaction() as connection:
        capped = campaign("capped", caps=[{"count": 1, "per": "7d"}])
        apply_campaigns(connection, [campaign("plain"), capped], load_library(), now=BEGIN)
        kept, gone = add_members(connection, 2)
        launch(connection, load_campaign(connection, "plain"), occasion="1", now=BEGIN, rules=RULES)
        connection.execute(text("UPDATE sends SET state = 'accepted', counted_at = :now WHERE member_id = :gone"), {"gone": gone, "now": BEGIN})
        connection.execute(text("UPDATE sends SET state = 'cancelled', reason = 'test' WHERE member_id = :kept"), {"kept": kept})
        merge(connection, kept, gone)
        launch(connection, load_campaign(connection, "capped"), occasion="1", now=BEGIN + DAY, rules=RULES)
        rows = connection.execute(select(sends.c.member_id, sends.c.reason).where(sends.c.state == "refused")).all()

    assert [tuple(row) for row in rows] == [(kept, "cap")]


def test_what_is_told_under_the_old_key_or_link_lands_on_the_row_that_stays(database: Database) -> None:
    with database.transaction() as connection:
        kept, gone = add_members(connection, 2)
        event = NewEvent(source="shop", key="o1", member_key="m1", kind="order.paid", occurred_at=BEGIN, value=7)
        record(connection, [event], now=BEGIN)
        merge(connection, kept, gone)
        again = record(connection, [event], now=BEGIN)
        later = NewEvent(source="shop", key="o2", member_key="m1", kind="order.paid", occurred_at=BEGIN, value=5)
        record(connection, [later], now=BEGIN)
        save_people(connection, [Person(key="m1", tier="gold", email="new@example.com")], now=BEGIN, secret=SECRET)
        unsubscribe(connection, Unsubscribe(member_id=gone, channel="sms", send_id=0), source="link", now=BEGIN + DAY)
        found = find_member(connection, "m1")
        facts = connection.execute(text("SELECT member_id, count, total FROM facts")).all()
        tier = connection.execute(select(members.c.tier).where(members.c.id == kept)).scalar_one()
        mails = connection.execute(text("SELECT member_id FROM addresses WHERE channel = 'email'")).scalars().all()
        stops = connection.execute(text("SELECT count(*) FROM suppressions")).scalar_one()
        said = connection.execute(text("SELECT granted FROM consent_now WHERE member_id = :kept"), {"kept": kept}).scalars().all()

    assert (again.duplicates, again.mismatched) == (1, ())
    assert found is not None
    assert found.id == kept
    assert [tuple(row) for row in facts] == [(kept, 2, 12)]
    assert (tier, mails, stops, said) == ("gold", [kept], 1, [False])


def test_an_order_after_the_merge_counts_for_what_the_row_that_went_was_sent(database: Database) -> None:
    with database.transaction() as connection:
        goal = {"event": "order.paid", "within": "14d"}
        apply_campaigns(connection, [campaign("news", goal=goal)], load_library(), now=BEGIN)
        kept, gone = add_members(connection, 2)
        launch(connection, load_campaign(connection, "news"), occasion="1", now=BEGIN, rules=RULES)
        connection.execute(text("UPDATE sends SET state = 'cancelled', reason = 'test' WHERE member_id = :kept"), {"kept": kept})
        connection.execute(text("UPDATE sends SET state = 'failed' WHERE member_id = :gone"), {"gone": gone})
        merge(connection, kept, gone)
        happen(connection, ["m0"], "order.paid", BEGIN + DAY)

        assert credit(connection, now=BEGIN + 2 * DAY) == 2
        assert credit(connection, now=BEGIN + 2 * DAY) == 0
        assert broken(connection) == []


def a_rich_pair(database: Database, folder: Path) -> tuple[int, int]:
    """Make two rows with everything: orders, a journey under way, a waiting campaign, points, places, a segment."""
    with database.transaction() as connection:
        publish(connection, folder, WAY)
        apply_campaigns(connection, [campaign("news", control={"share": 0.5})], load_library(), now=BEGIN)
        kept, gone = add_members(connection, 2)
        people = [
            Person(key="m0", name="", attributes={"city": "上海"}),
            Person(key="m1", name="王芳", birth_month=3, birth_day=4, email="a@example.com", attributes={"city": "北京", "shoe": 38}),
        ]
        save_people(connection, people, now=BEGIN, secret=SECRET)
        happen(connection, ["m1"], "member.joined", BEGIN)
        happen(connection, ["m0", "m1", "m1"], "order.paid", BEGIN, value=10)
        for statement in (
            "INSERT INTO points (member_id, kind, amount, source, key, occurred_at) VALUES (:gone, 'earn', 5, 's', 'k', :now)",
            "INSERT INTO identifiers (member_id, kind, value) VALUES (:gone, 'card', '7'), (:kept, 'card', '7'), (:gone, 'card', '8')",
            "INSERT INTO member_places (member_id, kind, latitude, longitude, seen_at) VALUES (:gone, 'home', 1, 1, :now)",
            "INSERT INTO segment_members (segment, member_id, entered_at) VALUES ('vip', :gone, :now)",
            "INSERT INTO coupons (pool, code, member_id, occasion, issued_at) VALUES ('p', 'c', :gone, 'o', :now)",
            "INSERT INTO survey_answers (survey, member_id, occasion, score, answered_at) VALUES ('s', :gone, 'o', 9, :now)",
            "INSERT INTO address_turns (campaign_id, occasion, channel, fingerprint, member_id, taken_at) "
            "SELECT id, 'journey', 'sms', 'x', :gone, :now FROM campaigns",
            "INSERT INTO rfm_scores (member_id, recency, frequency, monetary, cell, scored_at) VALUES (:gone, 5, 5, 5, 'best', :now)",
        ):
            connection.execute(text(statement), {"gone": gone, "kept": kept, "now": BEGIN})
    walk(database, 0)
    with database.transaction() as connection:
        audience = select(members.c.id).where(members.c.id == gone)
        assert connection.execute(audience).scalars().all() == [gone]
    return kept, gone


def test_a_merge_brings_everything_and_taking_it_back_restores_every_row(database: Database, tmp_path: Path) -> None:
    kept, gone = a_rich_pair(database, tmp_path)
    before = told(database)
    with database.transaction() as connection:
        (merge_id,) = merge(connection, kept, gone, days=1).merges
        left = {
            table: connection.execute(text(f"SELECT count(*) FROM {table} WHERE member_id = :gone"), {"gone": gone}).scalar_one()
            for table in ("events", "facts", "points", "member_places", "segment_members", "coupons", "survey_answers", "rfm_scores", "address_turns", "enrolments", "sends")
        }  # fmt: skip
        row = connection.execute(select(members.c.name, members.c.birth_month, members.c.attributes).where(members.c.id == kept)).one()
        assert broken(connection) == []
    during = told(database)
    with database.transaction() as connection:
        unmerge(connection, merge_id, now=BEGIN + 30 * DAY)

    assert set(left.values()) == {0}
    assert tuple(row) == ("王芳", 3, {"city": "上海", "shoe": 38})
    assert during != before
    assert told(database) == before


def test_what_came_since_stays_with_the_row_that_stayed(database: Database, tmp_path: Path) -> None:
    kept, gone = a_rich_pair(database, tmp_path)
    with database.transaction() as connection:
        (merge_id,) = merge(connection, kept, gone, days=1).merges
        happen(connection, ["m1"], "order.paid", BEGIN + 2 * DAY)
        save_people(connection, [Person(key="m0", name="王小芳")], now=BEGIN + 2 * DAY, secret=SECRET)
    with database.transaction() as connection:
        unmerge(connection, merge_id, now=BEGIN + 3 * DAY)
        counts = dict(connection.execute(text("SELECT member_id, count FROM facts WHERE event = 'order.paid'")).all())
        names = connection.execute(select(members.c.name).order_by(members.c.id)).scalars().all()
        assert broken(connection) == []

    assert counts == {kept: 2, gone: 1}
    assert names == ["王小芳", "王芳"]


def test_a_way_that_ended_for_the_merge_goes_on_when_it_is_taken_back(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, WAY)
        kept, gone = add_members(connection, 2)
        happen(connection, ["m0", "m1"], "member.joined", BEGIN)
    walk(database, 0)
    before = told(database, without=("sends",))
    with database.transaction() as connection:
        done = merge(connection, kept, gone, days=1)
    with database.transaction() as connection:
        unmerge(connection, done.merges[0], now=BEGIN + 2 * DAY)
    after = told(database, without=("sends",))
    walk(database, 3)

    assert done.ended == 1
    assert after == before
    assert persons(database) == {(kept, "first"): 1, (kept, "second"): 1, (gone, "second"): 1}


@pytest.mark.parametrize(
    ("mine", "theirs", "same_address", "stands"),
    [
        (None, True, False, True),
        (None, False, False, False),
        (True, False, False, False),
        (False, True, False, False),  # The later yes was about another address.
        (False, True, True, True),  # A later yes about the same address.
        (True, None, False, True),
    ],
)
def test_the_stricter_answer_stands_and_the_old_one_comes_back(
    database: Database, mine: bool | None, theirs: bool | None, same_address: bool, stands: bool
) -> None:
    with database.transaction() as connection:
        save_people(
            connection, [Person(key="a", phone="13800000001"), Person(key="b", phone="13800000001" if same_address else "13800000002")],
            now=BEGIN, secret=SECRET,
        )  # fmt: skip
        ids = connection.execute(select(members.c.id).order_by(members.c.key)).scalars().all()
        for place, granted in enumerate((mine, theirs)):
            if granted is not None:
                said = NewConsent(member_id=ids[place], channel="sms", purpose="marketing", granted=granted, source="card")
                record_consents(connection, [said], now=BEGIN + place * DAY)
        (merge_id,) = merge(connection, ids[0], ids[1], days=5).merges
        now_says = text("SELECT granted FROM consent_now WHERE member_id = :id AND purpose = 'marketing'")
        merged = connection.execute(now_says, {"id": ids[0]}).scalar_one()
        unmerge(connection, merge_id, now=BEGIN + 6 * DAY)
        apart = [connection.execute(now_says, {"id": each}).scalar_one_or_none() for each in ids]
        link_all_consents(connection, now=BEGIN + 7 * DAY)

    assert merged is stands
    assert bool(apart[0]) is bool(mine)
    assert apart[1] is theirs
    assert check_chain(database).is_whole


def test_a_merge_waits_for_whoever_is_marking_a_send(database: Database) -> None:
    with database.transaction() as connection:
        kept, gone = add_members(connection, 2)

    def merging() -> None:
        with database.transaction() as connection:
            merge(connection, kept, gone)

    assert waits_for_the_held(database, [gone], merging)


def test_an_event_told_in_the_moment_of_a_merge_follows_the_others(database: Database) -> None:
    with database.transaction() as connection:
        kept, gone = add_members(connection, 2)
        merge(connection, kept, gone)
        happen(connection, ["m0"], "order.paid", BEGIN)
        connection.execute(text("UPDATE events SET member_id = :gone"), {"gone": gone})  # As a writer that looked before.
        connection.execute(text("INSERT INTO touched_members (member_id) VALUES (:gone)"), {"gone": gone})
    with database.transaction() as connection:
        reckon(connection, now=BEGIN)
        assert connection.execute(text("SELECT member_id FROM events")).scalars().all() == [kept]
        assert connection.execute(text("SELECT member_id, count FROM facts")).all() == [(kept, 1)]


def test_rows_merged_one_after_the_other_are_taken_apart_in_order(database: Database) -> None:
    with database.transaction() as connection:
        first, second, third = add_members(connection, 3)
        (lower,) = merge(connection, second, third).merges
        (upper,) = merge(connection, first, second).merges
        into = select(members.c.merged_into).order_by(members.c.id)
        assert connection.execute(into).scalars().all() == [None, first, first]
        with pytest.raises(InputRefused, match="take that merge back first"):
            unmerge(connection, lower, now=BEGIN)
        unmerge(connection, upper, now=BEGIN)
        assert connection.execute(into).scalars().all() == [None, None, second]
        unmerge(connection, lower, now=BEGIN)
        assert connection.execute(into).scalars().all() == [None, None, None]


def test_a_merge_is_taken_back_once_within_thirty_days(database: Database) -> None:
    with database.transaction() as connection:
        kept, gone = add_members(connection, 2)
        (merge_id,) = merge(connection, kept, gone).merges
    for moment, sentence in ((BEGIN + 31 * DAY, "older than 30 days"), (BEGIN, None), (BEGIN, "already")):
        with database.transaction() as connection:
            if sentence is None:
                unmerge(connection, merge_id, now=moment)
            else:
                with pytest.raises(InputRefused, match=sentence):
                    unmerge(connection, merge_id, now=moment)
    with database.transaction() as connection, pytest.raises(InputRefused, match="no merge 99"):
        unmerge(connection, 99, now=BEGIN)


def test_hundreds_of_merges_cost_as_many_statements_as_one(database: Database) -> None:
    with database.transaction() as connection:
        ids = add_members(connection, 200)
        pairs = [Pair(kept_id=kept, gone_id=gone, matched_by="sms") for kept, gone in zip(ids[::2], ids[1::2], strict=True)]
        assert len(merge_members(connection, pairs, by="test", now=BEGIN).merges) == 100
        assert connection.execute(select(func.count()).where(members.c.merged_into.is_not(None))).scalar_one() == 100


def test_of_two_merges_into_one_row_the_later_is_taken_back_first(database: Database) -> None:
    with database.transaction() as connection:
        kept, second, third = add_members(connection, 3)
        (earlier,) = merge(connection, kept, second).merges
        (later,) = merge(connection, kept, third, days=1).merges
        with pytest.raises(InputRefused, match=f"merge {later} into the same row came after merge {earlier}"):
            unmerge(connection, earlier, now=BEGIN + 2 * DAY)
        unmerge(connection, later, now=BEGIN + 2 * DAY)
        unmerge(connection, earlier, now=BEGIN + 2 * DAY)
        assert connection.execute(select(members.c.merged_into)).scalars().all() == [None, None, None]


def test_a_no_that_was_said_as_one_person_holds_for_both_when_they_are_two_again(database: Database) -> None:
    with database.transaction() as connection:
        kept, gone = add_members(connection, 2)
        for each in (kept, gone):
            said = NewConsent(member_id=each, channel="sms", purpose="marketing", granted=True, source="card")
            record_consents(connection, [said], now=BEGIN)
        (merge_id,) = merge(connection, kept, gone, days=1).merges
        assert withdraw(connection, gone, "sms", source="link", now=BEGIN + 2 * DAY)
        unmerge(connection, merge_id, now=BEGIN + 3 * DAY)
        says = text("SELECT member_id, granted FROM consent_now WHERE channel = 'sms' AND purpose = 'marketing' ORDER BY member_id")
        assert connection.execute(says).all() == [(kept, False), (gone, False)]


def test_the_first_order_of_a_row_that_was_merged_is_told_once(database: Database) -> None:
    with database.transaction() as connection:
        kept, gone = add_members(connection, 2)
        save_definitions(connection, [Occasions.model_validate({"occasions": "life", "first_order": True})], now=BEGIN)
        happen(connection, ["m1"], "order.paid", BEGIN)
        reckon(connection, now=BEGIN)
        merge(connection, kept, gone, days=1)
        reckon(connection, now=BEGIN + DAY)
        told = connection.execute(text("SELECT member_id FROM events WHERE kind = 'order.first'")).scalars().all()
        assert told == [kept]


def test_an_erasure_that_waited_for_a_merge_erases_the_row_that_stays_too(database: Database) -> None:
    with database.transaction() as connection:
        kept, gone = add_members(connection, 2)

    def erasing() -> None:
        with database.transaction() as connection:
            erase_members(connection, [gone], reason="", secret=SECRET, now=BEGIN + DAY)

    thread = threading.Thread(target=erasing)
    with database.transaction() as connection:
        hold_members(connection, [kept, gone])
        thread.start()
        thread.join(0.3)
        merge(connection, kept, gone)
    thread.join(20)
    with database.transaction() as connection:
        assert connection.execute(select(func.count()).where(members.c.erased_at.is_not(None))).scalar_one() == 2


def test_what_was_taken_back_is_not_merged_again_by_itself(database: Database) -> None:
    with database.transaction() as connection:
        people = [Person(key=key, phone="13800000001") for key in ("a", "b")]
        save_people(connection, people, now=BEGIN, secret=SECRET)
        (merge_id,) = merge_certain(connection, by="test", now=BEGIN).merges
        unmerge(connection, merge_id, now=BEGIN)
        assert merge_certain(connection, by="test", now=BEGIN).merges == ()


def test_who_is_apart_is_not_made_one_by_way_of_a_third(database: Database) -> None:
    with database.transaction() as connection:
        between, first, second = add_members(connection, 3)
        mark = text("INSERT INTO identifiers (member_id, kind, value) VALUES (:one, 'card', :value), (:other, 'card', :value)")
        connection.execute(mark, {"one": between, "other": first, "value": "1"})
        connection.execute(mark, {"one": between, "other": second, "value": "2"})
        apart = text("INSERT INTO merge_conflicts (first_id, second_id, matched_by, problem, found_at, decided_at, decision) "
                     "VALUES (:first, :second, 'sms', 'name', :now, :now, 'apart')")  # fmt: skip
        connection.execute(apart, {"first": first, "second": second, "now": BEGIN})
        while merge_certain(connection, by="test", now=BEGIN).merges:
            pass
        into = connection.execute(select(members.c.merged_into).order_by(members.c.id)).scalars().all()
    assert into == [None, between, None]


def test_one_attribute_changed_since_does_not_keep_the_others_when_a_merge_is_taken_back(database: Database) -> None:
    with database.transaction() as connection:
        kept, gone = add_members(connection, 2)
        give = text("UPDATE members SET attributes = CAST(:attributes AS jsonb) WHERE id = :id")
        connection.execute(give, {"id": kept, "attributes": '{"city": "a", "size": 1}'})
        connection.execute(give, {"id": gone, "attributes": '{"shoe": 38, "unionid": "u", "size": 2}'})
        (merge_id,) = merge(connection, kept, gone).merges
        connection.execute(text("UPDATE members SET attributes = attributes || '{\"city\": \"b\"}' WHERE id = :id"), {"id": kept})
        unmerge(connection, merge_id, now=BEGIN + DAY)
        left = connection.execute(select(members.c.attributes).where(members.c.id == kept)).scalar_one()
    assert left == {"city": "b", "size": 1}


def test_a_place_seen_since_the_merge_stays_with_the_row_that_stayed(database: Database) -> None:
    with database.transaction() as connection:
        kept, gone = add_members(connection, 2)
        place = text("INSERT INTO member_places (member_id, kind, latitude, longitude, seen_at) VALUES (:id, 'home', 1, 1, :now)")
        connection.execute(place, {"id": gone, "now": BEGIN})
        (merge_id,) = merge(connection, kept, gone).merges
        connection.execute(text("UPDATE member_places SET latitude = 2, seen_at = :now"), {"now": BEGIN + DAY})
        unmerge(connection, merge_id, now=BEGIN + 2 * DAY)
        assert connection.execute(text("SELECT member_id FROM member_places")).scalars().all() == [kept]


def test_what_was_planned_since_for_a_way_that_goes_back_goes_back_too(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, WAY)
        kept, gone = add_members(connection, 2)
        happen(connection, ["m1"], "member.joined", BEGIN)
    walk(database, 0)
    with database.transaction() as connection:
        (merge_id,) = merge(connection, kept, gone, days=1).merges
    walk(database, 3)
    assert persons(database) == {(kept, "first"): 1, (kept, "second"): 1}
    with database.transaction() as connection:
        unmerge(connection, merge_id, now=BEGIN + 4 * DAY)
        owners = text("SELECT s.member_id, a.member_id FROM sends s JOIN addresses a ON a.id = s.address_id")
        assert {tuple(row) for row in connection.execute(owners)} == {(gone, gone)}
        assert broken(connection) == []


def test_a_way_of_a_journey_that_was_stopped_meanwhile_is_not_begun_again(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, WAY)
        kept, gone = add_members(connection, 2)
        happen(connection, ["m0", "m1"], "member.joined", BEGIN)
    walk(database, 0)
    with database.transaction() as connection:
        (merge_id,) = merge(connection, kept, gone, days=1).merges
        connection.execute(text("UPDATE journeys SET state = 'stopped'"))
        unmerge(connection, merge_id, now=BEGIN + 2 * DAY)
        state = connection.execute(text("SELECT state FROM enrolments WHERE member_id = :gone"), {"gone": gone}).scalars().all()
    assert state == ["stopped"]


def test_a_merge_waits_for_whoever_takes_a_step_and_both_come_through(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, WAY)
        kept, gone = add_members(connection, 2)
        happen(connection, ["m1"], "member.joined", BEGIN)
    walk(database, 0)

    def merging() -> None:
        with database.transaction() as connection:
            merge(connection, kept, gone)

    thread = threading.Thread(target=merging)
    with database.transaction() as connection:
        connection.execute(text("SELECT FROM enrolments WHERE member_id = :gone FOR UPDATE"), {"gone": gone})
        thread.start()
        thread.join(0.3)
        connection.execute(text("SELECT FROM members WHERE id = :gone FOR KEY SHARE"), {"gone": gone})  # As a send refers to them.
    thread.join(20)
    with database.transaction() as connection:
        assert connection.execute(select(members.c.merged_into).where(members.c.id == gone)).scalar_one() == kept


def test_an_erasure_waits_for_whoever_works_out_what_is_known_of_a_member(database: Database) -> None:
    with database.transaction() as connection:
        (gone,) = add_members(connection, 1)

    def erasing() -> None:
        with database.transaction() as connection:
            erase_members(connection, [gone], reason="", secret=SECRET, now=BEGIN)

    thread = threading.Thread(target=erasing)
    with database.transaction() as connection:
        hold(connection, [gone])
        thread.start()
        thread.join(0.3)
        connection.execute(
            text("INSERT INTO rfm_scores (member_id, recency, frequency, monetary, cell, scored_at) VALUES (:gone, 5, 5, 5, 'best', :now)"),
            {"gone": gone, "now": BEGIN},
        )
    thread.join(20)
    with database.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM rfm_scores")).scalar_one() == 0


def test_a_wish_confirmed_as_the_row_that_went_is_not_confirmed_again_after_a_no(database: Database) -> None:
    with database.transaction() as connection:
        kept, gone = add_members(connection, 2)
        wish = request_opt_in(connection, gone, "sms", source="website", now=BEGIN)
        assert confirm_opt_in(connection, gone, wish.id, now=BEGIN) == "confirmed"
        withdraw(connection, gone, "sms", source="link", now=BEGIN + DAY)
        merge(connection, kept, gone, days=1)
        assert confirm_opt_in(connection, gone, wish.id, now=BEGIN + 2 * DAY) == "again"
        says = text("SELECT granted FROM consent_now WHERE member_id = :kept AND channel = 'sms'")
        assert connection.execute(says, {"kept": kept}).scalar_one() is False


def test_a_wish_for_an_address_that_was_corrected_since_cannot_be_confirmed(database: Database) -> None:
    with database.transaction() as connection:
        save_people(connection, [Person(key="a", phone="13800000001")], now=BEGIN, secret=SECRET)
        member_id = connection.execute(select(members.c.id)).scalar_one()
        wish = request_opt_in(connection, member_id, "sms", source="website", now=BEGIN)
        save_people(connection, [Person(key="a", phone="13800000002")], now=BEGIN, secret=SECRET)
        assert confirm_opt_in(connection, member_id, wish.id, now=BEGIN) == "expired"
        assert connection.execute(text("SELECT count(*) FROM consents")).scalar_one() == 0


def test_two_of_one_household_who_unsubscribe_at_once_both_come_through(database: Database) -> None:
    with database.transaction() as connection:
        save_people(connection, [Person(key=key, phone="13800000001") for key in ("a", "b")], now=BEGIN, secret=SECRET)
        first, second = connection.execute(select(members.c.id).order_by(members.c.id)).scalars().all()

    def leaving() -> None:
        with database.transaction() as connection:
            unsubscribe(connection, Unsubscribe(member_id=second, channel="sms", send_id=0), source="link", now=BEGIN)

    thread = threading.Thread(target=leaving)
    with database.transaction() as connection:
        hold_members(connection, [first])
        thread.start()
        thread.join(0.3)
        unsubscribe(connection, Unsubscribe(member_id=first, channel="sms", send_id=0), source="link", now=BEGIN)
    thread.join(20)
    with database.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM consents WHERE NOT granted")).scalar_one() == 2


def stray(connection: Connection, gone: int, *, entry: str) -> None:
    """Let a row into the journey and plan its first message, as whoever looked before the merge was committed does."""
    enrolment = text(
        "INSERT INTO enrolments (journey_id, journey_name, member_id, entry_key, step, entered_at, due_at, step_since) "
        "SELECT id, name, :gone, :entry, '1', :now, :now, :now FROM journeys LIMIT 1 RETURNING id"
    )
    asked = {"gone": gone, "entry": entry, "now": BEGIN}
    enrolment_id = connection.execute(enrolment, asked).scalar_one()
    send = text(
        "INSERT INTO sends (campaign_id, member_id, occasion, enrolment_id, channel, address_id, template_version_id, purpose, "
        "state, experiment_id, arm, decided_at, not_before) SELECT campaign_id, :gone, :entry, :enrolment, channel, "
        "(SELECT id FROM addresses ORDER BY member_id = :gone DESC, id LIMIT 1), "
        "template_version_id, purpose, 'waiting', experiment_id, arm, :now, :now FROM sends ORDER BY id LIMIT 1"
    )
    drawn = "INSERT INTO assignments SELECT experiment_id, :gone, arm, bucket, decided_at FROM assignments ON CONFLICT DO NOTHING"
    connection.execute(text(drawn), {"gone": gone})
    connection.execute(send, asked | {"enrolment": enrolment_id})


def under_way(connection: Connection) -> list[tuple[object, ...]]:
    found = text(
        "SELECT e.member_id, e.entry_key, e.state, s.member_id, s.state FROM enrolments e JOIN sends s ON s.enrolment_id = e.id "
        "ORDER BY e.id, s.id"
    )
    return [tuple(row) for row in connection.execute(found)]


def test_what_came_under_way_for_a_merged_row_goes_to_its_person_and_back_with_the_merge(
    database: Database, tmp_path: Path
) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, WAY.replace("trigger: {", "reentry: always\ntrigger: {"))
        kept, gone, other = add_members(connection, 3)
        happen(connection, ["m1"], "member.joined", BEGIN)
    walk(database, 0)
    with database.transaction() as connection:
        connection.execute(text("UPDATE enrolments SET state = 'finished', ended_at = :now, due_at = NULL"), {"now": BEGIN})
        (lower,) = merge(connection, other, gone).merges
        (upper,) = merge(connection, kept, other, days=1).merges
        stray(connection, gone, entry="one")
        assert any("in a journey" in str(each) for each in broken(connection))
    for _ in range(2):
        with database.transaction() as connection:
            assert carry_strays(connection, now=BEGIN + DAY) == 1
    with database.transaction() as connection:
        assert carry_strays(connection, now=BEGIN + DAY) == 0
        assert [row[2:] for row in under_way(connection)] == [("finished", kept, "waiting"), ("active", kept, "waiting")]
        assert broken(connection) == []
        unmerge(connection, upper, now=BEGIN + DAY)
        unmerge(connection, lower, now=BEGIN + DAY)
        assert [row[2:] for row in under_way(connection)] == [("finished", gone, "waiting"), ("active", gone, "waiting")]
        assert broken(connection) == []


def test_a_person_already_in_the_journey_is_not_in_it_twice_through_a_stray(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, WAY)
        kept, gone = add_members(connection, 2)
        happen(connection, ["m0"], "member.joined", BEGIN)
    walk(database, 0)
    with database.transaction() as connection:
        merge(connection, kept, gone)
        stray(connection, gone, entry="one")
        assert carry_strays(connection, now=BEGIN + DAY) == 1
        assert [row[2:] for row in under_way(connection)] == [("active", kept, "waiting"), ("stopped", gone, "cancelled")]
        assert carry_strays(connection, now=BEGIN + DAY) == 0
        assert broken(connection) == []


def test_a_message_of_a_merged_row_waits_until_it_is_moved(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        apply_campaigns(connection, [campaign("news")], load_library(), now=BEGIN)
        kept, gone = add_members(connection, 2)
        launch(connection, load_campaign(connection, "news"), occasion="1", now=BEGIN, rules=RULES)
        connection.execute(text("DELETE FROM sends WHERE member_id = :kept"), {"kept": kept})
        connection.execute(text("UPDATE members SET merged_into = :kept WHERE id = :gone"), {"kept": kept, "gone": gone})
        terms = terms_of(load_campaign(connection, "news").definition, RULES)
        token, (held,) = claim(connection, "sms", now=BEGIN, lease=DAY, limit=5)
        ready = Rendered(id=held.id, member_id=gone, parts=1, cost=Decimal(0))
        assert mark(connection, [(terms, [ready])], token=token, provider="simulator", now=BEGIN, lease=DAY) == {}
        (row,) = connection.execute(select(sends.c.state, sends.c.reason, sends.c.not_before)).all()
    assert (row.state, row.reason) == ("waiting", None)
    assert timedelta(0) < row.not_before - BEGIN < timedelta(minutes=5)


def test_a_message_of_one_arm_is_not_for_a_row_that_was_drawn_into_the_other(database: Database) -> None:
    with database.transaction() as connection:
        apply_campaigns(connection, [campaign("news")], load_library(), now=BEGIN)
        kept, gone = add_members(connection, 2)
        launch(connection, load_campaign(connection, "news"), occasion="1", now=BEGIN, rules=RULES)
        connection.execute(text("DELETE FROM sends WHERE member_id = :kept"), {"kept": kept})
        connection.execute(text("UPDATE assignments SET arm = 'control' WHERE member_id = :kept"), {"kept": kept})
        connection.execute(
            text("INSERT INTO assignments SELECT experiment_id, :kept, 'control', 0, decided_at FROM assignments ON CONFLICT DO NOTHING"),
            {"kept": kept},
        )
        merge(connection, kept, gone)
        left = connection.execute(select(sends.c.member_id, sends.c.state, sends.c.reason)).all()
    assert left == [(gone, "cancelled", "merged")]
