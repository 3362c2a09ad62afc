"""The wait step, run when the wait is over: by its event, or by its time."""

from sqlalchemy import case, exists, literal

from database.tables import events
from journeys.groups import moving
from journeys.steps.standing import Standing


def run_wait(standing: Standing) -> None:
    """Send everybody here on, and record whether the awaited event came.

    The events are asked too: one that is stored but not looked at yet came all the same.
    """
    step = standing.step.wait
    assert step is not None
    if step.until is None:
        standing.send_on(standing.after, result="elapsed")
        return
    kind = step.until.event
    came = moving.c.waiting_for.is_(None) | exists().where(
        events.c.member_id == moving.c.member_id,
        events.c.kind == kind,
        events.c.occurred_at >= moving.c.step_since,
        events.c.occurred_at <= standing.now,
    )
    standing.send_on(standing.after, result=case((came, literal(kind)), else_=literal("elapsed")))
