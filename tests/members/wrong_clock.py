"""A scheduler on a machine whose clock is wrong: ``python -m tests.members.wrong_clock URL DAYS UNTIL``."""

import datetime
import sys
import time

_right, _wrong_by = time.time, float(sys.argv[2]) * 86_400
_moment = datetime.datetime


class WrongMoment(_moment):
    """What this machine takes for the time of day."""

    @classmethod
    def now(cls, tz=None):
        return _moment.now(tz) + datetime.timedelta(seconds=_wrong_by)

    @classmethod
    def utcnow(cls):
        return _moment.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(seconds=_wrong_by)


def main() -> None:
    """Keep up until the database's clock has passed the end."""
    # Read only now, when the clock is wrong already.
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from database.engine import Database, read_clock  # noqa: PLC0415
    from members.upkeep import keep_up  # noqa: PLC0415

    database, until = Database(sys.argv[1]), _moment.fromisoformat(sys.argv[3])
    assert abs(time.time() - _right() - _wrong_by) < 60
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        with database.transaction() as connection:
            now = read_clock(connection)
        keep_up(database, zone=ZoneInfo("Asia/Shanghai"))
        if now >= until:
            return
        time.sleep(0.02)


if __name__ == "__main__":
    time.time = lambda: _right() + _wrong_by
    datetime.datetime = WrongMoment
    main()
