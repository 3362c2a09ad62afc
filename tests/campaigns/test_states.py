"""The ledger's moves: what is on the table may happen, and nothing else ever does."""

import uuid
from collections.abc import Callable
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
from database.tables import attempts, sends
from tests.makers import NOON, make_campaign, make_members

TOKEN = uuid.UUID(int=7)
HERE = "0123abcd"
PROVIDER = "sms.aliyun"
AT_ONCE = SettlingRules(settle_after=timedelta(0), close_after=timedelta(0))
TERMS = Terms(purpose="marketing", quiet_hours=None, caps=())


def a_send_in(connection: Connection, state: SendState) -> int:
    """Put one send into ``state`` by hand, with the lease and attempt that belong to it."""
    campaign = make_campaign(connection)
    member_id = make_members(connection, 1)[0]
    arm = {SendState.WITHHELD: "control", SendState.REFUSED: None}.get(state, "treated")
    if arm:
        connection.execute(
            text("INSERT INTO assignments VALUES (:experiment, :member, :arm, 0, :now)"),
            {"experiment": campaign.experiment_id, "member": member_id, "arm": arm, "now": NOON},
        )
    held = state in (SendState.CLAIMED, SendState.SUBMITTING, SendState.IN_DOUBT)
    heard = state in (
        SendState.SUBMITTING, SendState.IN_DOUBT, SendState.UNKNOWN, SendState.ACCEPTED, SendState.DELIVERED,
    )  # fmt: skip
    address = text("(SELECT id FROM addresses WHERE member_id = :member AND channel = 'sms')").bindparams(member=member_id)
    send_id = connection.execute(
        insert(sends)
        .values(
            campaign_id=campaign.id, member_id=member_id, occasion="test", channel="sms",
            address_id=select(text("id")).select_from(text("addresses")).where(
                text("member_id = :member AND channel = 'sms'").bindparams(member=member_id)
            ).scalar_subquery(),
            template_version_id=campaign.template_version_id, purpose="marketing", state=state,
            reason="test" if state is SendState.REFUSED else None,
            experiment_id=campaign.experiment_id if arm else None, arm=arm, decided_at=NOON, not_before=NOON,
            expires_at=NOON + timedelta(days=1), token=TOKEN if held else None, provider=PROVIDER if heard else None,
            attempts=1 if heard else 0, lease_until=text("clock_timestamp() - interval '1 second'") if held else None,
        )
        .returning(sends.c.id)
    ).scalar_one()  # fmt: skip
    del address
    if heard:
        connection.execute(insert(attempts).values(send_id=send_id, number=1, provider=PROVIDER, marked_at=NOON))
    return int(send_id)


def answered(kind: OutcomeKind) -> Callable[[Connection, int], object]:
    def write(connection: Connection, send_id: int) -> object:
        answer = Answer(send_id=send_id, attempt=1, outcome=Outcome(kind=kind, blame=Blame.NOBODY))
        return record(connection, [answer], token=TOKEN, now=NOON, settle_after=timedelta(0))

    return write


def reported(status: ReportStatus) -> Callable[[Connection, int], object]:
    def write(connection: Connection, send_id: int) -> object:
        report = DeliveryReport(provider=PROVIDER, key="1", status=status, reference=reference_of(send_id, HERE))
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
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("start", SendState)
def test_nothing_makes_a_move_that_is_not_on_the_table(database: Database, start: SendState, operation: str) -> None:
    with database.transaction() as connection:
        send_id = a_send_in(connection, start)

    with database.transaction() as connection:
        OPERATIONS[operation](connection, send_id)

    with database.transaction() as connection:
        end = SendState(connection.execute(select(sends.c.state).where(sends.c.id == send_id)).scalar_one())
    assert end == start or end in MOVES[start]


def test_every_move_on_the_table_can_happen(database: Database) -> None:
    seen = set()
    for start in SendState:
        for write in OPERATIONS.values():
            with database.engine.connect() as connection, connection.begin() as transaction:
                send_id = a_send_in(connection, start)
                write(connection, send_id)
                end = connection.execute(select(sends.c.state).where(sends.c.id == send_id)).scalar_one()
                seen.add((start, SendState(end)))
                transaction.rollback()

    # Refusals need a reason to refuse; tests of marking show them.
    on_the_table = {(start, end) for start, ends in MOVES.items() for end in ends} - {(SendState.CLAIMED, SendState.REFUSED)}
    assert on_the_table <= seen
