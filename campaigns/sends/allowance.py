"""Has this member allowed one more message of this template?  For providers where each yes is one message.

The ledger is what members told the provider (``permissions``) and what was handed over since
(``attempts.permission``): each yes is one message, and a withdrawal ends every yes before it.
What was accepted, may have been sent, or is being sent uses one up; what surely did not leave
or was turned down does not.  Of an address nobody has ever told us anything about one template
we know nothing, so the provider, which knows, is asked by the message itself.
"""

from sqlalchemy import CTE, ColumnElement, and_, case, false, func, or_, select
from sqlalchemy.sql.elements import SQLColumnExpression

from database.tables import addresses, attempts, permissions, sends


def allowance_verdicts(asked: CTE) -> list[tuple[ColumnElement[bool], str]]:
    """Return why a send may not go for want of a yes, in the order of the questions.

    ``asked`` has the columns ``permission``, the provider's template that needs one (NULL: none
    does), and ``alike``, how many sends to the same member under it stand before it.
    """
    needed = asked.c.permission.is_not(None)
    gone = case((needed, none_left(addresses.c.channel, addresses.c.fingerprint, asked.c.permission)), else_=false())
    return [(gone, "no_permission"), (and_(needed, asked.c.alike > 0), "in_turn")]


def none_left(
    channel: ColumnElement[str], fingerprint: SQLColumnExpression[bytes], code: ColumnElement[str]
) -> ColumnElement[bool]:
    """Say whether what an address allowed under a provider's template is used up or withdrawn; unheard of is neither."""
    told, given = permissions.alias("told"), permissions.alias("given")
    withdrawn = func.max(told.c.occurred_at).filter(told.c.kind == "withdrawn")
    known = (
        select(func.min(told.c.occurred_at).label("first_at"), withdrawn.label("withdrawn_at"))
        .where(told.c.channel == channel, told.c.fingerprint == fingerprint, told.c.template_code == code)
        .correlate_except(told)
        .lateral("known")
    )
    yes = (
        select(func.count())
        .where(given.c.channel == channel, given.c.fingerprint == fingerprint, given.c.template_code == code)
        .where(given.c.kind == "given", or_(known.c.withdrawn_at.is_(None), given.c.occurred_at > known.c.withdrawn_at))
        .correlate_except(given)
        .scalar_subquery()
    )
    holder, used = addresses.alias("holder"), sends.alias("used")
    went_to = func.coalesce(attempts.c.address_id, used.c.address_id)  # A send may have left that address since.
    uses = (
        select(func.count())
        .select_from(holder)
        .join(used, used.c.member_id == holder.c.member_id)
        .join(attempts, and_(attempts.c.send_id == used.c.id, went_to == holder.c.id))
        .where(holder.c.channel == channel, holder.c.fingerprint == fingerprint, attempts.c.permission == code)
        .where(or_(attempts.c.outcome.is_(None), attempts.c.outcome.in_(["accepted", "unknown"])))
        .where(attempts.c.marked_at >= func.greatest(known.c.first_at, known.c.withdrawn_at))
        .correlate_except(holder, used, attempts)
        .scalar_subquery()
    )
    asked = select(yes <= uses).select_from(known).where(known.c.first_at.is_not(None))
    return func.coalesce(asked.scalar_subquery(), false())
