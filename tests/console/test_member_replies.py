"""A member's answer ends marketing when it is nothing but a stop word, and is an event otherwise."""

import threading
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection, func, insert, select, text, update

from campaigns.replies import follow_replies
from campaigns.sends import claim
from campaigns.sends.marking import Rendered, mark
from campaigns.terms import Terms
from campaigns.told import store_told
from channels.message import Callback, Channel, Reply
from database.engine import Database
from database.tables import addresses, consents, events, sends, suppressions
from members.consent import suppress, withdraw
from members.people import fingerprint
from templates.reply_words import START_WORDS, STOP_WORDS, Meaning, meaning_of
from tests.campaigns.test_planning import plan_all
from tests.listening import ListeningSide
from tests.makers import NOON, SECRET, consent, make_campaign, make_members

NUMBER = "+8613800000001"  #: of member m1
LEASE = timedelta(seconds=60)


def a_reply(words: str, key: str = "1", **changes: object) -> Reply:
    given: dict[str, object] = {"provider": "sms.aliyun", "channel": Channel.SMS, "address": NUMBER, "occurred_at": NOON, **changes}
    return Reply(key=key, text=words, **given)  # type: ignore[arg-type]


def heard(database: Database, *replies: Reply, now: datetime = NOON) -> None:
    with database.transaction() as connection:
        follow_replies(connection, replies, secret=SECRET, now=now)


def wanted(database: Database) -> dict[tuple[int, str], bool]:
    """Return each member's latest word on marketing."""
    with database.transaction() as connection:
        rows = connection.execute(text("SELECT member_id, channel, granted FROM consent_now WHERE purpose = 'marketing'"))
        return {(row.member_id, row.channel): row.granted for row in rows}


def everything(database: Database) -> list[Sequence[object]]:
    """Return all that a reply could change."""
    with database.transaction() as connection:
        return [tuple(row) for table in (consents, suppressions, events) for row in connection.execute(select(table).order_by(*table.primary_key))]


def stopped(database: Database) -> dict[tuple[str, bytes], str]:
    with database.transaction() as connection:
        rows = connection.execute(select(suppressions.c.channel, suppressions.c.fingerprint, suppressions.c.reason))
        return {(row.channel, bytes(row.fingerprint)): row.reason for row in rows}


@pytest.fixture
def members(database: Database) -> list[int]:
    with database.transaction() as connection:
        return make_members(connection, 3)


@pytest.mark.parametrize(
    "words",
    ["退订", "TD", "td", "T", "t", "Ｔ", "ＴＤ", "拒收", "R", "N", "0000", "STOP", "Stop.", "stop!!!", " 退订。", "“退订”", "【退订】", "\u200b退订\u200b",
     "退订～", "TD！", "UNSUBSCRIBE", "unsubscribe\n", "Stop all", "opt-out", "Opt out", "QUIT", "END", "REVOKE", "取消订阅", "回T退订", "退订回T",
     "回复TD", "拒收请回复R", "STOP ✋️", "退 订"],
)  # fmt: skip
def test_a_stop_word_alone_means_stop_however_it_is_written(words: str) -> None:
    assert meaning_of(words) is Meaning.STOP


@pytest.mark.parametrize(
    "words",
    ["please don't stop", "退订后还能恢复吗", "T恤有货吗", "don't stop", "Stop by tomorrow?", "怎么退订", "不要退订", "我想退货", "取消订单", "TDK", "T-shirt",
     "no", "END of season?", "stop" * 20, "", "  ", "。。。", "👍", "Y", "yes", "取消退订", "unsubscribed by mistake", "STOP IT NOW PLEASE", "R u there"],
)  # fmt: skip
def test_a_sentence_that_holds_a_stop_word_does_not(words: str) -> None:
    assert meaning_of(words) is Meaning.OTHER


@pytest.mark.parametrize("words", ["START", "start.", "UNSTOP", "订阅", "Ｓｔａｒｔ"])
def test_few_words_mean_start(words: str) -> None:
    assert meaning_of(words) is Meaning.START


def test_no_word_means_both_and_each_is_written_as_it_is_compared() -> None:
    assert not STOP_WORDS & START_WORDS
    assert all(meaning_of(word) is Meaning.STOP for word in STOP_WORDS)
    assert all(meaning_of(word) is Meaning.START for word in START_WORDS)


def test_a_stop_ends_marketing_on_that_channel_for_that_member_only(database: Database, members: list[int]) -> None:
    heard(database, a_reply("TD"))

    assert stopped(database) == {("sms", fingerprint(SECRET, "sms", NUMBER)): "reply"}
    assert [key for key, granted in wanted(database).items() if not granted] == [(members[0], "sms")]
    with database.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(events)).scalar_one() == 0


