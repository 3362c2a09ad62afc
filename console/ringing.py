"""Tell the workers of new work, from a command that is about to end."""

from importlib import import_module


def ring_for_delivery(redis_url: str) -> None:
    """Ring for every channel.  What carries bells takes long to read, and few commands ring any."""
    import_module("workers.broker").connect(redis_url)
    bells = import_module("workers.bells")
    for channel in bells.DELIVERY:
        bells.ring(channel)
