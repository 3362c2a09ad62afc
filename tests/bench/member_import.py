"""P-5: members from a CSV file, numbers and mailboxes normalised, known members found again."""

import csv
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from members.importing import import_members
from tests.bench.copying import seconds_to_copy
from tests.bench.figures import Figure, Target, scaled
from tests.bench.installation import databases
from tests.bench.population import settle_down
from tests.makers import SECRET

ROWS = 100_000
HEADER = ("会员号", "姓名", "手机", "邮箱", "生日", "等级", "入会时间")


def measure(folder: Path, scale: float) -> list[Figure]:
    """Import a file of new members, each with a number, a mailbox and a birthday."""
    count = scaled(ROWS, scale)
    file = folder / "members.csv"
    _write(file, count)
    with databases(folder) as make:
        database = make("bench")
        settle_down(database)
        began = time.monotonic()
        done = import_members(
            database, file, now=datetime(2026, 8, 1, tzinfo=UTC), secret=SECRET, zone=ZoneInfo("Asia/Shanghai")
        )
        seconds = time.monotonic() - began
        if (done.new, done.refused, done.unusable_addresses) != (count, 0, 0) or done.unused_columns:
            raise RuntimeError(f"of {count} rows the import says {done}")
        settle_down(database)
        copying = seconds_to_copy(database, ["members", "addresses"])
    return [
        Figure(
            name="P-5",
            what="member import from CSV, normalised and deduplicated, two addresses each",
            value=count / seconds,
            unit="members/s",
            first=Target(at_least=15_000),
            reference=count / copying,
            reference_is="COPY of the same member and address rows into tables with the same columns and primary keys",
            sizes={"members": count, "addresses": 2 * count, "bytes": file.stat().st_size},
            seconds=seconds,
        )
    ]


def _write(file: Path, count: int) -> None:
    with file.open("w", encoding="utf-8", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(HEADER)
        for number in range(count):
            birthday = f"{1960 + number % 40}-{1 + number % 12:02d}-{1 + number % 28:02d}"
            written = f"138 {number // 10_000:04d} {number % 10_000:04d}"
            tier = ("gold", "silver", "basic")[number % 3]
            joined = f"2025-{1 + number % 12:02d}-03 10:00"
            rows.writerow((f"V{number:08d}", f"会员{number}", written, f"V{number}@Example.com", birthday, tier, joined))
