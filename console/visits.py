"""What the links in messages lead to: a recorded click, or the end of marketing on one channel."""

from datetime import datetime

from sqlalchemy import Connection, or_, select, union

from campaigns.pinned import pinned_template
from database.holding import hold_members
from database.tables import addresses, attempts, campaigns, members, sends, template_versions
from members.consent import suppress, withdraw
from members.events import NewEvent, record
from members.identity.following import rows_of_person
from templates.links import Click, Unsubscribe

LINKS = "links"  #: source of the events that clicks are


def follow(connection: Connection, click: Click, *, now: datetime | None) -> str | None:
    """Return where a clicked link leads and record the click, once per send and link.

    ``now`` None: only look.  The address comes from the pinned template and from nowhere
    else, so a link cannot be made to lead elsewhere.  None: no such send or link.
    """
    row = connection.execute(
        select(members.c.key, campaigns.c.name, template_versions.c.digest)
        .select_from(sends.join(members, members.c.id == sends.c.member_id))
        .join(campaigns, campaigns.c.id == sends.c.campaign_id)
        .join(template_versions, template_versions.c.id == sends.c.template_version_id)
        .where(sends.c.id == click.send_id)
    ).one_or_none()
    if row is None:
        return None
    compiled = pinned_template(connection, row.digest).compiled
    target = compiled.link_at(click.link_index)
    if target is not None and now is not None:
        event = NewEvent(
            source=LINKS,
            key=f"{click.send_id}:{click.link_index}",
            member_key=row.key,
            kind="message.clicked",
            occurred_at=now,
            properties={"campaign": row.name, "send": click.send_id, "link": compiled.link_names[click.link_index]},
        )
        record(connection, [event], now=now)
    return target


def member_exists(connection: Connection, wish: Unsubscribe) -> bool:
    """Say whether the member an unsubscribe link speaks of is known."""
    return connection.execute(select(members.c.id).where(members.c.id == wish.member_id)).first() is not None


def unsubscribe(connection: Connection, wish: Unsubscribe, *, source: str, now: datetime) -> None:
    """Withdraw consent to marketing on the channel and suppress the address; doing it again changes nothing more."""
    sent_to = union(
        select(sends.c.address_id).where(sends.c.id == wish.send_id),
        select(attempts.c.address_id).where(attempts.c.send_id == wish.send_id),
    )

    def stopped() -> tuple[list[int], list[bytes]]:
        rows = rows_of_person(connection, wish.member_id)
        theirs = (addresses.c.member_id.in_(rows), addresses.c.channel == wish.channel)
        found = select(addresses.c.fingerprint).where(*theirs, or_(addresses.c.is_current, addresses.c.id.in_(sent_to)))
        return rows, list(connection.execute(found).scalars())

    rows, marks = stopped()
    others = select(addresses.c.member_id).where(addresses.c.channel == wish.channel, addresses.c.fingerprint.in_(marks))
    hold_members(connection, [wish.member_id, *rows, *connection.execute(others).scalars()])  # At once: nobody waits in a ring.
    _, marks = stopped()  # A merge may have been waited for.
    withdraw(connection, wish.member_id, wish.channel, source=source, now=now, proof={"send": wish.send_id})
    suppress(connection, wish.channel, marks, reason="unsubscribed", source=source, now=now)
