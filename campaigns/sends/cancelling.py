"""Stop sends that no provider has heard of."""

from collections.abc import Sequence

from sqlalchemy import Connection, Select, func, update

from campaigns.sends.earlier import no_more_channels
from campaigns.sends.states import SendState, may_become
from database.tables import sends


def _cancel(connection: Connection, *where: object, reason: str) -> int:
    done = connection.execute(
        update(sends)
        .where(may_become(SendState.CANCELLED), *where)  # type: ignore[arg-type]
        .values(
            state=SendState.CANCELLED,
            reason=reason,
            cost=sends.c.spent,
            then_channels=no_more_channels(),
            token=None,
            lease_until=None,
            state_at=func.clock_timestamp(),
        )
    )
    return done.rowcount


def cancel_for_enrolments(connection: Connection, enrolment_ids: Select[tuple[int]], *, reason: str) -> int:
    """Cancel what still waits for these enrolments; return how many."""
    return _cancel(connection, sends.c.enrolment_id.in_(enrolment_ids), reason=reason)


def cancel_for_campaign(connection: Connection, campaign_id: int, *, reason: str) -> int:
    """Cancel what still waits for a campaign; return how many."""
    return _cancel(connection, sends.c.campaign_id == campaign_id, reason=reason)


def cancel_for_members(connection: Connection, member_ids: Sequence[int], *, reason: str) -> int:
    """Cancel what still waits for these members; return how many."""
    return _cancel(connection, sends.c.member_id.in_(member_ids), reason=reason)


def cancel_listed(connection: Connection, send_ids: Sequence[int], *, reason: str) -> int:
    """Cancel those of these that still wait; return how many."""
    return _cancel(connection, sends.c.id.in_(send_ids), reason=reason)
