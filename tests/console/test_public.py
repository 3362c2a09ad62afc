"""The public HTTP side takes events once, lets the right people in, and changes nothing on a GET."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import requests
from sqlalchemy import func, insert, select, text

from config.callback_addresses import callback_token
from console.api_keys import revoke_key
from console.public import ROUTES, Caller
from database.tables import (
    addresses,
    campaigns,
    consents,
    events,
    members,
    sends,
    suppressions,
    template_versions,
    unprocessed_events,
)
from templates.library import digest, load_library
from templates.links import click_token, unsubscribe_token
from templates.rendering import compile_content
from tests.listening import ListeningSide
from tests.makers import NOON, SECRET, make_members


def ordered(number: int, **changes: object) -> dict[str, object]:
    """Return an order as Segment's libraries tell it."""
    return {
        "type": "track", "userId": f"m{number}", "messageId": f"message-{number}", "event": "Order Completed",
        "timestamp": "2026-08-01T10:00:00Z", "properties": {"revenue": 99.5, "order_id": f"o{number}"}, **changes,
    }  # fmt: skip


def counted(side: ListeningSide, table: object) -> int:
    with side.application.database.transaction() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def make_send(side: ListeningSide) -> tuple[int, int]:
    """Plan one email to one member; return the send's and the member's id."""
    content = load_library().content("welcome")
    with side.application.database.transaction() as connection:
        (member_id,) = make_members(connection, 1)
        version = connection.execute(
            insert(template_versions).values(name="welcome", digest=digest(content), content=content).returning(template_versions.c.id)
        ).scalar_one()
        campaign = connection.execute(
            insert(campaigns).values(name="hello", definition={}, template_version_id=version).returning(campaigns.c.id)
        ).scalar_one()
        address = connection.execute(
            select(addresses.c.id).where(addresses.c.member_id == member_id, addresses.c.channel == "email")
        ).scalar_one()
        send_id = connection.execute(
            insert(sends)
            .values(
                campaign_id=campaign, member_id=member_id, occasion="launch:1", channel="email", address_id=address,
                template_version_id=version, purpose="marketing", state="refused", reason="a test", decided_at=NOON, not_before=NOON,
            )
            .returning(sends.c.id)
        ).scalar_one()  # fmt: skip
    return send_id, member_id


def test_an_order_told_twice_is_one_event_with_its_amount(side: ListeningSide) -> None:
    first = side.post("/v1/track", ordered(1))
    again = side.post("/v1/track", ordered(1))

    assert (first.status_code, first.json()["stored"]) == (200, 1)
    assert (again.status_code, again.json()["stored"], again.json()["duplicates"]) == (200, 0, 1)
    with side.application.database.transaction() as connection:
        row = connection.execute(select(events.c.kind, events.c.value, events.c.occurred_at)).one()
    assert (row.kind, float(row.value), row.occurred_at) == ("order.paid", 99.5, datetime(2026, 8, 1, 10, tzinfo=UTC))
    assert side.rung == ["events"]


def test_an_undated_event_told_twice_is_a_duplicate_and_not_a_contradiction(side: ListeningSide) -> None:
    told = ordered(1)
    del told["timestamp"]

    side.post("/v1/track", told)

    assert side.post("/v1/track", told).json()["duplicates"] == 1


def test_another_event_under_a_known_message_id_is_refused(side: ListeningSide) -> None:
    side.post("/v1/track", ordered(1))

    answer = side.post("/v1/batch", {"batch": [ordered(1, properties={"revenue": 5}), ordered(2)]})

    assert answer.json()["stored"] == 1
    assert [refused["index"] for refused in answer.json()["refused"]] == [0]


def test_one_bad_message_of_a_batch_does_not_spoil_the_others(side: ListeningSide) -> None:
    batch = [
        ordered(1), {"type": "page", "userId": "m1"}, ordered(2, userId=None, anonymousId="a"), ordered(3, messageId=None),
        ordered(4, timestamp="yesterday"), 7, ordered(5, event=""), {"type": "identify", "userId": "m6", "traits": {"birthday": "soon"}},
        {"type": "alias", "userId": "m1", "previousId": "m0"}, ordered(6),
    ]  # fmt: skip

    answer = side.post("/v1/batch", {"batch": batch, "sentAt": "2026-08-01T10:00:00Z"})

    assert answer.status_code == 200
    assert answer.json()["stored"] == 2
    assert [refused["index"] for refused in answer.json()["refused"]] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(refused["reason"] for refused in answer.json()["refused"])