def test_everybody_who_has_the_number_now_is_stopped_and_nobody_who_had_it(database: Database, members: list[int]) -> None:
    with database.transaction() as connection:
        _move(connection, members[1], NUMBER)
        _move(connection, members[2], NUMBER)
        connection.execute(update(addresses).where(addresses.c.member_id == members[0], addresses.c.channel == "sms").values(is_current=False))

    heard(database, a_reply("退订"))

    said = wanted(database)
    assert (said[members[0], "sms"], said[members[1], "sms"], said[members[2], "sms"]) == (True, False, False)


def _move(connection: Connection, member_id: int, number: str) -> None:
    """Give a member another number instead of the one they have."""
    connection.execute(update(addresses).where(addresses.c.member_id == member_id, addresses.c.channel == "sms").values(is_current=False))
    values = {"member_id": member_id, "channel": "sms", "address": number, "fingerprint": fingerprint(SECRET, "sms", number)}
    connection.execute(insert(addresses).values(**values))


def test_a_number_that_no_member_has_is_stopped_all_the_same(database: Database) -> None:
    heard(database, a_reply("T"), a_reply("有人吗", key="2"))

    assert stopped(database) == {("sms", fingerprint(SECRET, "sms", NUMBER)): "reply"}


def test_the_senders_number_and_mailbox_are_read_as_members_addresses_are(database: Database, members: list[int]) -> None:
    heard(database, a_reply("T", address="0086 138-0000-0001"))
    heard(database, a_reply("退订", provider="email.smtp", channel=Channel.EMAIL, address="M1@Example.COM"))

    assert [key for key, granted in sorted(wanted(database).items()) if not granted] == [(members[0], "email"), (members[0], "sms")]


def test_the_same_reply_again_changes_nothing(database: Database, members: list[int]) -> None:
    replies = [a_reply("TD"), a_reply("还有货吗", key="2"), a_reply("START", key="3", address="+8613800000002")]
    heard(database, *replies)
    before = everything(database)

    for again in (replies, replies[::-1], [*replies, *replies]):
        heard(database, *again, now=NOON + timedelta(hours=1))

    assert everything(database) == before


def test_a_stop_told_again_after_a_start_does_not_stop_and_a_start_told_again_after_a_stop_does_not_start(
    database: Database, members: list[int]
) -> None:
    turns = ["T", "START", "TD", "订阅"]
    for number, words in enumerate(turns):
        heard(database, a_reply(words, key=str(number)), now=NOON + timedelta(minutes=number))
        before = everything(database)
        for earlier in range(number + 1):
            heard(database, a_reply(turns[earlier], key=str(earlier)), now=NOON + timedelta(hours=1))
        assert everything(database) == before
        assert wanted(database)[members[0], "sms"] is (number % 2 == 1)


def test_a_start_that_had_nothing_to_take_back_takes_nothing_back_when_it_is_told_again(database: Database, members: list[int]) -> None:
    heard(database, a_reply("START", key="early"))
    heard(database, a_reply("T", key="late"))

    heard(database, a_reply("START", key="early"))

    assert wanted(database)[members[0], "sms"] is False
    assert len(stopped(database)) == 1


def test_of_a_stop_and_a_start_in_one_push_the_later_one_counts(database: Database, members: list[int]) -> None:
    heard(database, a_reply("T", key="1"), a_reply("START", key="2"))
    assert (wanted(database)[members[0], "sms"], stopped(database)) == (True, {})

    heard(database, a_reply("START", key="3"), a_reply("T", key="4"))
    assert wanted(database)[members[0], "sms"] is False


@pytest.mark.parametrize("reason", ["hard_bounce", "complaint", "blacklist", "gone"])
def test_a_start_takes_back_no_suppression_that_was_not_the_members_own(database: Database, members: list[int], reason: str) -> None:
    with database.transaction() as connection:
        suppress(connection, "sms", [fingerprint(SECRET, "sms", NUMBER)], reason=reason, source="test", now=NOON)
        withdraw(connection, members[0], "sms", source="link", now=NOON)

    heard(database, a_reply("START"), now=NOON + timedelta(minutes=1))

    assert list(stopped(database).values()) == [reason]
    assert wanted(database)[members[0], "sms"] is False


def test_a_start_is_no_yes_where_the_no_came_from_somebody_else(database: Database, members: list[int]) -> None:
    with database.transaction() as connection:
        suppress(connection, "sms", [fingerprint(SECRET, "sms", NUMBER)], reason="reply", source="test", now=NOON)
        consent(connection, members[:1], ["sms"], granted=False, now=NOON)

    heard(database, a_reply("START"), now=NOON + timedelta(minutes=1))

    assert wanted(database)[members[0], "sms"] is False
    assert len(stopped(database)) == 1


def test_a_start_takes_back_an_opt_out_by_link_with_its_proof(database: Database, members: list[int]) -> None:
    with database.transaction() as connection:
        suppress(connection, "sms", [fingerprint(SECRET, "sms", NUMBER)], reason="unsubscribed", source="link", now=NOON)
        withdraw(connection, members[0], "sms", source="link", now=NOON)

    heard(database, a_reply("START"), now=NOON + timedelta(minutes=1))

    assert (wanted(database)[members[0], "sms"], stopped(database)) == (True, {})
    with database.transaction() as connection:
        proof = connection.execute(select(consents.c.source, consents.c.proof).order_by(consents.c.id.desc()).limit(1)).one()
    assert proof.source == "replies" and proof.proof["provider"] == "sms.aliyun" and proof.proof["reply"]


