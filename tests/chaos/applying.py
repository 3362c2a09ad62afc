"""``python -m tests.chaos.applying URL``: apply delivery reports as workers do, until nothing more comes in at the door."""

import sys
import threading
import time

from campaigns.sends import apply_reports
from database.engine import Database, read_clock

AT_ONCE = 2000


def main() -> None:
    database, over = Database(sys.argv[1]), threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    print("ready", flush=True)
    while not over.is_set():
        with database.transaction() as connection:
            applied = apply_reports(connection, now=read_clock(connection), limit=AT_ONCE)
        if applied < AT_ONCE:
            time.sleep(0.1)
    database.close()


if __name__ == "__main__":
    main()
