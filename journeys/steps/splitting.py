"""The split step: shares drawn by hash, so that a member always draws the same."""

from decimal import Decimal

from sqlalchemy import String, cast, literal

from campaigns.control import BUCKETS, bucket_in_sql
from journeys.groups import moving
from journeys.steps.standing import Standing


def split_salt(journey: str, names: list[str]) -> str:
    """Return the salt of a split: renaming its shares draws anew, moving the step in the file does not."""
    return f"split:{journey}:{'/'.join(names)}"


def run_split(standing: Standing) -> None:
    """Send each share its way.  The draw is independent of the control group's, whose salt is another."""
    arms = standing.step.split or ()
    salt = split_salt(standing.published.name, [arm.name for arm in arms])
    bucket = bucket_in_sql(literal(salt), cast(moving.c.member_id, String))
    below = Decimal(0)
    for number, arm in enumerate(arms):
        below += arm.share
        standing.send_on(standing.way(number), result=arm.name, where=bucket < literal(below * BUCKETS))
