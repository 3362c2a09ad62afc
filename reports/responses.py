"""Responses: events credited to sends inside their window, by one rule and one clock for both arms.

The window opens when the member's arm was decided, never when a message was handed over
or arrived, so a member who was held back is looked at for exactly as long as one who was
not.  An event may be credited to several sends; a report counts it once per member.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, text

from database.tables import campaigns
from reports.goals import Goal, goal_of

#: How long after its window's end an event may still arrive and be credited by the ordinary pass.
LATENESS = timedelta(days=3)


@dataclass(frozen=True, kw_only=True)
class _CampaignGoal:
    campaign_id: int
    goal: Goal


CREDIT = text("""
INSERT INTO responses (send_id, event_id, value, occurred_at)
SELECT sends.id, events.id, CASE WHEN goals.counts_value THEN events.value END, events.occurred_at
FROM unnest(:campaign_ids ::bigint[], :events ::text[], :withins ::interval[], :values ::boolean[], :since ::timestamptz[])
     AS goals (campaign_id, event, within, counts_value, since)
JOIN events ON events.kind = goals.event AND events.occurred_at >= goals.since AND events.occurred_at <= :now
JOIN sends ON sends.member_id = events.member_id AND sends.campaign_id = goals.campaign_id
WHERE sends.arm IS NOT NULL
  AND events.occurred_at >= sends.decided_at
  AND events.occurred_at < sends.decided_at + goals.within
ON CONFLICT DO NOTHING
""")

# What a person does after two rows were merged counts for what was sent to the row that went, too.
CREDIT_MERGED = text(
    CREDIT.text.replace(
        "JOIN sends ON sends.member_id = events.member_id AND",
        "JOIN members gone ON gone.merged_into = events.member_id JOIN sends ON sends.member_id = gone.id AND",
    )
)


def credit(
    connection: Connection, *, now: datetime, since: datetime | None = None, campaign_ids: Collection[int] | None = None
) -> int:
    """Write the responses that are not yet written, and return how many there were.

    By default only windows are looked at that may still gain: those that are open, or
    closed less than ``LATENESS`` ago.  ``since`` looks at every event that happened
    from that moment on instead: a recent one makes a frequent call cheap, an old one
    credits history anew.  ``campaign_ids`` limits the work; None: every campaign.
    Repeating a call changes nothing.
    """
    goals = _goals(connection, campaign_ids)
    if not goals:
        return 0
    asked = {
        "campaign_ids": [each.campaign_id for each in goals],
        "events": [each.goal.event for each in goals],
        "withins": [each.goal.within for each in goals],
        "values": [each.goal.counts_value for each in goals],
        "since": [since or now - each.goal.within - LATENESS for each in goals],
        "now": now,
    }
    return sum(connection.execute(statement, asked).rowcount for statement in (CREDIT, CREDIT_MERGED))


def _goals(connection: Connection, campaign_ids: Collection[int] | None) -> Sequence[_CampaignGoal]:
    query = select(campaigns.c.id, campaigns.c.definition).order_by(campaigns.c.id)
    if campaign_ids is not None:
        query = query.where(campaigns.c.id.in_(campaign_ids))
    found = []
    for row in connection.execute(query):
        goal = goal_of(row.definition)
        if goal is not None:
            found.append(_CampaignGoal(campaign_id=row.id, goal=goal))
    return found
