"""How fast events are pulled from somebody else's database: ``python -m tests.bench.pulling [ROWS]``."""

import os
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from members.pulling.pulling import pull
from members.pulling.source import Source
from tests.bench.facts import NOW, own_database

ROWS = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
INSERT INTO sales SELECT n, 'm' || (n % 20000), datetime('2026-01-01', '+' || n || ' seconds'), n % 300 FROM numbers
"""


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder, own_database() as database:
        theirs = sqlite3.connect(Path(folder) / "till.db")
        theirs.execute("CREATE TABLE sales (id INTEGER PRIMARY KEY, card, at, total)")
        theirs.execute(ROWS.format(rows=rows))
        theirs.execute("CREATE INDEX sales_at ON sales (at, id)")
        theirs.commit()
        theirs.close()
        told = {"member": "card", "kind": "order.paid", "occurred_at": "at", "value": "total", "key": "id"}
        source = Source.model_validate({"source": "till", "table": "sales", "cursor": ["at", "id"], "map": told})
        for what in ("first", "again"):
            began = time.perf_counter()
            done = pull(database, source, f"sqlite:///{folder}/till.db", now=NOW, zone=ZoneInfo("UTC"), seconds=1e9)
            took = time.perf_counter() - began
            print(f"{what}: {done.stored} stored, {done.known} known in {took:.1f} s, {done.stored / took:,.0f} rows/s (load {os.getloadavg()[0]:.1f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
