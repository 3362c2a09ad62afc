"""Keep what several callbacks told, in one transaction."""

from collections.abc import Sequence

from campaigns.delivery import installation_mark
from campaigns.sends import store_reports
from channels.message import Callback
from config.wiring import Application
from console.visits import is_stop_word, stop_by_reply
from database.engine import read_clock
from members.addresses import fingerprint


def store_callbacks(application: Application, told: Sequence[Callback]) -> None:
    """Keep the delivery reports, and follow the replies."""
    with application.database.transaction() as connection:
        now, secret = read_clock(connection), application.secret
        reports = [report for callback in told for report in callback.reports]
        store_reports(connection, reports, installation=installation_mark(secret), now=now)
        for reply in (reply for callback in told for reply in callback.replies):
            if is_stop_word(reply.text):
                mark = fingerprint(secret, reply.channel.value, reply.address)
                stop_by_reply(connection, reply.channel.value, mark, source=reply.provider, now=now)
