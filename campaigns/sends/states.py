"""The states of a send, and every move between them that may be made."""

import enum
from collections.abc import Mapping

from sqlalchemy import ColumnElement, Text, and_, case, literal, or_

from database.tables import sends


class SendState(enum.StrEnum):
    """Where a send stands.  Every member considered has a send, and every send one of these."""

    WAITING = "waiting"  #: planned; its hour or its worker has not come
    CLAIMED = "claimed"  #: one worker holds it and nothing has been said to a provider
    SUBMITTING = "submitting"  #: marked: the provider may be hearing of it right now
    IN_DOUBT = "in_doubt"  #: the answer was lost; look-up, receipt or policy will settle it
    UNKNOWN = "unknown"  #: the doubt was closed by policy; it is never sent again by itself
    ACCEPTED = "accepted"  #: the provider took it
    DELIVERED = "delivered"  #: the provider says it arrived
    FAILED = "failed"  #: it did not arrive and will not
    WITHHELD = "withheld"  #: control arm; the row is there to be counted
    REFUSED = "refused"  #: the member may not be messaged; the reason says why
    CANCELLED = "cancelled"  #: stopped before a provider took it


S = SendState

#: What may follow what.  A worker moves CLAIMED and SUBMITTING on; a receipt may come at any
#: time after SUBMITTING began, also before our own record of the call, and what it proves wins:
#: a message that was delivered is delivered, whatever was decided about the send since.
#: Only falling back lets a send that FAILED, was REFUSED or ACCEPTED wait again, for another
#: channel, and only it lets one that comes to nothing there stand as ACCEPTED where it was.
MOVES: Mapping[SendState, frozenset[SendState]] = {
    S.WAITING: frozenset({S.CLAIMED, S.CANCELLED, S.DELIVERED}),
    S.CLAIMED: frozenset({S.SUBMITTING, S.WAITING, S.REFUSED, S.CANCELLED, S.FAILED, S.DELIVERED}),
    S.SUBMITTING: frozenset({S.ACCEPTED, S.WAITING, S.FAILED, S.IN_DOUBT, S.DELIVERED}),
    S.IN_DOUBT: frozenset({S.ACCEPTED, S.DELIVERED, S.FAILED, S.WAITING, S.UNKNOWN}),
    S.UNKNOWN: frozenset({S.ACCEPTED, S.DELIVERED, S.FAILED}),
    S.ACCEPTED: frozenset({S.DELIVERED, S.FAILED, S.WAITING}),
    # Some providers report a failure first and the delivery of a later try after it.
    S.FAILED: frozenset({S.DELIVERED, S.WAITING, S.ACCEPTED}),
    S.DELIVERED: frozenset(),
    S.WITHHELD: frozenset(),
    S.REFUSED: frozenset({S.WAITING, S.ACCEPTED, S.DELIVERED}),
    S.CANCELLED: frozenset({S.ACCEPTED, S.DELIVERED}),
}

#: States in which a provider may have heard of the send.
CARRIED = frozenset({S.SUBMITTING, S.IN_DOUBT, S.UNKNOWN, S.ACCEPTED, S.DELIVERED})


def is_in(*states: SendState) -> ColumnElement[bool]:
    """Return the condition that a send is in one of ``states``, for statements that name their rows by id.

    Written as a CASE because the planner would take a plain comparison for an invitation
    to walk a partial index of states, once per id.
    """
    return case((sends.c.state.in_(sorted(states)), True), else_=False)


def found_in(*states: SendState) -> ColumnElement[bool]:
    """Return the condition that a send is in one of ``states``, for statements that look for rows by their state.

    The names are written out, so that a plan which is made once and kept can use the
    partial index of those states.
    """
    return sends.c.state.in_([literal(state.value, Text, literal_execute=True) for state in sorted(states)])


def may_become(to: SendState) -> ColumnElement[bool]:
    """Return the condition under which a send's row may move to ``to``."""
    return sends.c.state.in_(sorted(start for start, following in MOVES.items() if to in following))


def may_make(moves: Mapping[SendState, ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return the condition that whichever of ``moves`` applies to a row is on the table."""
    return or_(*(and_(applies, may_become(to)) for to, applies in moves.items()))
