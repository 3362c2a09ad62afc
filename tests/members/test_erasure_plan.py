"""Erasing a member reads what is theirs, however much there is of others."""

import json
from typing import Any

from sqlalchemy import text

from database.engine import Database
from members.erasure.register import HELD


def tables_read_whole(plan: dict[str, Any]) -> set[str]:
    """Return the tables that a plan reads from beginning to end."""
    here = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set()
    return here.union(*(tables_read_whole(part) for part in plan.get("Plans", ())))


def test_what_providers_reported_of_a_member_is_found_without_reading_all_reports(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))  # For the tables are small here: only where nothing else helps.
        asked = f"EXPLAIN (FORMAT JSON) UPDATE receipts SET raw = '{{}}' WHERE {HELD['receipts'].whose}"
        (told,) = connection.execute(text(asked), {"ids": [1]}).scalar_one()

    assert tables_read_whole(told["Plan"]) == set(), json.dumps(told, indent=1)
