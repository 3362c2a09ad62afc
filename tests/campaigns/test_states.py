"""The ledger's moves: what is on the table may happen, and nothing else ever does."""

import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, select, text

from campaigns.sends import (
    MOVES,
    Answer,
    Rendered,
    SendState,
    SettlingRules,
    apply_reports,
    cancel_for_campaign,
    claim,
    close_old_doubt,
    doubt_expired_marks,
    fail_unrendered,
    fall_back,
    mark,
    record,
    reference_of,
    release,
    settle_found,
    settle_not_found,
    store_reports,
    take_back_claims,
    take_doubtful,
)
from campaigns.terms import Terms
from channels.message import Blame, DeliveryReport, Outcome, OutcomeKind, ReportStatus
from database.engine import Database
from database.tables import addresses, attempts, sends
from tests.makers import NOON, make_campaign, make_members

TOKEN = uuid.UUID(int=7)
HERE = "0123abcd"
PROVIDER = "sms.aliyun"
ELSEWHERE = "wechat.official_account"
AT_ONCE = SettlingRules(settle_after=timedelta(0), close_after=timedelta(0))
TERMS = Terms(purpose="marketing", quiet_hours=None, caps=())


#: What a send may have behind it, and before it: the channels it left, and those it may fall back to.
PASTS: dict[str, Mapping[str, object]] = {
    "one channel": {},
    "one of several": {"then_channels": ["email"]},
    "left one that accepted it": {"then_channels": ["email"], "unconfirmed": [1], "left_channels": ["wechat:unconfirmed"]},
    "left one, none to come": {"then_channels": [], "unconfirmed": [1], "left_channels": ["wechat:unconfirmed"]},
}


def a_send_in(connection: Connection, state: SendState, past: str = "one channel") -> int:
    """Put one send into ``state`` by hand, with the lease and attempts that belong to it."""
    campaign = make_campaign(connection)
    member_id = make_members(connection, 1)[0]
    planned = past == "one channel"  # Refused as it was planned, and not as it was marked.
    arm = {SendState.WITHHELD: "control", SendState.REFUSED: None if planned else "treated"}.get(state, "treated")
    behind = {} if state is SendState.WITHHELD else PASTS[past]
    earlier = 1 if "unconfirmed" in behind else 0
    if arm:
        connection.execute(
            text("INSERT INTO assignments VALUES (:experiment, :member, :arm, 0, :now)"),
            {"experiment": campaign.experiment_id, "member": member_id, "arm": arm, "now": NOON},
        )
    held = state in (SendState.CLAIMED, SendState.SUBMITTING, SendState.IN_DOUBT)
    heard = state in (
        SendState.SUBMITTING, SendState.IN_DOUBT, SendState.UNKNOWN, SendState.ACCEPTED, SendState.DELIVERED, SendState.FAILED,
    )  # fmt: skip
    reached = dict(
        connection.execute(select(addresses.c.channel, addresses.c.id).where(addresses.c.member_id == member_id)).all()
    )
    send_id = connection.execute(
        insert(sends)
        .values(
            campaign_id=campaign.id, member_id=member_id, occasion="test", channel="sms",
            address_id=reached["sms"], accepted_at=NOON if earlier else None, confirm_by=NOON if behind else None,
            earlier_attempts=earlier, **behind, template_version_id=campaign.template_version_id, purpose="marketing", state=state,
            reason="test" if state is SendState.REFUSED else None,
            experiment_id=campaign.experiment_id if arm else None, arm=arm, decided_at=NOON, not_before=NOON,
            expires_at=NOON + timedelta(days=1), token=TOKEN if held else None, provider=PROVIDER if heard else None,
            attempts=earlier + heard, lease_until=text("clock_timestamp() - interval '1 second'") if held else None,
        )
        .returning(sends.c.id)
    ).scalar_one()  # fmt: skip
    made = [(ELSEWHERE, "wechat", "accepted")] * earlier + [(PROVIDER, "sms", None)] * heard
    for number, (provider, channel, outcome) in enumerate(made, start=1):
        connection.execute(
            insert(attempts).values(
                send_id=send_id, number=number, provider=provider, address_id=reached[channel], marked_at=NOON, outcome=outcome
            )
        )
    return int(send_id)


def answered(kind: OutcomeKind) -> Callable[[Connection, int], object]:
    def write(connection: Connection, send_id: int) -> object:
        answer = Answer(send_id=send_id, attempt=made_by(connection, send_id), outcome=Outcome(kind=kind, blame=Blame.NOBODY))
        return record(connection, [answer], token=TOKEN, now=NOON, settle_after=timedelta(0))

    return write


def made_by(connection: Connection, send_id: int) -> int:
    return int(connection.execute(select(sends.c.attempts).where(sends.c.id == send_id)).scalar_one())


