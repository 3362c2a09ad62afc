"""What a send keeps of the channels it left: what they cost, and the messages that may have arrived.

A send that never fell back has none of this, and each of these is what it was without.
"""

from datetime import datetime

from sqlalchemy import ARRAY, ColumnElement, Numeric, SmallInteger, Text, case, cast, func, literal, null

from database.tables import sends

NO_CHANNELS = cast(literal([], ARRAY(Text)), ARRAY(Text))
#: The hand-overs of a send of which none may have arrived any more; kept as NULL, as where there never were any.
NO_ATTEMPTS = cast(literal([], ARRAY(SmallInteger)), ARRAY(SmallInteger))


def cost_with(cost: ColumnElement[object]) -> ColumnElement[object]:
    """Return what a send costs in all where the hand-over on its present channel costs ``cost``."""
    return sends.c.spent + cast(cost, Numeric)


def counted_before() -> ColumnElement[object]:
    """Return when a send used up a cap, where nothing leaves on its present channel; NULL: never."""
    return case((sends.c.unconfirmed.is_not(None), sends.c.accepted_at), else_=null())


def no_more_channels() -> ColumnElement[object]:
    """Return the channels left to a send that must not be tried on another one: none.

    An empty list lets falling back look at it once more, for a message accepted before stands.
    """
    return case((sends.c.unconfirmed.is_not(None), NO_CHANNELS), else_=null())


def with_channel_left(why: ColumnElement[str]) -> ColumnElement[object]:
    """Return the channels a send has left where it leaves its present one too."""
    left = func.concat(sends.c.channel, ":", func.coalesce(why, "undelivered"))
    return func.array_append(sends.c.left_channels, left)


def confirm_by(accepted_at: ColumnElement[datetime]) -> ColumnElement[datetime]:
    """Return until when a delivery is awaited of what was accepted then; NULL: for ever."""
    return accepted_at + sends.c.confirm_within
