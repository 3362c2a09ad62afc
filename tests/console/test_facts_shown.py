"""What a person reads of a member is rounded by its kind; what a program reads is exact."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from console.command import assemble
from console.facts_shown import shown
from database.engine import Database
from database.loyalty_tables import predictions
from database.member_tables import channel_facts, order_facts
from tests.makers import NOON, make_members


@pytest.mark.parametrize(
    ("name", "value", "seen"),
    [
        ("spent", Decimal("1234.5000"), "1234.50"), ("expected_value", 1234.5000001, "1234.50"), ("prediction expected_value", 0.005, "0.01"),
        ("cost", Decimal(20), "20.00"), ("days_between_orders", Decimal("12.50"), "13"), ("measured", Decimal("5.00"), "5"), ("measured", Decimal("5.50"), "5.50"), ("days_between_orders", 13.5, "14"),
        ("alive", 0.91239, "91.2%"), ("prediction alive", 0.99999, "100.0%"), ("response_rate", Decimal("0.3333"), "33.3%"),
        ("expected_orders", 1.500001, "1.50"), ("orders", 12, "12"), ("at_risk", False, "False"), ("cell", "loyal", "loyal"), ("spent", None, "None"),
    ],
)  # fmt: skip
def test_a_value_is_rounded_by_its_kind(name: str, value: object, seen: str) -> None:
    assert str(shown(value, name)) == seen


def test_pages_round_and_json_does_not(database: Database, redis_url: str, tmp_path: Path) -> None:
    with database.transaction() as connection:
        (one,) = make_members(connection, 1, channels=(), consenting=False)
        for table, values in (
            (predictions, {"alive": 0.912345, "expected_orders": 1.500001, "expected_value": 1234.5000001, "at_risk": False, "predicted_at": NOON}),
            (order_facts, {"orders": 3, "spent": 99.5, "refunded": 0, "average_order": 33.17, "days_between_orders": 12.6, "reckoned_at": NOON}),
            (channel_facts, {"channel": "sms", "received": 3, "answered": 1, "response_rate": 0.3333}),
        ):
            windows = {column.name: 0 for column in table.c if column.name.endswith("d") and column.name.partition("_")[2][:1].isdigit()}
            connection.execute(insert(table).values(member_id=one, **windows, **values))
    env = {
        "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False), "TIDINGS_REDIS_URL": redis_url,
        "TIDINGS_HOME": str(tmp_path / "home"), "TIDINGS_LANGUAGE": "en",
    }  # fmt: skip

    def asked(*words: str) -> str:
        return CliRunner().invoke(assemble(words[0]), list(words), env=env).stdout

    life, told = asked("members", "life", "m1"), json.loads(asked("members", "life", "m1", "--json"))
    for page in (life, asked("facts", "show", "m1"), asked("members", "show", "m1")):
        assert [seen for seen in ("99.50", "33.17", "33.3%") if seen not in page] == []
        assert "12.60" not in page
        assert "0.3333" not in page
    assert [seen for seen in ("91.2%", "1.50", "1234.50") if seen not in life] == []
    assert "0.912345" not in life
    assert "1234.5000001" not in life
    assert (told["prediction"]["expected_value"], told["orders"]["days_between_orders"]) == (1234.5000001, 12.6)