def test_identify_makes_a_member_with_fields_addresses_and_attributes(side: ListeningSide) -> None:
    traits = {
        "name": "王芳", "email": "Fang@Example.com", "phone": "13800138000", "tier": "gold", "locale": "en-GB",
        "birthday": "1990-02-28", "createdAt": "2025-01-01T00:00:00Z", "city": "上海", "points": 12,
    }  # fmt: skip

    answer = side.post("/v1/identify", {"userId": "m1", "traits": traits})

    assert (answer.status_code, answer.json()["members"]) == (200, 1)
    with side.application.database.transaction() as connection:
        row = connection.execute(select(members)).one()
        known = {row.channel: row.address for row in connection.execute(select(addresses.c.channel, addresses.c.address))}
    assert (row.name, row.tier, row.language, row.birth_month, row.attributes) == ("王芳", "gold", "en", 2, {"city": "上海", "points": 12})
    assert known["sms"] == "+8613800138000"


@pytest.mark.parametrize("size, status", [(1000, 200), (1001, 413)])
def test_a_batch_holds_at_most_a_thousand_messages(side: ListeningSide, size: int, status: int) -> None:
    assert side.post("/v1/batch", {"batch": [ordered(number) for number in range(size)]}).status_code == status


def test_a_body_over_one_megabyte_is_refused_also_without_its_length(side: ListeningSide) -> None:
    pieces = (b" " * 100_000 for _ in range(12))

    answer = requests.post(side.url + "/v1/batch", data=pieces, auth=(side.key, ""), timeout=10)

    assert answer.status_code == 413


def test_it_says_503_while_the_oldest_event_waits_too_long(side: ListeningSide) -> None:
    side.post("/v1/track", ordered(1))
    with side.application.database.transaction() as connection:
        connection.execute(text("UPDATE events SET received_at = clock_timestamp() - interval '1 hour'"))
    time.sleep(0.55)

    answer = side.post("/v1/track", ordered(2))

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert counted(side, unprocessed_events) == 1


@pytest.mark.parametrize("entry", [entry for entry in ROUTES if entry.caller is not Caller.ANYONE], ids=lambda entry: entry.path)
def test_nobody_gets_in_without_what_the_table_asks_for(side: ListeningSide, entry: object) -> None:
    path = entry.path.format(token="A" * 32, account="sms.aliyun")  # type: ignore[attr-defined]
    for method in entry.methods:  # type: ignore[attr-defined]
        assert requests.request(method, side.url + path, timeout=10).status_code in (401, 404)
        forged = requests.request(method, side.url + path, auth=(side.key[:-1] + "x", ""), timeout=10)
        assert forged.status_code in (401, 404)


def test_a_key_works_as_bearer_and_is_dead_a_second_after_it_is_revoked(side: ListeningSide) -> None:
    bearer = {"Authorization": f"Bearer {side.key}"}
    assert requests.get(side.url + "/metrics", headers=bearer, timeout=10).status_code == 200

    with side.application.database.transaction() as connection:
        revoke_key(connection, side.key_id, now=NOON)
    time.sleep(1.05)

    assert requests.get(side.url + "/metrics", headers=bearer, timeout=10).status_code == 401


def test_the_database_holds_no_usable_key(side: ListeningSide) -> None:
    with side.application.database.transaction() as connection:
        row = connection.execute(text("SELECT api_keys::text FROM api_keys")).scalar_one()

    assert side.key.split("_")[2] not in row


def test_a_click_is_recorded_once_and_leads_to_the_pinned_address_only(side: ListeningSide) -> None:
    send_id, _ = make_send(side)
    wanted = compile_content(load_library().content("welcome")).link_at(0)
    link = f"{side.url}/c/{click_token(SECRET, send_id, 0)}"

    answers = [requests.get(link + "?to=https://evil.example", allow_redirects=False, timeout=10) for _ in range(3)]

    assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {(302, wanted)}
    with side.application.database.transaction() as connection:
        row = connection.execute(select(events.c.kind, events.c.properties)).one()
    assert row.kind == "message.clicked"
    assert row.properties["campaign"] == "hello"
    assert row.properties["send"] == send_id


