"""One member's facts on the screen."""

from typing import Any

from console.output import in_words, print_table


def show_facts(orders: dict[str, Any], channels: list[dict[str, Any]]) -> None:
    """Print one member's facts of orders and channels, where there are any."""
    if orders:
        rows = [(in_words(name), value) for name, value in orders.items() if value is not None]
        print_table("Orders", ("field", "value"), rows)
    if channels:
        print_table("Channels", list(channels[0]), [list(row.values()) for row in channels])
