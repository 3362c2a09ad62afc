"""Beijing's time as the pretend providers of the mainland write it, by code of the simulator's own."""

from datetime import datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))


def in_beijing(moment: datetime) -> str:
    """Write a moment as ``YYYY-MM-DD HH:MM:SS``."""
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
