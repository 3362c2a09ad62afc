"""What stands in a cell is written for people, whatever the command had in its hands."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from console.output import print_table, readable


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (datetime(2026, 11, 22, 17, 20, 48, 249525, tzinfo=UTC), "2026-11-22 17:20Z"),
        (datetime(2026, 11, 23, 1, 20, tzinfo=timezone(timedelta(hours=8))), "2026-11-22 17:20Z"),
        (date(2026, 11, 22), "2026-11-22"),
        (True, "✓"),
        (False, "✗"),
        (None, "—"),
        ({}, "—"),
        ([], "—"),
        ({"store": "S1", "order": 2, "gift": False}, "store: S1, order: 2, gift: ✗"),
        (["7d", "30d"], "7d, 30d"),
        ({"city": "上海", "tags": ["vip", "新客"], "none": []}, "city: 上海, tags: [vip, 新客], none: —"),
        ({"items": [{"sku": 1}, {"sku": 2, "n": 0}]}, "items: [{sku: 1}, {sku: 2, n: 0}]"),
        (Decimal("100.50"), "100.50"),
        (0, "0"),
        ("", ""),
    ],
)
def test_a_cell_reads_as_people_write(value: object, read: str) -> None:
    assert readable(value) == read


def test_a_table_shows_moments_and_answers_readably(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Consents", ("granted", "occurred_at"), [(True, datetime(2026, 11, 22, 17, 20, 48, 249525, tzinfo=UTC))])

    told = capsys.readouterr().out

    assert "✓" in told and "2026-11-22 17:20Z" in told
    assert "True" not in told and "48.249525" not in told
