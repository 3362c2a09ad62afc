"""What hand-overs to each provider came to."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

_CALLS = text("""
SELECT provider AS account, count(*) AS handed_over,
    count(*) FILTER (WHERE outcome = 'accepted') AS accepted,
    count(*) FILTER (WHERE outcome = 'rejected') AS rejected,
    count(*) FILTER (WHERE outcome = 'not_sent') AS not_sent,
    count(*) FILTER (WHERE outcome = 'unknown' OR outcome IS NULL) AS unknown,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - marked_at)) AS seconds_p50,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - marked_at)) AS seconds_p99,
    (SELECT code FROM attempts AS others
     WHERE others.provider = attempts.provider AND others.marked_at >= :since
       AND others.outcome <> 'accepted' AND others.code IS NOT NULL
     GROUP BY code ORDER BY count(*) DESC, code LIMIT 1) AS commonest_code
FROM attempts WHERE marked_at >= :since GROUP BY provider ORDER BY provider
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class Calls:
    """One account's answers since a moment."""

    account: str
    handed_over: int
    accepted: int
    rejected: int
    not_sent: int
    unknown: int  #: lost answers, and those not recorded so far
    seconds_p50: float | None  #: from the mark to the recorded answer; None: none is recorded
    seconds_p99: float | None
    commonest_code: str | None  #: the provider's own code that stood most often with what was not accepted


def count_calls(connection: Connection, *, since: datetime) -> list[Calls]:
    """Count the hand-overs marked since then, account by account."""
    rows = connection.execute(_CALLS, {"since": since}).mappings()
    return [
        Calls(
            **{
                **row,
                "seconds_p50": None if row["seconds_p50"] is None else round(float(row["seconds_p50"]), 4),
                "seconds_p99": None if row["seconds_p99"] is None else round(float(row["seconds_p99"]), 4),
            }
        )
        for row in rows
    ]
