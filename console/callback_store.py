"""Keep what several callbacks told, in one transaction."""

from collections.abc import Sequence

from campaigns.delivery import installation_mark
from campaigns.sends import store_reports
from channels.message import Callback
from config.wiring import Application
from console.replies import follow_replies
from database.engine import read_clock


def store_callbacks(application: Application, told: Sequence[Callback]) -> None:
    """Keep the delivery reports, and follow the replies."""
    reports = [report for callback in told for report in callback.reports]
    replies = [reply for callback in told for reply in callback.replies]
    with application.database.transaction() as connection:
        now, secret = read_clock(connection), application.secret
        store_reports(connection, reports, installation=installation_mark(secret), now=now)
        if replies:
            follow_replies(connection, replies, secret=secret, now=now)
