"""Erasing somebody ends what is under way for them, waits for whoever is deciding, and keeps them out."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from journey_makers import BEGIN, RULES, add_members, campaign, waits_for_the_held
from sqlalchemy import Connection, select, text

from campaigns.campaign import Campaign
from campaigns.launching import launch
from campaigns.publishing import apply_campaigns, load_campaign
from campaigns.sends import Rendered, claim, mark
from campaigns.terms import terms_of
from database.engine import Database
from database.tables import addresses, attempts, members, receipts, sends, suppressions
from journeys.merging import merge_members
from journeys.parting import being_handed_over, erase_members
from members.consent import NewConsent, record_consents
from members.erasure.erasing import clear_what_came_since
from members.erasure.exporting import export_member
from members.erasure.log import Erasure, not_erased
from members.erasure.refusing import erased_keys, key_fingerprint, readmit
from members.events import NewEvent, record
from members.identity.duplicates import Pair
from members.people import save_people
from members.person import Person
from members.reckoning import reckon
from templates.library import load_library
from tests.makers import SECRET

LEASE = timedelta(minutes=1)


def erase(database: Database, *ids: int) -> int:
    with database.transaction() as connection:
        return len(erase_members(connection, ids, reason="asked for", secret=SECRET, now=BEGIN))


def launched(database: Database, *, count: int, purpose: str = "marketing") -> tuple[Campaign, list[int]]:
    with database.transaction() as connection:
        apply_campaigns(connection, [campaign("news", purpose=purpose)], load_library(), now=BEGIN)
        ids = add_members(connection, count)
        news = load_campaign(connection, "news")
        launch(connection, news, occasion="1", now=BEGIN, rules=RULES)
    return news, ids


def of(database: Database, member_id: int) -> tuple[str, str | None]:
    with database.transaction() as connection:
        row = connection.execute(select(sends.c.state, sends.c.reason).where(sends.c.member_id == member_id)).one()
    return row.state, row.reason


def test_a_message_that_a_worker_holds_is_not_handed_over(database: Database) -> None:
    news, (erased, other) = launched(database, count=2)
    with database.transaction() as connection:
        token, held = claim(connection, "sms", now=BEGIN, limit=10, lease=LEASE)
    erase(database, erased)
    ready = [Rendered(id=each.id, member_id=each.member_id, parts=1, cost=Decimal(0)) for each in held]
    with database.transaction() as connection:
        groups = [(terms_of(news.definition, RULES), ready)]
        marked = mark(connection, groups, token=token, provider="sms.aliyun", now=BEGIN, lease=LEASE)

    assert len(held) == 2
    assert len(marked) == 1
    assert of(database, erased) == ("cancelled", "erased")
    assert of(database, other) == ("submitting", None)


def test_erasing_waits_for_whoever_is_deciding_about_the_member(database: Database) -> None:
    _, (erased,) = launched(database, count=1)

    assert waits_for_the_held(database, [erased], lambda: erase(database, erased))


def test_what_a_provider_reports_later_is_cleared(database: Database) -> None:
    _, (erased,) = launched(database, count=1)
    with database.transaction() as connection:
        connection.execute(text("UPDATE sends SET state = 'submitting', attempts = 1, lease_until = now()"))
        connection.execute(text("INSERT INTO attempts (send_id, number, provider, marked_at) SELECT id, 1, 'p', now() FROM sends"))
    erase(database, erased)
    with database.transaction() as connection:
        assert being_handed_over(connection, [erased]) == 1
        connection.execute(text("UPDATE attempts SET code = '550 <who@example.com>', outcome = 'accepted', provider_ref = 'r'"))
        connection.execute(text("INSERT INTO receipts (provider, key, provider_ref, status, raw) VALUES ('p', 'who', 'r', 'delivered', '{\"to\": 1}')"))
        clear_what_came_since(connection, now=BEGIN + timedelta(hours=1))
        report = connection.execute(select(receipts.c.key, receipts.c.raw, receipts.c.status)).one()

        assert connection.execute(select(attempts.c.code, attempts.c.outcome)).one() == (None, "accepted")
    assert (report[0].startswith("erased:1:"), *report[1:]) == (True, {}, "delivered")


def test_an_address_stays_stopped_for_every_purpose_unless_it_is_anothers_too(database: Database) -> None:
    with database.transaction() as connection:
        people = [Person(key="a", phone="13800000001", email="home@example.com"), Person(key="b", email="home@example.com")]
        save_people(connection, people, now=BEGIN, secret=SECRET)
        first = connection.execute(select(members.c.id).where(members.c.key == "a")).scalar_one()
    assert erase(database, first) == 1
    assert erase(database, first) == 0
    with database.transaction() as connection:
        stopped = connection.execute(select(suppressions.c.channel, suppressions.c.reason)).all()
        again = save_people(connection, [Person(key="a", name="x"), Person(key="c", phone="13800000001")], now=BEGIN, secret=SECRET)
        newcomer = connection.execute(select(members.c.id).where(members.c.key == "c")).scalar_one()
        yes = NewConsent(member_id=newcomer, channel="sms", purpose="marketing", granted=True, source="card")
        record_consents(connection, [yes], now=BEGIN)
        apply_campaigns(connection, [campaign("bill", purpose="service")], load_library(), now=BEGIN)
        launch(connection, load_campaign(connection, "bill"), occasion="1", now=BEGIN, rules=RULES)

    assert [tuple(row) for row in stopped] == [("sms", "erased")]
    assert (again.new, again.erased) == (1, ("a",))
    assert of(database, newcomer) == ("refused", "suppressed")
    with database.transaction() as connection:
        assert readmit(connection, "a", secret=SECRET, now=BEGIN)
        assert not readmit(connection, "a", secret=SECRET, now=BEGIN)
        assert connection.execute(select(suppressions)).all() == []
        assert save_people(connection, [Person(key="a")], now=BEGIN, secret=SECRET).new == 1


def test_a_key_that_somebody_chose_for_it_stops_no_erasure(database: Database) -> None:
    with database.transaction() as connection:
        (first,) = add_members(connection, 1)
        save_people(connection, [Person(key=f"erased:{first}")], now=BEGIN, secret=SECRET)

    assert erase(database, first) == 1


def test_every_row_of_a_person_goes_whichever_is_named(database: Database) -> None:
    with database.transaction() as connection:
        first, second, third, stranger = add_members(connection, 4)
        for kept, gone in ((second, third), (first, second)):
            merge_members(connection, [Pair(kept_id=kept, gone_id=gone, matched_by="person")], by="test", now=BEGIN)
        told = export_member(connection, third)
    assert {row["id"] for row in told["members"]} == {first, second, third}

    assert erase(database, third) == 3
    with database.transaction() as connection:
        gone = connection.execute(select(members.c.id).where(members.c.erased_at.is_not(None))).scalars().all()
        left = connection.execute(select(addresses.c.member_id).where(addresses.c.address != "")).scalars().all()
        assert connection.execute(text("SELECT count(*) FROM merges WHERE moved <> '{}'")).scalar_one() == 0
        reckon(connection, now=BEGIN)
    assert (sorted(gone), left) == ([first, second, third], [stranger])


def test_why_rows_of_a_source_were_refused_is_not_cleared_hour_by_hour(database: Database) -> None:
    with database.transaction() as connection:
        (gone,) = add_members(connection, 1)
    erase(database, gone)
    with database.transaction() as connection:
        connection.execute(text("INSERT INTO pulls (name, refusals) VALUES ('crm', '[\"line 3\"]')"))
        clear_what_came_since(connection, now=BEGIN + timedelta(hours=1))
        assert connection.execute(text("SELECT refusals FROM pulls")).scalars().all() == [["line 3"]]


def test_of_two_members_of_one_number_in_the_log_either_is_found_in_an_old_copy(database: Database) -> None:
    with database.transaction() as connection:
        (here,) = add_members(connection, 1)
        log = [
            Erasure(member_id=here, fingerprint=key_fingerprint(SECRET, key).hex(), reason="", erased_at=BEGIN)
            for key in ("m0", "somebody else")
        ]
        assert not_erased(connection, log, secret=SECRET) == [here]
        assert not_erased(connection, log[1:], secret=SECRET) == []


def test_an_address_told_while_a_member_is_erased_goes_too(database: Database) -> None:
    with database.transaction() as connection:
        save_people(connection, [Person(key="1", phone="13800001234")], now=BEGIN, secret=SECRET)
    thread = threading.Thread(target=erase, args=(database, 1))
    with database.transaction() as connection:
        save_people(connection, [Person(key="1", phone="13700001234")], now=BEGIN, secret=SECRET)
        thread.start()
        thread.join(0.3)
    thread.join(10)
    with database.transaction() as connection:
        assert connection.execute(select(addresses).where(addresses.c.is_current)).all() == []
        assert len(connection.execute(select(suppressions)).all()) == 2


def tell_people(connection: Connection) -> set[str]:
    everyone = [Person(key="1", name="王芳", phone="13800001234"), Person(key="2", name="李雷")]
    return set(save_people(connection, everyone, now=BEGIN, secret=SECRET).erased)


def tell_events(connection: Connection) -> set[str]:
    told = {
        key: NewEvent(source="till", key=key, member_key=key, kind="order.paid", occurred_at=BEGIN) for key in ("1", "2")
    }
    erased = erased_keys(connection, told, secret=SECRET)
    record(connection, [event for key, event in told.items() if key not in erased], now=BEGIN)
    return erased


Telling = Callable[[Connection], set[str]]


def living(database: Database) -> list[str]:
    with database.transaction() as connection:
        keys = select(members.c.key).where(members.c.erased_at.is_(None))
        return list(connection.execute(keys.order_by(members.c.key)).scalars())


@pytest.mark.parametrize("tell", [tell_people, tell_events])
def test_an_erasure_waits_until_what_is_told_of_its_member_is_in(database: Database, tell: Telling) -> None:
    with database.transaction() as connection:
        save_people(connection, [Person(key="1", phone="13800001234")], now=BEGIN, secret=SECRET)
    thread = threading.Thread(target=erase, args=(database, 1))
    with database.transaction() as connection:
        assert erased_keys(connection, ["1", "2"], secret=SECRET) == set()
        thread.start()
        thread.join(0.3)
        assert tell(connection) == set()
    thread.join(10)

    assert living(database) == ["2"]


@pytest.mark.parametrize("tell", [tell_people, tell_events])
def test_what_is_told_of_somebody_who_is_just_being_erased_is_refused(database: Database, tell: Telling) -> None:
    refused: list[set[str]] = []
    with database.transaction() as connection:
        save_people(connection, [Person(key="1", phone="13800001234")], now=BEGIN, secret=SECRET)

    def telling() -> None:
        with database.transaction() as connection:
            refused.append(tell(connection))

    thread = threading.Thread(target=telling)
    with database.transaction() as connection:
        erase_members(connection, [1], reason="", secret=SECRET, now=BEGIN)
        thread.start()
        thread.join(0.3)
    thread.join(10)

    assert (refused, living(database)) == ([{"1"}], ["2"])
