"""Beijing's time, by which the mainland's providers count days and write moments."""

from datetime import UTC, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))


def moment(said: object) -> datetime | None:
    """Read ``YYYY-MM-DD HH:MM:SS``, which is Beijing's time, as aware UTC; None: it is not one."""
    try:
        return datetime.strptime(str(said), "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).astimezone(UTC)
    except (ValueError, OverflowError):  # The first and the last day there is lie beyond it in another zone.
        return None
