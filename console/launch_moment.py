"""The moment that ``--at`` names, for commands that launch a campaign later or only as if."""

from datetime import datetime
from zoneinfo import ZoneInfo

from language.problems import refuse
from members.dates import read_moment
from members.member_rows import NO_MOMENT


def read_at(at: str, time_zone: str) -> datetime:
    """Read ``--at``: a day or moment, in the installation's time zone where it names none.

    Raises:
        InputRefused: it is neither.
    """
    moment = read_moment(at, ZoneInfo(time_zone))
    if moment is None:
        raise refuse(NO_MOMENT, field="--at")
    return moment