def test_a_head_request_follows_a_link_without_recording_a_click(side: ListeningSide) -> None:
    send_id, _ = make_send(side)

    answer = requests.head(f"{side.url}/c/{click_token(SECRET, send_id, 0)}", timeout=10)

    assert answer.status_code == 302
    assert counted(side, events) == 0


def test_opening_an_unsubscribe_link_changes_nothing_and_posting_to_it_does(side: ListeningSide) -> None:
    send_id, member_id = make_send(side)
    link = f"{side.url}/u/{unsubscribe_token(SECRET, member_id, 'email', send_id)}"
    before = counted(side, consents)

    page = requests.get(link, timeout=10)
    requests.head(link, timeout=10)
    assert (counted(side, consents), counted(side, suppressions)) == (before, 0)
    assert "退订" in page.text and "Unsubscribe" in page.text and "https://" not in page.text

    for _ in range(2):
        assert requests.post(link, data={"List-Unsubscribe": "One-Click"}, timeout=10).status_code == 200

    with side.application.database.transaction() as connection:
        stopped = connection.execute(select(suppressions.c.channel, suppressions.c.reason)).all()
        granted = connection.execute(
            text("SELECT channel, granted FROM consent_now WHERE purpose = 'marketing' ORDER BY channel")
        ).all()
    assert stopped == [("email", "unsubscribed")]
    assert granted == [("email", False), ("sms", True), ("wechat", True)]
    assert counted(side, consents) == before + 1, "the second request adds nothing"


def test_an_unknown_link_gets_a_page_and_not_a_hint(side: ListeningSide) -> None:
    for path in ("/c/AAAA", "/u/AAAA", f"/c/{click_token(SECRET, 99, 0)}", f"/u/{unsubscribe_token(SECRET, 99, 'sms', 0)}"):
        answer = requests.get(side.url + path, timeout=10)
        assert answer.status_code == 404
        assert "链接无效" in answer.text


def test_every_answer_carries_the_security_headers(side: ListeningSide) -> None:
    for path in ("/health", "/c/AAAA", "/nowhere", "/v1/track"):
        headers = requests.get(side.url + path, timeout=10).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Strict-Transport-Security"]


def test_a_delivery_report_at_the_secret_address_is_stored_once(side: ListeningSide) -> None:
    link = f"{side.url}/callbacks/sms.aliyun/{callback_token(SECRET, 'sms.aliyun')}"
    report = [
        {
            "phone_number": "13800000001", "send_time": "2026-08-01 10:00:00", "report_time": "2026-08-01 10:00:05",
            "success": True, "err_code": "DELIVERED", "err_msg": "ok", "sms_size": "1", "biz_id": "b1", "out_id": "t-1",
        }
    ]  # fmt: skip

    answers = [requests.post(link, json=report, timeout=10) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    with side.application.database.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM receipts")).scalar_one() == 1
    assert "receipts" in side.rung
    assert requests.post(link[:-1] + "x", json=report, timeout=10).status_code == 404


def test_a_reply_of_stop_is_heeded(side: ListeningSide) -> None:
    with side.application.database.transaction() as connection:
        make_members(connection, 1)
        number = connection.execute(select(addresses.c.address).where(addresses.c.channel == "sms")).scalar_one()
    link = f"{side.url}/callbacks/sms.aliyun/{callback_token(SECRET, 'sms.aliyun')}"
    reply = [{"phone_number": number.removeprefix("+86"), "send_time": "2026-08-01 10:00:00", "content": "TD", "sequence_id": 1, "dest_code": "1"}]

    assert requests.post(link, json=reply, timeout=10).status_code == 200

    with side.application.database.transaction() as connection:
        assert connection.execute(select(suppressions.c.channel, suppressions.c.reason)).all() == [("sms", "reply")]
    assert "events" in side.rung


def test_events_come_in_fast_enough(side: ListeningSide) -> None:
    session = requests.Session()
    session.auth = (side.key, "")
    batches = [{"batch": [ordered(start * 100 + number) for number in range(100)]} for start in range(20)]

    begun = time.perf_counter()
    for batch in batches:
        assert session.post(side.url + "/v1/batch", json=batch, timeout=30).status_code == 200
    taken = timedelta(seconds=time.perf_counter() - begun)

    assert counted(side, events) == 2000
    assert taken < timedelta(seconds=10), "2,000 events take well under a second on an idle machine"
