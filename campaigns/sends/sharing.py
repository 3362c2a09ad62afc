"""One message per address: of several members who share a phone, one has the turn, whatever their arms.

A turn is a row, so that two planners at once cannot both give it: the second waits for the first and then
finds whose it is.  Addresses that only one member has now, nearly all of them, have no turns.
"""

from datetime import datetime, timedelta

from sqlalchemy import CTE, ColumnElement, FromClause, Interval, Text, and_, case, exists, literal, or_, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from database.member_tables import address_turns, order_facts
from database.tables import addresses

#: For how long a journey's campaign leaves an address to the member it was last given to.
JOURNEY_TURN = timedelta(days=1)
IN_JOURNEYS = "journey"


def is_shared(
    member_id: ColumnElement[int], channel: ColumnElement[str], fingerprint: ColumnElement[bytes]
) -> ColumnElement[bool]:
    """Say whether another member has this address now, too."""
    other = addresses.alias("other_holder")
    return (
        exists()
        .where(
            other.c.channel == channel,
            other.c.fingerprint == fingerprint,
            other.c.is_current,
            other.c.member_id != member_id,
        )
        .correlate_except(other)
    )


def occasion_of(choices: CTE) -> ColumnElement[str]:
    """Return that for which an address is written to once: a launch, or the day in journeys."""
    return case((choices.c.enrolment_id.is_(None), choices.c.occasion), else_=literal(IN_JOURNEYS, Text, literal_execute=True))


def is_anothers_turn(
    choices: CTE, channel: ColumnElement[str], fingerprint: ColumnElement[bytes], now: ColumnElement[datetime]
) -> ColumnElement[bool]:
    """Say whether the turn at an address is known to be another member's."""
    row = address_turns.alias("turn")
    return (
        exists()
        .where(row.c.campaign_id == choices.c.campaign_id, row.c.occasion == occasion_of(choices))
        .where(row.c.channel == channel, row.c.fingerprint == fingerprint, row.c.member_id != choices.c.member_id)
        .where(~_is_over(row, now))
        .correlate_except(row)
    )


def _is_over(row: FromClause, now: ColumnElement[datetime]) -> ColumnElement[bool]:
    return and_(row.c.occasion == IN_JOURNEYS, row.c.taken_at <= now - literal(JOURNEY_TURN, Interval))


def turns_taken(choices: CTE, now: ColumnElement[datetime]) -> CTE:
    """Take the turn at every shared address of ``choices``, and say whose it is.

    Among those of one batch it goes to whoever ordered last, then to the lowest id; whoever
    had it before them keeps it.
    """
    address = choices.c.campaign_id, occasion_of(choices), choices.c.channel, choices.c.fingerprint
    wanted = (
        select(*address, choices.c.member_id, now)
        .ext(distinct_on(*address))
        .select_from(choices.outerjoin(order_facts, order_facts.c.member_id == choices.c.member_id))
        .where(choices.c.shared)
        .order_by(
            *address,
            order_facts.c.last_order_at.desc().nulls_last(), choices.c.member_id,
        )
    )  # fmt: skip
    row = address_turns
    taking = insert(row).from_select(
        ["campaign_id", "occasion", "channel", "fingerprint", "member_id", "taken_at"], wanted
    )
    is_over = _is_over(row, taking.excluded.taken_at)
    # Whoever has the turn and is written to again has it for another day from then on.
    is_again = and_(row.c.occasion == IN_JOURNEYS, row.c.member_id == taking.excluded.member_id)
    return (
        taking.on_conflict_do_update(
            index_elements=["campaign_id", "occasion", "channel", "fingerprint"],
            set_={
                "member_id": case((is_over, taking.excluded.member_id), else_=row.c.member_id),
                "taken_at": case((or_(is_over, is_again), taking.excluded.taken_at), else_=row.c.taken_at),
            },
        )
        .returning(row.c.campaign_id, row.c.occasion, row.c.channel, row.c.fingerprint, row.c.member_id)
        .cte("turns")
    )


def turn_at(choices: CTE, turns: CTE) -> ColumnElement[bool]:
    """The condition that joins each of ``choices`` whose address is shared to the turn there."""
    return and_(
        choices.c.shared,
        turns.c.campaign_id == choices.c.campaign_id,
        turns.c.occasion == occasion_of(choices),
        turns.c.channel == choices.c.channel,
        turns.c.fingerprint == choices.c.fingerprint,
    )


def with_turns(choices: CTE, now: ColumnElement[datetime]) -> CTE:
    """Refuse everybody of ``choices`` whose address is another member's turn."""
    turns = turns_taken(choices, now)
    problem = case((turns.c.member_id != choices.c.member_id, "shared_address"), else_=choices.c.problem)
    carried = [column for column in choices.c if column.name != "problem"]
    return (
        select(*carried, problem.label("problem"))
        .select_from(choices.outerjoin(turns, turn_at(choices, turns)))
        .cte("settled")
        .prefix_with("MATERIALIZED")
    )
