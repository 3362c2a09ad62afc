"""What no table has a place for, in a provider's answer or in what it says on being asked: nothing beside it is lost."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from campaigns.carrier import Carrier
from campaigns.delivery import deliver
from campaigns.invariants import broken
from campaigns.sends import reference_of
from campaigns.settling import settle
from channels.fitting import LONGEST_NAME
from channels.registry import open_provider
from database.engine import Database
from database.tables import attempts, sends
from tests.campaigns.test_planning import plan_all
from tests.carriers import a_carrier, a_simulator, carried_by
from tests.channels.scripted_server import answer, hang_up, scripted
from tests.makers import NOON, make_campaign, make_members, states

ALIYUN = {
    "access_key_id": "id", "access_key_secret": "secret", "sign_name": "示例商城", "template_codes": {"*": "SMS_1"},
    "batch": 1, "read_timeout": 2.0,
}  # fmt: skip
TAKEN = {"Code": "OK", "BizId": "fine"}


@pytest.fixture
def carrier(database: Database, tmp_path: Path) -> Iterator[Carrier]:
    """A carrier with two sends that are due."""
    with database.transaction() as connection:
        make_members(connection, 2)
        plan_all(connection, make_campaign(connection))
    with a_simulator(tmp_path) as simulator:
        yield a_carrier(database, simulator, "sms")
    with database.transaction() as connection:
        assert broken(connection) == []


def asking(carrier: Carrier, url: str) -> Carrier:
    return carried_by(carrier, open_provider("sms.aliyun", {**ALIYUN, "endpoint": url}))


def spelled(said: object) -> str:
    """Write an answer as JSON in ASCII: what no UTF-8 may hold is spelt out in it."""
    return json.dumps(said)


@pytest.mark.parametrize(
    ("said", "kept", "came_to"),
    [
        ({"Code": "OK", "BizId": "a\0b"}, ("a\ufffdb", "OK"), {"accepted": 2}),
        ({"Code": "OK", "BizId": "a\ud800b"}, ("a\ufffdb", "OK"), {"accepted": 2}),
        ({"Code": "OK", "BizId": "long" * 1000}, (("long" * 1000)[:LONGEST_NAME], "OK"), {"accepted": 2}),
        ({"Code": "isv.NEW\0"}, (None, "isv.NEW\ufffd"), {"accepted": 1, "in_doubt": 1}),
    ],
    ids=["a zero", "half a character", "a long one", "a code"],
)
def test_a_window_is_written_down_whatever_one_answer_in_it_holds(
    carrier: Carrier, said: dict[str, str], kept: tuple[str | None, str], came_to: dict[str, int]
) -> None:
    with scripted(answer(spelled(said)), answer(TAKEN)) as server:
        deliver(asking(carrier, server.url), now=NOON)

    assert states(carrier.database) == came_to
    with carrier.database.transaction() as connection:
        written = {(row.provider_ref, row.code) for row in connection.execute(select(attempts.c.provider_ref, attempts.c.code))}
    assert written == {kept, ("fine", "OK")}


def test_a_round_of_questions_is_written_down_whatever_one_answer_in_it_holds(carrier: Carrier) -> None:
    codes = {1: "DELIVERED", 2: "MK\0\ud800"}
    details = [
        {"OutId": reference_of(number, carrier.installation), "SendStatus": 3 if number == 1 else 2, "ErrCode": code}
        for number, code in codes.items()
    ]
    found = {"Code": "OK", "TotalCount": "2", "SmsSendDetailDTOs": {"SmsSendDetailDTO": details}}
    with scripted(hang_up(), hang_up(), answer(spelled(found))) as server:
        asked = asking(carrier, server.url)
        deliver(asked, now=NOON)
        assert states(carrier.database) == {"in_doubt": 2}
        time.sleep(0.35)
        assert settle(asked, now=NOON).found == 2

    assert states(carrier.database) == {"delivered": 1, "failed": 1}
    with carrier.database.transaction() as connection:
        assert connection.execute(select(sends.c.reason).where(sends.c.state == "failed")).scalar() == "MK\ufffd\ufffd"
