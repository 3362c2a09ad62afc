"""How fast events are pulled from somebody else's database: ``python -m tests.bench.pulling [ROWS] [mysql] [BATCH]``.

The other one is an SQLite file, or with ``mysql`` a MariaDB of this system with a till's table of fourteen columns.
"""

import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from members.pulling.pulling import pull
from members.pulling.source import Source
from tests.bench.facts import NOW, own_database
from tests.members.pulling.private_mariadb import private_server

ROWS = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
INSERT INTO sales SELECT n, 'm' || (n % 20000), datetime('2026-01-01', '+' || n || ' seconds'), n % 300 FROM numbers
"""


SALES = """
CREATE TABLE sales (id BIGINT PRIMARY KEY, card VARCHAR(40), type CHAR(1), at DATETIME(3), total DECIMAL(12, 2), `order` BIGINT,
    category VARCHAR(80), remark TEXT, store VARCHAR(20), gift TINYINT(1), giro BIT(1), weight DOUBLE, paid_at TIMESTAMP(3), opened TIME, KEY (at, id))
"""
SOLD = """
INSERT INTO sales SELECT seq, CONCAT('m', seq % 20000), IF(seq % 50 = 0, 'R', 'S'), '2026-01-01' + INTERVAL seq DIV 700 MINUTE, seq % 300,
    IF(seq % 50 = 0, seq - 1, NULL), ELT(1 + seq % 4, '龙井🍵', '咖啡', '点心', NULL), REPEAT('少糖😀', 20), 'S1', seq % 2, seq % 2, seq / 3,
    '2026-01-01' + INTERVAL seq SECOND, '10:30:00' FROM seq_1_to_{rows}
"""


@contextmanager
def a_file(rows: int) -> Iterator[tuple[str, dict[str, object]]]:
    """Make a till's file, and return its address and what is told of its columns."""
    with tempfile.TemporaryDirectory() as folder:
        theirs = sqlite3.connect(Path(folder) / "till.db")
        theirs.execute("CREATE TABLE sales (id INTEGER PRIMARY KEY, card, at, total)")
        theirs.execute(ROWS.format(rows=rows))
        theirs.execute("CREATE INDEX sales_at ON sales (at, id)")
        theirs.commit()
        theirs.close()
        yield f"sqlite:///{folder}/till.db", {"kind": "order.paid"}


@contextmanager
def a_server(rows: int) -> Iterator[tuple[str, dict[str, object]]]:
    """Run a MariaDB with a till's table, and return its address and what is told of its columns."""
    with private_server() as server:
        server.run(SALES, SOLD.format(rows=rows), database="shop")
        properties = {name: name for name in ("order", "category", "remark", "store", "gift", "giro", "weight", "paid_at", "opened")}
        yield server.address(), {"kind": {"column": "type", "kinds": {"S": "order.paid", "R": "order.refunded"}}, "properties": properties}


def main(rows: int, mysql: bool, batch: int) -> None:
    with (a_server if mysql else a_file)(rows) as (address, columns), own_database() as database:
        told = {"member": "card", "occurred_at": "at", "value": "total", "key": "id", **columns}
        source = Source.model_validate({"source": "till", "table": "sales", "cursor": ["at", "id"], "map": told, "batch": batch})
        for what in ("first", "again"):
            before, began = _largest(), time.perf_counter()
            done = pull(database, source, address, now=NOW, zone=ZoneInfo("UTC"), seconds=1e9)
            took = time.perf_counter() - began
            told_of = f"{what}: {done.stored} stored, {done.known} known, {done.refused} refused in {took:.1f} s, {done.stored / took:,.0f} rows/s"
            print(f"{told_of}, memory {before} to {_largest()} MB (load {os.getloadavg()[0]:.1f}) {done.problem or ''}")


def _largest() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:] if each.isdigit()]
    main(numbers[0] if numbers else 20_000, "mysql" in sys.argv, numbers[1] if len(numbers) > 1 else 2_000)
