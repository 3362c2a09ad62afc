"""One member's facts on the screen, and whether more is to follow."""

from datetime import datetime
from typing import Any

from console.output import in_words, print_table, remark


def show_facts(orders: dict[str, Any], channels: list[dict[str, Any]]) -> None:
    """Print one member's facts of orders and channels, where there are any."""
    if orders:
        rows = [(in_words(name), shown(value)) for name, value in orders.items() if value is not None]
        print_table("Orders", ("field", "value"), rows)
    if channels:
        print_table("Channels", list(channels[0]), [[shown(value) for value in row.values()] for row in channels])


def shown(value: object) -> object:
    """Return a value for a table: moments to the minute, in UTC."""
    return f"{value:%Y-%m-%d %H:%M}Z" if isinstance(value, datetime) else value


def tell_more_follows(touched: bool) -> None:
    """Say on standard error, where a member's news waits to be worked out, who does that."""
    if touched:
        remark("News of this member is not worked out yet; that is done within seconds while tidings up (or worker and scheduler) runs.")
