"""Who leaves our account is left alone until they come back; what they permit is kept once."""

from datetime import timedelta

from sqlalchemy import func, select

from campaigns.contacts import UNFOLLOWED
from campaigns.told import store_told
from channels.message import Callback, Channel, Contact, ContactKind, Grant, GrantKind
from database.engine import Database
from database.tables import events, permissions, suppressions
from members.consent import suppress
from members.people import fingerprint
from tests.makers import NOON, SECRET, addresses_of, make_members

OPENID = addresses_of("m1")["wechat"]
DAY = timedelta(days=1)


def contact(kind: ContactKind, key: str, *, after: timedelta = timedelta(), address: str = OPENID, **more: str) -> Contact:
    return Contact(
        provider="wechat.official_account",
        key=key,
        channel=Channel.WECHAT,
        address=address,
        kind=kind,
        occurred_at=NOON + after,
        **more,  # type: ignore[arg-type]
    )


def told(database: Database, *contacts: Contact, grants: tuple[Grant, ...] = ()) -> None:
    store_told(database, [Callback(contacts=contacts, grants=grants)], secret=SECRET)


def suppressed(database: Database) -> dict[bytes, str]:
    with database.transaction() as connection:
        rows = connection.execute(select(suppressions.c.fingerprint, suppressions.c.reason))
        return {bytes(row.fingerprint): row.reason for row in rows}


def happened(database: Database) -> list[str]:
    with database.transaction() as connection:
        return list(connection.execute(select(events.c.kind).order_by(events.c.occurred_at, events.c.id)).scalars())


def begin(database: Database) -> bytes:
    with database.transaction() as connection:
        make_members(connection, 2)
    return fingerprint(SECRET, "wechat", OPENID)


def test_who_unfollows_is_suppressed_and_who_follows_again_is_not(database: Database) -> None:
    mark = begin(database)

    told(database, contact(ContactKind.UNFOLLOWED, "1"))
    assert suppressed(database) == {mark: UNFOLLOWED}

    told(database, contact(ContactKind.FOLLOWED, "2", after=DAY))
    assert suppressed(database) == {}
    assert happened(database) == ["wechat.unfollowed", "wechat.followed"]


def test_a_word_told_again_or_late_does_not_undo_a_later_one(database: Database) -> None:
    begin(database)
    left, came = contact(ContactKind.UNFOLLOWED, "1"), contact(ContactKind.FOLLOWED, "2", after=DAY)

    told(database, came)
    told(database, left)
    told(database, left, left)

    assert suppressed(database) == {}
    assert sorted(happened(database)) == ["wechat.followed", "wechat.unfollowed"]


def test_following_lifts_nothing_that_another_reason_put_there(database: Database) -> None:
    mark = begin(database)
    with database.transaction() as connection:
        suppress(connection, "wechat", [mark], reason="complaint", source="test", now=NOON)

    told(database, contact(ContactKind.UNFOLLOWED, "1"))
    told(database, contact(ContactKind.FOLLOWED, "2", after=DAY))

    assert suppressed(database) == {mark: "complaint"}


def test_an_address_nobody_has_yet_is_stopped_and_resumed_too(database: Database) -> None:
    begin(database)
    stranger = "o" + "9" * 27

    told(database, contact(ContactKind.UNFOLLOWED, "1", address=stranger))
    assert suppressed(database) == {fingerprint(SECRET, "wechat", stranger): UNFOLLOWED}

    told(database, contact(ContactKind.FOLLOWED, "2", address=stranger))
    assert suppressed(database) == {}
    assert happened(database) == []


def test_other_contacts_are_events_and_stop_nothing(database: Database) -> None:
    begin(database)

    told(database, contact(ContactKind.SCANNED, "1", detail="store-7"), contact(ContactKind.VIEWED, "2"))

    assert sorted(happened(database)) == ["wechat.scanned", "wechat.viewed"]
    assert suppressed(database) == {}
    with database.transaction() as connection:
        kept = connection.execute(select(events.c.properties).where(events.c.kind == "wechat.scanned")).scalar_one()
    assert kept == {"provider": "wechat.official_account", "detail": "store-7"}


def test_a_permission_is_kept_once_and_without_the_address(database: Database) -> None:
    begin(database)
    grant = Grant(
        provider="wechat.official_account",
        key="g1",
        channel=Channel.WECHAT,
        address=OPENID,
        template_code="TPL",
        kind=GrantKind.GIVEN,
        occurred_at=NOON,
    )

    told(database, grants=(grant, grant))
    told(database, grants=(grant,))

    with database.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(permissions)).scalar_one() == 1
        row = connection.execute(select(permissions)).one()
    assert (row.kind, row.template_code) == ("given", "TPL")
    assert bytes(row.fingerprint) == fingerprint(SECRET, "wechat", OPENID)
