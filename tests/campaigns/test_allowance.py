"""One yes of a member is one message of its template; the ledger of them is asked at the mark."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from campaigns.carrier import Carrier
from campaigns.delivery import deliver
from campaigns.sends import fall_back
from campaigns.told import store_told
from channels.message import Callback, Channel, Grant, GrantKind, OutcomeKind
from channels.registry import open_provider
from channels.simulator.faults import FaultRules
from channels.simulator.running import SimulatorProcess
from database.engine import Database
from database.tables import attempts, sends
from tests.campaigns.test_planning import plan_all
from tests.carriers import a_carrier, a_simulator, account_settings, carried_by, taken
from tests.makers import NOON, SECRET, addresses_of, make_campaign, make_members

pytestmark = pytest.mark.usefixtures("sound")

CODE = "Tm0_birthdayNotice-AbCdEfGhIjKlMnOpQrStUvWx"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def say(
    database: Database, kind: GrantKind, key: str, *, at: datetime = LONG_AGO, member: str = "m1", code: str = CODE
) -> None:
    """Let a member say something about a template."""
    grant = Grant(
        provider="wechat.official_account",
        key=key,
        channel=Channel.WECHAT,
        address=addresses_of(member)["wechat"],
        template_code=code,
        kind=kind,
        occurred_at=at,
    )
    store_told(database, [Callback(grants=(grant,))], secret=SECRET)


def plan_waves(database: Database, count: int, *, members: int = 1) -> None:
    """Plan so many campaigns of notices to the same members."""
    with database.transaction() as connection:
        make_members(connection, members)
        for number in range(count):
            plan_all(connection, make_campaign(connection, campaign=f"wave-{number}", channels=["wechat"]))


def found(database: Database) -> list[tuple[str, str | None]]:
    with database.transaction() as connection:
        return [tuple(row) for row in connection.execute(select(sends.c.state, sends.c.reason).order_by(sends.c.id))]


def deliver_all(carrier: Carrier) -> None:
    for turn in range(4):
        deliver(carrier, now=NOON + timedelta(hours=turn))


def test_each_yes_is_one_message_and_the_next_is_refused_before_the_call(
    database: Database, simulator: SimulatorProcess
) -> None:
    plan_waves(database, 3)
    say(database, GrantKind.GIVEN, "1")
    say(database, GrantKind.GIVEN, "2", at=LONG_AGO + timedelta(days=1))

    deliver_all(a_carrier(database, simulator, "wechat"))

    assert found(database) == [("accepted", None), ("accepted", None), ("refused", "no_permission")]
    assert sum(taken(simulator).values()) == 2


def test_a_member_nobody_ever_told_us_about_is_left_to_wechat(database: Database, simulator: SimulatorProcess) -> None:
    plan_waves(database, 3, members=2)
    say(database, GrantKind.GIVEN, "1", member="m2")
    say(database, GrantKind.GIVEN, "2", code="another template")  # It says nothing about this one.

    deliver_all(a_carrier(database, simulator, "wechat"))

    by_member = [found(database)[place::2] for place in range(2)]
    assert by_member[0] == [("accepted", None)] * 3
    assert by_member[1] == [("accepted", None), ("refused", "no_permission"), ("refused", "no_permission")]


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        ([GrantKind.DECLINED], "refused"),
        ([GrantKind.GIVEN, GrantKind.DECLINED], "accepted"),
        ([GrantKind.GIVEN, GrantKind.GIVEN, GrantKind.WITHDRAWN], "refused"),
        ([GrantKind.GIVEN, GrantKind.WITHDRAWN, GrantKind.GIVEN], "accepted"),
    ],
)
def test_a_withdrawal_ends_what_came_before_it_and_a_no_to_one_question_does_not(
    database: Database, simulator: SimulatorProcess, words: list[GrantKind], ends: str
) -> None:
    plan_waves(database, 1)
    for place in reversed(range(len(words))):  # Told in the wrong order, and twice.
        say(database, words[place], str(place), at=LONG_AGO + timedelta(days=place))
        say(database, words[place], str(place), at=LONG_AGO + timedelta(days=place))

    deliver_all(a_carrier(database, simulator, "wechat"))

    assert [state for state, _ in found(database)] == [ends]


@pytest.mark.parametrize(
    ("fault", "second"),
    [("unavailable", "accepted"), ("content_refused", "accepted"), ("answer_lost", "refused")],
)
def test_a_yes_is_given_back_only_where_the_message_surely_did_not_go(
    database: Database, tmp_path: Path, fault: str, second: str
) -> None:
    with a_simulator(tmp_path, faults=FaultRules(**{fault: 1.0})) as misbehaving:
        plan_waves(database, 1)
        say(database, GrantKind.GIVEN, "1")
        deliver(a_carrier(database, misbehaving, "wechat"), now=NOON)
    with database.transaction() as connection:  # However it ended, it is not tried again here.
        connection.execute(text("UPDATE sends SET state = 'failed', reason = 'test', lease_until = NULL, token = NULL"))
        plan_all(connection, make_campaign(connection, campaign="after", channels=["wechat"]))

    with a_simulator(tmp_path) as good:
        deliver_all(a_carrier(database, good, "wechat"))

    assert found(database)[-1][0] == second


def test_two_messages_of_one_window_do_not_share_a_yes(database: Database, simulator: SimulatorProcess) -> None:
    plan_waves(database, 2)
    say(database, GrantKind.GIVEN, "1")
    carrier = a_carrier(database, simulator, "wechat")

    first = deliver(carrier, now=NOON)

    assert first.outcomes == {OutcomeKind.ACCEPTED: 1}
    assert deliver(carrier, now=NOON).outcomes == {}
    assert sorted(found(database), key=str) == [("accepted", None), ("refused", "no_permission")]


def test_ways_that_need_no_yes_are_not_asked_for_one(database: Database, simulator: SimulatorProcess) -> None:
    plan_waves(database, 1, members=2)
    say(database, GrantKind.WITHDRAWN, "1")
    given: dict[str, object] = dict(account_settings(simulator)["wechat"])
    ways = {"ways": {"*": "mass"}, "articles": {"new-season": "MEDIA"}}
    provider = open_provider(str(given.pop("provider")), {**given, **ways})

    deliver_all(carried_by(a_carrier(database, simulator, "wechat"), provider))

    assert [state for state, _ in found(database)] == ["accepted", "accepted"]
    with database.transaction() as connection:
        assert set(connection.execute(select(attempts.c.permission)).scalars()) == {None}


def test_a_yes_stays_used_up_where_the_send_went_on_to_another_channel(
    database: Database, simulator: SimulatorProcess
) -> None:
    with database.transaction() as connection:
        make_members(connection, 1)
        terms = {"channels": ["wechat", "sms"], "fallback": {"unconfirmed_after": "1h"}}
        plan_all(connection, make_campaign(connection, **terms))
    say(database, GrantKind.GIVEN, "1")
    carrier = a_carrier(database, simulator, "wechat")
    deliver(carrier, now=NOON)
    later = NOON + timedelta(hours=1)
    with database.transaction() as connection:
        assert fall_back(connection, now=later).moved == 1
        plan_all(connection, make_campaign(connection, campaign="after", channels=["wechat"]), now=later)

    deliver(carrier, now=later)

    assert found(database) == [("waiting", None), ("refused", "no_permission")]
