"""An import can be taken back: what it made goes, what it changed is as before, what happened since stays."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, insert, select, text, update

from database.engine import Database
from database.holding import hold_members
from database.member_tables import identifiers, import_changes, imports
from database.tables import addresses, consents, events, members
from language.problems import InputRefused
from members import import_undoing
from members.consent import NewConsent, record_consents, withdraw
from members.import_keeping import forget_old_changes
from members.import_maps import ConsentMap, MemberMap
from members.import_undoing import Undone, list_imports, undo_import
from members.importing import MembersImported, import_members
from members.people import save_people
from members.person import Person

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SECRET = b"s" * 32
HEADER = "key,name,tier,birthday,phone,email,card,城市\n"
FIRST = HEADER + "A1,王芳,gold,1990-02-28,13800001234,fang@example.com,C1,上海\nA2,李雷,,,13900005678,,,\n"


def bring_in(
    database: Database, folder: Path, words: str, *, now: datetime = NOW, mapping: MemberMap | None = None
) -> MembersImported:
    path = folder / f"{now:%d%H%M}.csv"
    path.write_text(words, encoding="utf-8")
    usual = MemberMap(
        **{name: name for name in ("key", "name", "tier", "birthday", "phone", "email", "card")},  # type: ignore[arg-type]
        attributes={"city": "城市"},
    )
    return import_members(
        database, path, mapping=mapping or usual, now=now, secret=SECRET, zone=ZoneInfo("Asia/Shanghai")
    )


def undo(database: Database, done: MembersImported, *, now: datetime = LATER) -> Undone:
    assert done.id is not None
    return undo_import(database, done.id, now=now)


def seen(database: Database) -> dict[str, Any]:
    """Everything a person would see of the members there are."""
    told = text("""
        SELECT key, jsonb_build_object('name', name, 'tier', tier, 'attributes', attributes, 'birthday',
            array[birth_year, birth_month, birth_day],
            'addresses', (SELECT array_agg(address ORDER BY channel) FROM addresses
                          WHERE member_id = members.id AND is_current),
            'cards', (SELECT array_agg(value ORDER BY value) FROM identifiers WHERE member_id = members.id))
        FROM members WHERE erased_at IS NULL ORDER BY key""")
    with database.transaction() as connection:
        return {row.key: row[1] for row in connection.execute(told)}


def test_what_an_import_made_goes_and_the_file_can_come_again(database: Database, tmp_path: Path) -> None:
    done = bring_in(database, tmp_path, FIRST)
    before = seen(database)
    assert undo(database, done) == Undone(removed=2)

    assert seen(database) == {}
    with database.transaction() as connection:
        assert connection.execute(select(addresses.c.address).distinct()).scalars().all() == [""]
        assert connection.execute(select(identifiers)).all() == []
    assert undo(database, done) == Undone()
    again = bring_in(database, tmp_path, FIRST)
    assert (again.new, again.already) == (2, False)
    assert seen(database) == before


def test_what_it_changed_is_as_before_addresses_too(database: Database, tmp_path: Path) -> None:
    bring_in(database, tmp_path, FIRST)
    before = seen(database)
    second = HEADER + "A1,王芳芳,silver,3月5日,13700001111,,C2,北京\nA2,,basic,2000-01-01,,li@example.com,,\nA3,new,,,,,,\n"
    done = bring_in(database, tmp_path, second, now=LATER)
    assert (done.new, done.changed) == (1, 2)
    assert undo(database, done, now=LATER) == Undone(removed=1, restored=2)
    assert seen(database) == before
    with database.transaction() as connection:
        assert connection.execute(select(import_changes)).all() == []
        touched = set(connection.execute(text("SELECT member_id FROM touched_members")).scalars())
    assert touched == {1, 2, 3}


def test_what_somebody_changed_since_stays_and_is_counted(database: Database, tmp_path: Path) -> None:
    bring_in(database, tmp_path, FIRST)
    changing = HEADER + "A1,王芳芳,silver,1991-03-05,13700001111,,,北京\n"
    done = bring_in(database, tmp_path, changing, now=LATER)
    much_later = LATER + timedelta(hours=1)
    bring_in(database, tmp_path, HEADER + "A1,,platinum,1991-03-06,13600002222,,,\n", now=much_later)

    undone = undo(database, done, now=much_later)

    assert (undone.restored, undone.left) == (1, 7)  # a tier, a birthday of five parts, and a phone
    found = seen(database)["A1"]
    assert (found["name"], found["tier"], found["attributes"]) == ("王芳", "platinum", {"city": "上海"})
    assert found["birthday"] == [1991, 3, 6]
    assert found["addresses"] == ["fang@example.com", "+8613600002222"]


def test_a_key_in_two_batches_goes_back_to_what_was_before_both(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("members.importing.BATCH", 1)
    monkeypatch.setattr(import_undoing, "BATCH", 1)
    bring_in(database, tmp_path, FIRST)
    before = seen(database)
    words = HEADER + "A1,a,,,13700001111,,,\nA1,b,,,13700002222,,,\nA3,c,,,,,,\nA3,d,,,,,,\nA4,e,,,,,,\n"
    done = bring_in(database, tmp_path, words, now=LATER)
    assert undo(database, done, now=LATER) == Undone(removed=2, restored=1)
    assert seen(database) == before


def test_members_with_an_event_a_consent_or_a_later_change_stay(database: Database, tmp_path: Path) -> None:
    words = HEADER + "".join(f"A{number},,,,1380000000{number},,,\n" for number in range(1, 7))
    done = bring_in(database, tmp_path, words)
    with database.transaction() as connection:
        ids = {row.key: row.id for row in connection.execute(select(members.c.key, members.c.id))}
        happened = {"key": "1", "kind": "order.paid", "occurred_at": LATER}
        connection.execute(insert(events).values(source="shop", member_id=ids["A1"], **happened))
        connection.execute(insert(events).values(source="tidings", member_id=ids["A2"], **happened))
        yes = NewConsent(member_id=ids["A3"], channel="sms", purpose="marketing", granted=True, source="counter")
        record_consents(connection, [yes], now=LATER)
        connection.execute(update(members).where(members.c.key == "A4").values(name="x", updated_at=LATER))
    bring_in(database, tmp_path, HEADER + "A5,,,,13700000000,,,\n", now=LATER)

    assert undo(database, done) == Undone(removed=2, kept=4)
    assert sorted(seen(database)) == ["A1", "A3", "A4", "A5"]


def test_its_consents_are_answered_with_what_stood_before_and_none_is_deleted(
    database: Database, tmp_path: Path
) -> None:
    mapping = MemberMap(
        key="key", consent_sms="sms", consent_email="mail", consent=ConsentMap(source="form", text_version="1")
    )
    earlier = NOW - timedelta(days=1)
    bring_in(database, tmp_path, "key,sms,mail\n1,yes,\n2,,\n", now=earlier, mapping=mapping)
    done = bring_in(database, tmp_path, "key,sms,mail\n1,no,yes\n2,yes,no\n3,yes,\n", mapping=mapping)
    assert done.consents == 5
    with database.transaction() as connection:
        rows = connection.execute(select(consents).order_by(consents.c.id)).all()

    undone = undo(database, done)

    assert (undone.consents, undone.kept) == (5, 1)
    with database.transaction() as connection:
        assert connection.execute(select(consents).order_by(consents.c.id)).all()[: len(rows)] == rows
        now = text("SELECT member_id, channel, granted FROM consent_now WHERE purpose = 'marketing'")
        standing = {(row[0], row[1]): row[2] for row in connection.execute(now)}
        answers = select(consents.c.source).where(consents.c.id > len(rows)).distinct()
        assert connection.execute(answers).scalars().all() == ["import undone"]
    assert standing == {
        (1, "sms"): True,
        (1, "email"): False,
        (2, "sms"): False,
        (2, "email"): False,
        (3, "sms"): False,
    }
    assert undo(database, done).consents == 0


def test_a_members_own_no_outlasts_the_import_that_said_no_before_them(database: Database, tmp_path: Path) -> None:
    mapping = MemberMap(key="key", consent_sms="sms", consent=ConsentMap(source="form", text_version="1"))
    bring_in(database, tmp_path, "key,sms\n1,yes\n", now=NOW - timedelta(days=1), mapping=mapping)
    wrong = bring_in(database, tmp_path, "key,sms\n1,no\n", mapping=mapping)
    with database.transaction() as connection:
        assert withdraw(connection, 1, "sms", source="link", now=NOW + timedelta(minutes=5))
        assert not withdraw(connection, 1, "sms", source="link", now=NOW + timedelta(minutes=6))

    undo(database, wrong)

    with database.transaction() as connection:
        assert connection.scalar(text("SELECT granted FROM consent_now WHERE member_id = 1 AND channel = 'sms'")) is False


def test_few_members_are_held_at_once_and_an_answer_given_meanwhile_is_seen(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = MemberMap(key="key", consent_sms="sms", consent=ConsentMap(source="form", text_version="1"))
    done = bring_in(database, tmp_path, "key,sms\n1,yes\n2,yes\n3,yes\n", mapping=mapping)
    monkeypatch.setattr(import_undoing, "HELD_AT_ONCE", 2)
    held: list[int] = []

    def holding(connection: Connection, ids: Sequence[int]) -> None:
        if not held:  # A click that comes in between.
            with database.transaction() as other:
                withdraw(other, ids[0], "sms", source="link", now=LATER)
        hold_members(connection, ids)
        locks = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        held.append(connection.execute(locks).scalar_one())

    monkeypatch.setattr(import_undoing, "hold_members", holding)
    assert undo(database, done).consents == 2
    assert held == [2, 1]


def test_an_import_that_was_undone_half_is_undone_whole_by_the_next_command(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_undoing, "BATCH", 1)
    bring_in(database, tmp_path, FIRST)
    before = seen(database)
    done = bring_in(database, tmp_path, HEADER + "A1,x,,,,,,\nA2,y,,,,,,\nA3,z,,,,,,\nA4,w,,,,,,\n", now=LATER)

    def stop(*_arguments: object) -> int:
        raise InterruptedError

    with monkeypatch.context() as broken:
        broken.setattr(import_undoing, "_remove", stop)
        with pytest.raises(InterruptedError):
            undo(database, done, now=LATER)
    assert undo(database, done, now=LATER) == Undone(removed=2)
    assert seen(database) == before


def test_old_and_unknown_imports_and_those_of_events_are_refused(database: Database, tmp_path: Path) -> None:
    done = bring_in(database, tmp_path, FIRST)
    with pytest.raises(InputRefused, match="can be undone for 30 days; this one is of 2026-08-01"):
        undo(database, done, now=NOW + timedelta(days=31))
    with database.transaction() as connection:
        connection.execute(insert(imports).values(id=77, kind="events", digest="x", file_name="e.csv"))
        forget_old_changes(connection, now=NOW + timedelta(days=29))
        assert connection.scalar(text("SELECT made FROM imports WHERE kind = 'members'"))
        forget_old_changes(connection, now=NOW + timedelta(days=31))
        assert not connection.scalar(text("SELECT made FROM imports WHERE kind = 'members'"))
    for number in (77, 78):
        with pytest.raises(InputRefused, match=f"there is no import {number} of members"):
            undo_import(database, number, now=LATER)


def test_the_list_counts_what_each_import_made_and_changed(database: Database, tmp_path: Path) -> None:
    bring_in(database, tmp_path, FIRST)
    bring_in(database, tmp_path, HEADER + "A1,x,,,,,,\nA3,y,,,,,,\n,z,,,,,,\n", now=LATER)
    with database.transaction() as connection:
        found = [
            (row["accepted"], row["refused"], row["new"], row["changed"], row["undone_at"])
            for row in list_imports(connection)
        ]
    assert found == [(2, 1, 1, 1, None), (2, 0, 2, 0, None)]


def test_imports_can_be_undone_one_after_the_other_the_last_first(database: Database, tmp_path: Path) -> None:
    first = bring_in(database, tmp_path, FIRST)
    second = bring_in(database, tmp_path, HEADER + "A1,x,silver,,13700001111,,,北京\nA2,,,,13600001111,,,\n", now=LATER)
    assert undo(database, second, now=LATER) == Undone(restored=2)
    assert undo(database, first, now=LATER) == Undone(removed=2)
    assert seen(database) == {}


def test_what_somebody_is_changing_while_an_import_is_undone_is_kept(database: Database, tmp_path: Path) -> None:
    bring_in(database, tmp_path, FIRST)
    done = bring_in(database, tmp_path, HEADER + "A1,x,,,,,,\n", now=LATER)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as connection:
            connection.execute(text("""UPDATE members SET attributes = attributes || '{"vip": true}' WHERE key = 'A1'"""))
            undone = pool.submit(undo, database, done)
            time.sleep(0.3)
        assert undone.result(20).restored == 1
    found = seen(database)["A1"]
    assert (found["name"], found["attributes"]) == ("王芳", {"city": "上海", "vip": True})


def test_what_was_empty_before_two_batches_of_one_key_is_empty_again(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("members.importing.BATCH", 1)
    bring_in(database, tmp_path, FIRST)
    before = seen(database)
    words = HEADER + "A2,,,,,a@example.com,C7,北京\nA2,,,,,b@example.com,C8,广州\n"
    undo(database, bring_in(database, tmp_path, words, now=LATER), now=LATER)
    assert seen(database) == before


def test_what_others_did_while_an_import_lay_killed_keeps_its_members(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("members.importing.BATCH", 1)
    path = tmp_path / "m.csv"
    path.write_text("key,name,card\nA1,a,\nA2,b,\nA3,c,\n", encoding="utf-8")
    terms: dict[str, Any] = {"secret": SECRET, "zone": ZoneInfo("Asia/Shanghai"), "mapping": MemberMap(key="key", name="name")}

    def killed(done: int, _lines: int) -> None:
        if done == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        import_members(database, path, now=NOW, progress=killed, **terms)
    between = NOW + timedelta(minutes=10)
    with database.transaction() as connection:
        save_people(connection, [Person(key="A1", name="x")], now=between, secret=SECRET)
        save_people(connection, [Person(key="A2", card="C1")], now=between, secret=SECRET)
    done = import_members(database, path, now=NOW + timedelta(minutes=20), **terms)

    assert undo(database, done) == Undone(removed=1, kept=2)
    assert sorted(seen(database)) == ["A1", "A2"]


def test_an_address_that_was_only_judged_anew_stays_the_members(database: Database, tmp_path: Path) -> None:
    bring_in(database, tmp_path, FIRST)
    before = seen(database)
    with database.transaction() as connection:
        connection.execute(text("UPDATE addresses SET problem = 'not_valid' WHERE address = '+8613900005678'"))
    undo(database, bring_in(database, tmp_path, HEADER + "A2,x,,,13900005678,,,\n", now=LATER), now=LATER)
    assert seen(database) == before


def test_an_import_that_is_undone_before_its_end_says_so(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("key,name\nA1,a\n", encoding="utf-8")

    def undoing(_done: int, _lines: int) -> None:
        assert undo_import(database, 1, now=NOW).removed == 1

    with pytest.raises(InputRefused, match="this import was undone while it went on"):
        import_members(database, path, now=NOW, secret=SECRET, zone=ZoneInfo("Asia/Shanghai"), progress=undoing)
    with database.transaction() as connection:
        assert connection.scalar(select(imports.c.finished_at)) is None


def test_a_file_with_the_key_of_a_member_who_went_keeps_nobody_from_going(database: Database, tmp_path: Path) -> None:
    first = bring_in(database, tmp_path, "key\nA1\nundone:1\n", mapping=MemberMap(key="key"))

    assert undo(database, first).removed == 2
    assert undo(database, bring_in(database, tmp_path, "key\nundone:1\n", mapping=MemberMap(key="key"))).removed == 1
