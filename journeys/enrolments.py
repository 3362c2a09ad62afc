"""The only writer of an enrolment's state: entry, moves, waits, exits and ends, a set at a time."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    FromClause,
    Select,
    String,
    Update,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from campaigns.control import assign
from campaigns.sends.cancelling import cancel_for_enrolments
from database.tables import assignments, enrolments, events, members, step_runs
from journeys.groups import arrived, entering, insert_counted, moving
from journeys.journey import Step
from journeys.local_time import in_sql, next_instant
from journeys.published import Published

ENTERING = ["member_id", "entry_key", "entered_at", "trigger_event_id"]
#: That an enrolment is under way: written out, so that a plan which is made once and kept can use a partial index.
IS_ACTIVE = enrolments.c.state == literal("active", literal_execute=True)

#: The moment that a statement which is built once happens at.
MOMENT = bindparam("moment", type_=DateTime(timezone=True))

OVER = {"due_at": None, "waiting_for": None, "step": ""}


# ---------------------------------------------------------------- entering


_THOSE_ENTERING = select(entering.c.member_id)


def enter(connection: Connection, published: Published, candidates: Select[Any], *, now: datetime) -> int:
    """Enrol the candidates (columns as ``ENTERING``) and return how many entered.

    Where the journey holds a share back, each member's arm is drawn first and kept; an
    enrolment without its assignment cannot be written.
    """
    if not insert_counted(connection, entering.insert().from_select(ENTERING, candidates)):
        return 0
    source: FromClause = entering
    experiment: ColumnElement[Any] = null()
    arm: ColumnElement[Any] = null()
    if published.experiment_id is not None:
        assign(connection, published.experiment_id, _THOSE_ENTERING, now=now)
        experiment, arm = assignments.c.experiment_id, assignments.c.arm
        source = entering.join(
            assignments,
            and_(
                assignments.c.member_id == entering.c.member_id, assignments.c.experiment_id == published.experiment_id
            ),
        )
    due_at, waiting_for = _arrival(connection, published, published.steps["0"], entering.c.member_id, now=now)
    rows = select(
        literal(published.id),
        literal(published.name),
        entering.c.member_id,
        entering.c.entry_key,
        experiment,
        arm,
        literal("0"),
        entering.c.entered_at,
        due_at,
        literal(waiting_for, String),
        in_sql(now),
        entering.c.trigger_event_id,
    ).select_from(source)
    columns = [
        "journey_id", "journey_name", "member_id", "entry_key", "experiment_id", "arm", "step", "entered_at",
        "due_at", "waiting_for", "step_since", "trigger_event_id",
    ]  # fmt: skip
    entered = insert_counted(connection, upsert(enrolments).from_select(columns, rows).on_conflict_do_nothing())
    connection.execute(delete(entering))
    return entered


def _arrival(
    connection: Connection, published: Published, step: Step, member: ColumnElement[int], *, now: datetime
) -> tuple[ColumnElement[datetime], str | None]:
    """Say when a member who arrives at ``step`` is due, and which event would make it sooner."""
    wait = step.wait
    if wait is None:
        return in_sql(now), None
    event = wait.until.event if wait.until else None
    ready = now + wait.lasts if wait.lasts else now
    if wait.until_time is None:
        return in_sql(ready), event
    if published.journey.time_zone != "member":
        return in_sql(next_instant(ready, wait.until_time, published.journey.time_zone)), event
    # Few zones, many members: each zone's instant is worked out once, with its clock changes.
    zones = connection.execute(select(members.c.time_zone).distinct().where(members.c.id.in_(select(member)))).scalars()
    own = select(members.c.time_zone).where(members.c.id == member).scalar_subquery()
    instants = {zone: in_sql(next_instant(ready, wait.until_time, zone)) for zone in zones}
    return (case(instants, value=own) if instants else in_sql(ready)), event


# ---------------------------------------------------- what events do to those inside


def hold_members_of_arrived(connection: Connection, kinds: Collection[str]) -> None:
    """Wait for whoever is moving members to whom one of ``kinds`` has just happened, and hold them.

    Without it an event could be looked at while its member is on the way into the wait
    that it should end, and be missed by both.
    """
    concerned = select(arrived.c.member_id).where(arrived.c.kind.in_(kinds))
    held = (
        select(enrolments.c.id)
        .where(enrolments.c.member_id.in_(concerned), IS_ACTIVE)
        .order_by(enrolments.c.id)
        .with_for_update()
        .subquery()
    )
    connection.execute(select(func.count()).select_from(held))


def wake(connection: Connection, *, now: datetime) -> int:
    """End the waits that an arrived event was awaited by; return how many."""
    ended = (
        update(enrolments)
        .values(due_at=func.least(enrolments.c.due_at, in_sql(now)), waiting_for=None)
        .where(
            IS_ACTIVE,
            enrolments.c.member_id == arrived.c.member_id,
            enrolments.c.waiting_for == arrived.c.kind,
            arrived.c.occurred_at >= enrolments.c.step_since,
        )
    )
    return connection.execute(ended).rowcount


def exit_on_arrived(connection: Connection, rules: Sequence[tuple[int, str]], *, now: datetime) -> int:
    """Let members out whose journey (id, kind of event) ends with an arrived event; return how many.

    Messages of such an enrolment that have not left yet are cancelled, also where the
    member had already walked the journey to its end.
    """
    concerned = and_(
        enrolments.c.member_id == arrived.c.member_id,
        tuple_(enrolments.c.journey_id, arrived.c.kind).in_(rules),
        arrived.c.occurred_at > enrolments.c.entered_at,
    )
    left = (
        update(enrolments)
        .values(state="exited", ended_at=now, end_reason=arrived.c.kind, **OVER)
        .where(IS_ACTIVE, concerned)
    )
    count = connection.execute(left).rowcount
    ended = select(enrolments.c.id).where(concerned, enrolments.c.state.in_(("exited", "finished")))
    cancel_for_enrolments(connection, ended, reason="exited")
    return count


# ------------------------------------------------------------------- moving


_DUE = (
    select(
        enrolments.c.id.label("enrolment_id"),
        enrolments.c.member_id,
        enrolments.c.journey_id,
        enrolments.c.step,
        enrolments.c.visit,
        enrolments.c.step_since,
        enrolments.c.waiting_for,
        enrolments.c.entered_at,
        enrolments.c.experiment_id,
        enrolments.c.arm,
    )
    .where(
        IS_ACTIVE, enrolments.c.due_at <= MOMENT, enrolments.c.journey_id.in_(bindparam("versions", expanding=True))
    )
    .order_by(enrolments.c.due_at)
    .limit(bindparam("most", type_=BigInteger))
    .with_for_update(skip_locked=True)
)
_CLAIM = moving.insert().from_select(_DUE.selected_columns.keys(), _DUE)
_RECORD = step_runs.insert().from_select(
    ["enrolment_id", "visit", "step", "kind", "run_at", "result"],
    select(moving.c.enrolment_id, moving.c.visit, moving.c.step, moving.c.kind, MOMENT, moving.c.result),
)


def claim_due(connection: Connection, versions: Collection[int], *, now: datetime, limit: int) -> int:
    """Hold due enrolments of these journey versions and list them in ``moving``; return how many."""
    return insert_counted(connection, _CLAIM, {"moment": now, "versions": list(versions), "most": limit})


_FIND_EXITS = (
    update(moving)
    .values(kind="exit")
    .where(
        moving.c.journey_id == bindparam("journey", type_=BigInteger),
        exists().where(
            events.c.member_id == moving.c.member_id,
            events.c.kind.in_(bindparam("exits", expanding=True)),
            events.c.occurred_at > moving.c.entered_at,
            events.c.occurred_at <= MOMENT,
        ),
    )
)


def exit_before_moving(connection: Connection, published: Published, *, now: datetime) -> int:
    """Let out those in ``moving`` to whom an exit event has happened since they entered; return how many.

    Such an event may be stored and not looked at yet, or have come with the entry in one batch.
    """
    if not published.journey.exit_events:
        return 0
    asked = {"journey": published.id, "exits": sorted(published.journey.exit_events), "moment": now}
    if not connection.execute(_FIND_EXITS, asked).rowcount:
        return 0
    leaving = moving.c.kind == "exit"
    count = connection.execute(_ending(leaving, "exited", literal("event")), {"moment": now}).rowcount
    cancel_for_enrolments(connection, select(moving.c.enrolment_id).where(leaving), reason="exited")
    connection.execute(delete(moving).where(leaving))
    return count


def _ending(who: ColumnElement[bool], state: str, reason: ColumnElement[str]) -> Update:
    return (
        update(enrolments)
        .values(state=state, ended_at=MOMENT, end_reason=reason, visit=moving.c.visit, **OVER)
        .where(enrolments.c.id == moving.c.enrolment_id, who)
    )


def record_steps(connection: Connection, *, now: datetime) -> int:
    """Keep what every step in ``moving`` decided; return how many steps were taken."""
    return insert_counted(connection, _RECORD, {"moment": now})


_IS_OVER = moving.c.next_step == ""
_LEAVE = _ending(and_(_IS_OVER, moving.c.kind == "exit"), "exited", moving.c.result)
_FINISH = _ending(and_(_IS_OVER, moving.c.kind != "exit"), "finished", literal("finished"))
_FORGET = delete(moving).where(_IS_OVER)


def end_those_who_are_through(connection: Connection, kinds: Collection[str], *, now: datetime) -> int:
    """End the enrolments in ``moving`` after which no step comes; return how many.

    ``kinds`` are those of the steps they come from: an exit step gives its own reason.
    """
    if "exit" in kinds:
        connection.execute(_LEAVE, {"moment": now})
    if set(kinds) != {"exit"}:
        connection.execute(_FINISH, {"moment": now})
    return connection.execute(_FORGET).rowcount


def settle_into_wait(connection: Connection, published: Published, path: str, *, now: datetime) -> None:
    """Let those in ``moving`` whose next step is the wait at ``path`` stay there until they are due."""
    here = and_(moving.c.journey_id == published.id, moving.c.next_step == path)
    due_at, waiting_for = _arrival(connection, published, published.steps[path], moving.c.member_id, now=now)
    staying = (
        update(enrolments)
        .values(step=path, visit=moving.c.visit + 1, step_since=now, due_at=due_at, waiting_for=waiting_for)
        .where(enrolments.c.id == moving.c.enrolment_id, here)
    )
    connection.execute(staying)
    connection.execute(delete(moving).where(here))


# ----------------------------------------------------------------- stopping


def stop_enrolments(connection: Connection, versions: Collection[int], *, reason: str, now: datetime) -> int:
    """End everybody inside these journey versions and cancel what has not left; return how many."""
    inside = and_(enrolments.c.journey_id.in_(versions), IS_ACTIVE)
    stopped = update(enrolments).values(state="stopped", ended_at=now, end_reason=reason, **OVER).where(inside)
    count = connection.execute(stopped).rowcount
    everybody = select(enrolments.c.id).where(enrolments.c.journey_id.in_(versions))
    cancel_for_enrolments(connection, everybody, reason="stopped")
    return count
