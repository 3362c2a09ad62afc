"""What the incremental revenue cost: return on spend, profit, price of one more responder."""

from dataclasses import dataclass

from reports.interval import Interval


@dataclass(frozen=True, kw_only=True)
class Economics:
    """Every field is None where it would divide by zero or by an unknown."""

    cost: float  #: what the carriers billed, all sends of the treated arm, and the coupons of theirs that were redeemed
    iroas: float | None  #: incremental revenue per unit of cost
    iroas_interval: Interval
    profit: float | None  #: incremental revenue times margin, less cost
    roi: float | None
    roi_interval: Interval
    cost_per_incremental_responder: float | None
    break_even_per_member: float | None  #: incremental revenue per treated member that just pays


def economics(
    *,
    treated: int,
    cost: float,
    margin: float,
    revenue: float | None,
    revenue_interval: Interval,
    responders: float | None,
) -> Economics:
    """Set incremental revenue and responders against cost; ``margin`` is the gross share kept of revenue."""
    per_cost = None if revenue is None or cost <= 0 else revenue / cost
    interval = revenue_interval.scaled(1 / cost) if cost > 0 else Interval(None, None)
    return Economics(
        cost=cost,
        iroas=per_cost,
        iroas_interval=interval,
        profit=None if revenue is None else revenue * margin - cost,
        roi=None if per_cost is None else per_cost * margin - 1,
        roi_interval=interval.scaled(margin, -1.0),
        cost_per_incremental_responder=cost / responders if responders and responders > 0 else None,
        break_even_per_member=cost / treated / margin if treated and margin > 0 else None,
    )
