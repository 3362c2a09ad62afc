"""Kinds of members who resemble each other in chosen facts, and what is measured of each member for that.

A file says by which facts members are compared; whatever it leaves out is as here::

    clusters: kinds
    facts:
      - {fact: days_since_last_order, scale: log}
      - {fact: orders, scale: log}
      - {fact: average_order, scale: log}
    k: {from: 3, to: 8}      # or one number
    refit: 30d               # how often the borders are drawn anew
    seed: 1
    hour: 5

``scale: log`` compares by how many times more rather than by how much more; ``linear`` by how much.
A fact that is not known of a member counts as the middle one of those known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from sqlalchemy import ColumnElement, Connection, DateTime, Double, bindparam, cast, extract, select

from database.loyalty_tables import predictions
from database.member_tables import WINDOWS, order_facts
from database.tables import members
from language.problems import refuse
from members.durations import Duration
from members.insight.buying import Numbers
from members.insight.nights import Nightly
from members.mistakes import mistake

_NOW = bindparam("measured_at", type_=DateTime(timezone=True))
SECONDS_A_DAY = 86_400


def _days_since(moment: ColumnElement[datetime]) -> ColumnElement[float]:
    return cast(extract("epoch", _NOW - moment) / SECONDS_A_DAY, Double)


#: What members may be compared by.
FACTS: Mapping[str, ColumnElement[float]] = {
    name: cast(expression, Double)
    for name, expression in {
        "days_since_last_order": _days_since(order_facts.c.last_order_at),
        "days_since_first_order": _days_since(order_facts.c.first_order_at),
        **{name: order_facts.c[name] for name in ("orders", "spent", "refunded", "average_order", "days_between_orders")},
        **{f"{what}_{days}d": order_facts.c[f"{what}_{days}d"] for what in ("orders", "spent") for days in WINDOWS},
        **{name: predictions.c[name] for name in ("alive", "expected_orders", "expected_value")},
    }.items()
}


class Measure(BaseModel):
    """One fact by which members are compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fact: str
    scale: Literal["log", "linear"] = "log"

    @field_validator("fact")
    @classmethod
    def _is_known(cls, fact: str) -> str:
        near = get_close_matches(fact, FACTS, n=1)
        if fact not in FACTS and near:
            raise mistake("{name} is not known here; did you mean {near}?", name=fact, near=near[0])
        if fact not in FACTS:
            raise mistake("{name} is not known here; expected one of {known}", name=fact, known=", ".join(FACTS))
        return fact


Many = Annotated[int, Field(ge=2, le=20)]


class Span(BaseModel):
    """Between how many and how many clusters the best number is looked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_: Many = Field(3, alias="from")
    to: Many = 8

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.to < self.from_:
            raise mistake("to must not be less than from, which is {start}", start=self.from_)
        return self


class Clusters(Nightly):
    """By what members are compared, and into how many kinds."""

    kind: ClassVar[str] = "clusters"

    clusters: str
    facts: tuple[Measure, ...] = Field(
        (Measure(fact="days_since_last_order"), Measure(fact="orders"), Measure(fact="average_order")),
        min_length=1, max_length=12,
    )  # fmt: skip
    k: Many | Span = Span()
    refit: Duration = timedelta(days=30)
    seed: int = Field(1, ge=0, le=2**31)
    hour: int = Field(5, ge=0, le=23)

    @model_validator(mode="after")
    def _facts_differ(self) -> Self:
        names = [measure.fact for measure in self.facts]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise mistake("the fact {fact} is there twice", fact=twice)
        return self

    @property
    def numbers(self) -> range:
        """How many clusters are tried."""
        return range(self.k, self.k + 1) if isinstance(self.k, int) else range(self.k.from_, self.k.to + 1)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The chosen facts of everybody who ever ordered: a row per member, a column per fact."""

    member_ids: NDArray[np.int64]
    values: Numbers  #: NaN: not known
    cluster: Sequence[str | None]  #: where the member was so far


def measure_members(connection: Connection, definition: Clusters, current: Sequence[tuple[int, str]], *, now: datetime) -> Measured:
    """Read the chosen facts of every member with an order.

    Raises:
        InputRefused: nobody has orders, or a fact is known of nobody.
    """
    columns = [FACTS[measure.fact].label(measure.fact) for measure in definition.facts]
    found = connection.execute(
        select(order_facts.c.member_id, *columns)
        .join(members, members.c.id == order_facts.c.member_id)
        .outerjoin(predictions, predictions.c.member_id == order_facts.c.member_id)
        .where(order_facts.c.orders > 0, members.c.erased_at.is_(None), members.c.merged_into.is_(None))
        .order_by(order_facts.c.member_id),
        {"measured_at": now},
    ).all()
    if not found:
        raise refuse("nobody has facts about orders yet; there is nothing to compare")
    values = np.array([row[1:] for row in found], dtype=np.float64)
    unknown = next((each.fact for place, each in enumerate(definition.facts) if np.isnan(values[:, place]).all()), None)
    if unknown:
        raise refuse("the fact {fact} is known of nobody; leave it out or work it out first", fact=unknown)
    was = dict(current)
    ids = [row[0] for row in found]
    return Measured(member_ids=np.array(ids, dtype=np.int64), values=values, cluster=[was.get(one) for one in ids])