def reported(status: ReportStatus, provider: str = PROVIDER) -> Callable[[Connection, int], object]:
    def write(connection: Connection, send_id: int) -> object:
        report = DeliveryReport(provider=provider, key="1", status=status, reference=reference_of(send_id, HERE))
        store_reports(connection, [report], installation=HERE, now=NOON)
        return apply_reports(connection, now=NOON)

    return write


def asked_and_found(connection: Connection, send_id: int) -> object:
    token, doubtful = take_doubtful(connection, PROVIDER, limit=10, lease=timedelta(minutes=1))
    report = DeliveryReport(provider=PROVIDER, key="1", status=ReportStatus.DELIVERED)
    return [settle_found(connection, send, report, token=token, now=NOON) for send in doubtful]


def asked_and_not_found(connection: Connection, send_id: int) -> object:
    for _ in range(2):
        token, doubtful = take_doubtful(connection, PROVIDER, limit=10, lease=timedelta(minutes=1))
        settle_not_found(connection, doubtful, token=token, now=NOON, rules=AT_ONCE)
    return None


def marked(connection: Connection, send_id: int) -> object:
    member_id = connection.execute(select(sends.c.member_id).where(sends.c.id == send_id)).scalar_one()
    rendered = Rendered(id=send_id, member_id=member_id, parts=1, cost=0)  # type: ignore[arg-type]
    return mark(
        connection, [(TERMS, [rendered])], token=TOKEN, provider=PROVIDER, now=NOON, lease=timedelta(minutes=1)
    )


OPERATIONS: dict[str, Callable[[Connection, int], object]] = {
    "claim": lambda connection, _: claim(connection, "sms", now=NOON, limit=10, lease=timedelta(minutes=1)),
    "release": lambda connection, _: release(connection, TOKEN),
    "take back": lambda connection, _: take_back_claims(connection),
    "unrendered": lambda connection, send_id: fail_unrendered(connection, [(send_id, "test")], token=TOKEN),
    "mark": marked,
    "doubt": lambda connection, _: doubt_expired_marks(connection, AT_ONCE),
    "close": lambda connection, _: close_old_doubt(connection, AT_ONCE),
    "cancel": lambda connection, send_id: cancel_for_campaign(
        connection,
        connection.execute(select(sends.c.campaign_id).where(sends.c.id == send_id)).scalar_one(),
        reason="test",
    ),
    "found": asked_and_found,
    "not found": asked_and_not_found,
    **{f"answer {kind}": answered(kind) for kind in OutcomeKind},
    **{f"report {status}": reported(status) for status in ReportStatus},
    **{f"report {status} elsewhere": reported(status, ELSEWHERE) for status in ReportStatus},
    "fall back": lambda connection, _: fall_back(connection, now=NOON),
}


#: What was tried before, for several tests ask the same.
TRIED: dict[tuple[SendState, str], Mapping[str, SendState]] = {}


def moved_by(database: Database, start: SendState, operation: str, past: str) -> SendState:
    """Return where an operation moves a send, and leave nothing behind."""
    if (start, past) not in TRIED:
        with database.engine.connect() as connection, connection.begin() as transaction:
            send_id = a_send_in(connection, start, past)
            TRIED[start, past] = {tried: _moved(connection, send_id, tried) for tried in OPERATIONS}
            transaction.rollback()
    return TRIED[start, past][operation]


def _moved(connection: Connection, send_id: int, operation: str) -> SendState:
    """Return where an operation moves a send, and take that back."""
    trying = connection.begin_nested()
    OPERATIONS[operation](connection, send_id)
    end = connection.execute(select(sends.c.state).where(sends.c.id == send_id)).scalar_one()
    trying.rollback()
    return SendState(end)


@pytest.mark.parametrize("past", PASTS)
@pytest.mark.parametrize("start", SendState)
def test_nothing_makes_a_move_that_is_not_on_the_table(database: Database, start: SendState, past: str) -> None:
    ends = {operation: moved_by(database, start, operation, past) for operation in OPERATIONS}

    assert {operation: end for operation, end in ends.items() if end != start and end not in MOVES[start]} == {}


@pytest.mark.parametrize("past", PASTS)
def test_only_falling_back_lets_what_was_handed_over_or_refused_wait_for_another_channel(
    database: Database, past: str
) -> None:
    over = (SendState.ACCEPTED, SendState.FAILED, SendState.REFUSED)
    moved = {
        (start, operation)
        for start in over
        for operation in OPERATIONS
        if moved_by(database, start, operation, past) is SendState.WAITING
    }

    assert moved == ({(start, "fall back") for start in over} if PASTS[past].get("then_channels") else set())


def test_every_move_on_the_table_can_happen(database: Database) -> None:
    seen = {
        (start, moved_by(database, start, operation, past))
        for start in SendState for operation in OPERATIONS for past in PASTS
    }  # fmt: skip

    # Refusals need a reason to refuse; tests of marking show them.
    on_the_table = {(start, end) for start, ends in MOVES.items() for end in ends} - {(SendState.CLAIMED, SendState.REFUSED)}
    assert on_the_table <= seen
