"""What templates may say of the event that began a member's way through a journey: the fact ``trigger``."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ARRAY, BigInteger, Connection, and_, any_, bindparam, select

from campaigns.sends import Unwritten
from database.tables import enrolments, events, sends

# Each is the member's own, whatever an id may have come to mean.
_READ = (
    select(sends.c.id, events.c.value, events.c.properties)
    .join(enrolments, and_(enrolments.c.id == sends.c.enrolment_id, enrolments.c.member_id == sends.c.member_id))
    .join(events, and_(events.c.id == enrolments.c.trigger_event_id, events.c.member_id == sends.c.member_id))
    .where(sends.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
)


def triggers_of(connection: Connection, unwritten: Sequence[Unwritten]) -> dict[int, Mapping[str, object]]:
    """Return what may be said of the events that began these sends' journeys, by send; others have none.

    These are an event's properties that are plain values, and its ``value``; lists and objects are left out.
    """
    rows = connection.execute(_READ, {"ids": [send.id for send in unwritten]})
    return {row.id: _plain({**row.properties, **({} if row.value is None else {"value": row.value})}) for row in rows}


def _plain(properties: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in properties.items() if value is not None and not isinstance(value, dict | list)}