@pytest.mark.parametrize(("channel", "address"), [(Channel.EMAIL, "m1@example.com"), (Channel.WECHAT, f"o{1:027d}")])
def test_by_email_and_wechat_a_start_is_an_answer_like_any_other(
    database: Database, members: list[int], channel: Channel, address: str
) -> None:
    heard(database, a_reply("退订", provider=f"{channel}.any", channel=channel, address=address))
    heard(database, a_reply("START", key="2", provider=f"{channel}.any", channel=channel, address=address))

    assert wanted(database)[members[0], channel.value] is False
    with database.transaction() as connection:
        assert connection.execute(select(events.c.kind)).scalars().all() == ["message.replied"]


def test_any_other_reply_is_an_event_of_everybody_who_has_the_address_and_keeps_no_words(database: Database, members: list[int]) -> None:
    with database.transaction() as connection:
        _move(connection, members[2], NUMBER)

    heard(database, a_reply("please don't stop, 王芳 13800000009"))

    with database.transaction() as connection:
        rows = connection.execute(select(events).order_by(events.c.member_id)).all()
    assert [(row.member_id, row.kind, row.occurred_at) for row in rows] == [(members[0], "message.replied", NOON), (members[2], "message.replied", NOON)]
    assert rows[0].properties == {"channel": "sms", "provider": "sms.aliyun", "characters": 33}
    assert "王芳" not in str(everything(database)) and NUMBER not in str(everything(database))
    assert stopped(database) == {}


@pytest.mark.parametrize("moment", [None, NOON.replace(tzinfo=None), datetime(1, 1, 1, tzinfo=UTC)])
def test_a_reply_without_a_believable_moment_happened_now(database: Database, members: list[int], moment: datetime | None) -> None:
    heard(database, a_reply("你好", key="\ud800" + "k" * 900, occurred_at=moment))

    with database.transaction() as connection:
        assert connection.execute(select(events.c.occurred_at)).scalar_one() == NOON


def _claimed(database: Database) -> tuple[Terms, Rendered, uuid.UUID]:
    """Plan and claim one SMS to member m1."""
    with database.transaction() as connection:
        campaign = make_campaign(connection)
        plan_all(connection, campaign)
    with database.transaction() as connection:
        claimed = claim(connection, "sms", now=NOON, lease=LEASE, limit=10)
        row = connection.execute(select(sends.c.id, sends.c.member_id, sends.c.token)).one()
    assert claimed
    terms = Terms(purpose="marketing", caps=(), quiet_hours=None)
    return terms, Rendered(id=row.id, member_id=row.member_id, parts=1, cost=Decimal("0.045")), row.token


def _marked(database: Database, terms: Terms, send: Rendered, token: uuid.UUID) -> dict[int, int]:
    with database.transaction() as connection:
        return mark(connection, [(terms, [send])], token=token, provider="sms.aliyun", now=NOON, lease=LEASE)


def test_a_send_already_claimed_is_refused_when_the_member_said_stop(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 1)
    held = _claimed(database)

    heard(database, a_reply("TD"))

    assert _marked(database, *held) == {}
    with database.transaction() as connection:
        assert connection.execute(select(sends.c.state, sends.c.reason)).one() == ("refused", "suppressed")


def test_a_mark_waits_for_a_stop_that_is_being_written(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 1)
    held = _claimed(database)
    marked: list[dict[int, int]] = []
    marking = threading.Thread(target=lambda: marked.append(_marked(database, *held)))

    with database.transaction() as connection:
        follow_replies(connection, [a_reply("退订")], secret=SECRET, now=NOON)
        marking.start()
        marking.join(0.5)
        assert marking.is_alive(), "it waits for the stop to be committed"
    marking.join(10)

    assert marked == [{}]


def test_without_a_stop_the_same_send_is_marked(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 1)
    held = _claimed(database)

    heard(database, a_reply("please don't stop"))

    assert list(_marked(database, *held).values()) == [1]


def test_pushes_of_one_reply_at_once_leave_one_trace(side: ListeningSide) -> None:
    with side.application.database.transaction() as connection:
        make_members(connection, 2)
    told = [Callback(replies=(a_reply("有货吗", key="1"), a_reply("T", key="2", address="+8613800000002")))]
    pushing = [threading.Thread(target=lambda: store_told(side.application.database, told, secret=side.application.secret)) for _ in range(8)]

    for each in pushing:
        each.start()
    for each in pushing:
        each.join()

    with side.application.database.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(events)).scalar_one() == 1
        assert connection.execute(text("SELECT count(*) FROM consents WHERE source = 'replies'")).scalar_one() == 1
