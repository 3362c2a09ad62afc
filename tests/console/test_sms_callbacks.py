"""What SMS providers tell us, over real HTTP, with the public address that stands before ours."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
import requests
from sqlalchemy import select, text

from channels.registry import open_provider
from channels.sms.twilio_callbacks import signature
from config.callback_addresses import callback_token
from database.tables import addresses, suppressions
from tests.listening import ListeningSide, told_by
from tests.makers import SECRET, make_members

ACCOUNT = "AC" + "a" * 32


@pytest.fixture
def twilio(side: ListeningSide) -> Iterator[ListeningSide]:
    settings = {"account_sid": ACCOUNT, "auth_token": "its-token", "sender": "+15005550006"}
    with told_by(side, open_provider("sms.twilio", settings)) as told:
        yield told


@pytest.fixture
def kannel(side: ListeningSide) -> Iterator[ListeningSide]:
    settings = {"endpoint": "http://127.0.0.1:1", "username": "camp", "password": "its-word"}
    with told_by(side, open_provider("sms.kannel", settings)) as told:
        yield told


def path(name: str) -> str:
    return f"/callbacks/{name}/{callback_token(SECRET, name)}"


def tell_twilio(
    side: ListeningSide, form: dict[str, str], *, query: str = "", token: str = "its-token"
) -> requests.Response:
    # Twilio signs the public address it was given, whatever stands between it and us.
    signed = signature(f"https://crm.example{path('sms.twilio')}{query}", list(form.items()), token)
    return requests.post(
        f"{side.url}{path('sms.twilio')}{query}", data=form, headers={"X-Twilio-Signature": signed}, timeout=10
    )


def number_of_a_member(side: ListeningSide) -> str:
    with side.application.database.transaction() as connection:
        make_members(connection, 1)
        return str(connection.execute(select(addresses.c.address).where(addresses.c.channel == "sms")).scalar_one())


def stopped(side: ListeningSide) -> list[tuple[str, str]]:
    with side.application.database.transaction() as connection:
        return [tuple(row) for row in connection.execute(select(suppressions.c.channel, suppressions.c.reason))]  # type: ignore[misc]


def receipts(side: ListeningSide) -> int:
    with side.application.database.transaction() as connection:
        return int(connection.execute(text("SELECT count(*) FROM receipts")).scalar_one())


def test_twilios_stop_is_heeded_and_answered_without_words(twilio: ListeningSide) -> None:
    said = {
        "AccountSid": ACCOUNT,
        "MessageSid": "SM1",
        "From": number_of_a_member(twilio),
        "Body": "Stop",
        "NumMedia": "0",
    }

    assert tell_twilio(twilio, said, token="another").status_code == 403
    assert stopped(twilio) == []
    answer = tell_twilio(twilio, said)

    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/xml")
    assert answer.text.endswith("<Response/>")
    assert stopped(twilio) == [("sms", "reply")]


def test_twilios_report_is_signed_with_the_reference_in_its_address_and_stored_once(twilio: ListeningSide) -> None:
    said = {"AccountSid": ACCOUNT, "MessageSid": "SM2", "MessageStatus": "delivered"}

    codes = [tell_twilio(twilio, said, query="?m=t-1").status_code for _ in range(2)]

    assert (codes, receipts(twilio)) == ([200, 200], 1)
    signed = signature(f"https://crm.example{path('sms.twilio')}?m=t-1", list(said.items()), "its-token")
    elsewhere = f"{twilio.url}{path('sms.twilio')}?m=t-2"
    assert requests.post(elsewhere, data=said, headers={"X-Twilio-Signature": signed}, timeout=10).status_code == 403
    assert receipts(twilio) == 1


def test_kannels_reply_and_report_come_by_get_and_are_answered_with_nothing(kannel: ListeningSide) -> None:
    place = f"{kannel.url}{path('sms.kannel')}"
    number = number_of_a_member(kannel).removeprefix("+86")
    reply = f"{place}?from={number}&text={quote('退订'.encode('utf-16-be'))}&charset=UTF-16BE&id=1&at=1795333091"
    report = f"{place}?reference=t-1&status=1&answer=&at=1795333091"

    assert requests.head(reply, timeout=10).status_code == 403
    assert stopped(kannel) == []
    answers = [requests.get(each, timeout=10) for each in (reply, report, report)]

    assert [(each.status_code, each.content) for each in answers] == [(200, b"")] * 3
    assert stopped(kannel) == [("sms", "reply")]
    assert receipts(kannel) == 1
