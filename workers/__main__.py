"""``python -m workers worker | scheduler``: the processes of the road, without the console's weight."""

import sys

from config.logs import set_up_logs
from config.settings import read_settings
from workers.running import keep_working
from workers.scheduler import run_scheduler


def main(part: str) -> None:
    """Run one part until it is asked to end."""
    settings = read_settings()
    set_up_logs(settings.log_level)
    if part == "worker":
        keep_working(processes=settings.workers.processes, threads=settings.workers.threads)
    elif part == "scheduler":
        run_scheduler()
    else:
        raise SystemExit(f"there is no part {part}; expected worker or scheduler")


if __name__ == "__main__":
    main(*sys.argv[1:2])
