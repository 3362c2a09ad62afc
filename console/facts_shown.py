"""One member's facts on the screen, and whether more is to follow."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from console.output import in_words, print_table, remark

#: Fields that hold shares, and fields that hold days; other numbers that are not whole are money or mean something like it.
RATES = frozenset({"alive", "response_rate"})
DAYS = frozenset({"days_between_orders"})


def show_facts(orders: dict[str, Any], channels: list[dict[str, Any]]) -> None:
    """Print one member's facts of orders and channels, where there are any."""
    if orders:
        rows = [(in_words(name), shown(value, name)) for name, value in orders.items() if value is not None]
        print_table("Orders", ("field", "value"), rows)
    if channels:
        print_table("Channels", list(channels[0]), rows_shown(channels))


def rows_shown(rows: Iterable[Mapping[str, Any]]) -> list[list[object]]:
    """Return the cells of rows that have the same fields, each for a table."""
    return [[shown(value, name) for name, value in row.items()] for row in rows]


def shown(value: object, name: str = "") -> object:
    """Return a value for a table, by the last word of its field's name.

    Shares are told in percent with one decimal, days whole, money and other numbers with a fraction with
    two decimals; the rest is ``print_table``'s.
    """
    if not isinstance(value, float | Decimal):
        return value
    field = name.rpartition(" ")[2]
    if field == "measured" and value == int(value):  # Tiers measure money or orders.
        return int(value)
    if field in RATES:
        return f"{value:.1%}"
    return Decimal(str(value)).quantize(Decimal(1) if field in DAYS else Decimal("0.01"), ROUND_HALF_UP)


def tell_more_follows(touched: bool) -> None:
    """Say on standard error, where a member's news waits to be worked out, who does that."""
    if touched:
        remark("News of this member is not worked out yet; that is done within seconds while tidings up (or worker and scheduler) runs.")
