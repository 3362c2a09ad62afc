"""Keep what providers told, in one transaction."""

from collections.abc import Sequence

from campaigns.carrier import installation_mark
from campaigns.contacts import follow_contacts, keep_grants
from campaigns.holders import find_holders, sender_of
from campaigns.replies import follow_replies
from campaigns.sends import store_reports
from channels.fitting import fitted
from channels.message import Callback
from database.engine import Database, read_clock


def store_told(database: Database, told: Sequence[Callback], *, secret: bytes) -> None:
    """Keep delivery reports and permissions, follow replies, and tell what members did as events of theirs."""
    told = [fitted(callback) for callback in told]
    reports = [report for callback in told for report in callback.reports]
    replies = [reply for callback in told for reply in callback.replies]
    contacts = [contact for callback in told for contact in callback.contacts]
    grants = [grant for callback in told for grant in callback.grants]
    with database.transaction() as connection:
        now = read_clock(connection)
        store_reports(connection, reports, installation=installation_mark(secret), now=now)
        if replies and contacts:
            # Each of the two holds its own members; held one after the other, two batches could wait in a ring.
            senders = [sender_of(reply, secret) for reply in replies]
            find_holders(connection, senders + [sender_of(contact, secret) for contact in contacts])
        if replies:
            follow_replies(connection, replies, secret=secret, now=now)
        if contacts:
            follow_contacts(connection, contacts, secret=secret, now=now)
        keep_grants(connection, grants, secret=secret, now=now)
