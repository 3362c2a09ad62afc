"""The members a condition picks: all of them, how many, or some to look at."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.errors import QueryCanceled
from sqlalchemy import Connection, Integer, Select, and_, cast, func, not_, select, text
from sqlalchemy.exc import OperationalError

from database.tables import members
from language.problems import refuse
from members.condition_model import Condition
from members.condition_sql import clause
from members.durations import duration_text

#: Whoever is erased, or is another row's person by now, is in no segment.
IS_SOMEBODY = and_(members.c.erased_at.is_(None), members.c.merged_into.is_(None))


@contextmanager
def only_reading(connection: Connection, limit: timedelta) -> Iterator[None]:
    """Let the transaction, which must not have begun to ask, read only, and no statement take longer than ``limit``.

    Raises:
        InputRefused: a statement took longer.
    """
    connection.execute(text("SET TRANSACTION READ ONLY"))
    connection.execute(text("SET LOCAL work_mem = '64MB'"))  # What millions of events group into would go to disk else.
    # Every process groups all those events anew: a second worker costs more than it brings.
    connection.execute(text("SET LOCAL max_parallel_workers_per_gather = 1"))
    milliseconds = str(max(1, round(limit.total_seconds() * 1000)))
    connection.execute(text("SELECT set_config('statement_timeout', :limit, true)"), {"limit": milliseconds})
    try:
        yield
    except OperationalError as error:
        if not isinstance(error.orig, QueryCanceled):
            raise
        raise refuse(
            "the question took longer than {limit} and was stopped; ask less of it, or raise segment_timeout",
            limit=duration_text(limit),
        ) from None


def matching_members(
    condition: Condition, now: datetime, *, segments: Mapping[str, Condition] | None = None
) -> Select[tuple[int]]:
    """Return the query for the ids (``member_id``) of those, not erased, for whom the condition holds at ``now``."""
    holds = clause(condition, member=members.c.id, now=now, segments=segments, of_everybody=True)
    return select(members.c.id.label("member_id")).where(IS_SOMEBODY, holds)


def count_matching(
    connection: Connection, condition: Condition, now: datetime, *, segments: Mapping[str, Condition] | None = None
) -> int:
    """Count the members the condition picks at ``now``."""
    picked = matching_members(condition, now, segments=segments).subquery()
    return connection.scalar(select(func.count()).select_from(picked)) or 0


@dataclass(frozen=True, kw_only=True)
class PartCount:
    """What one part of a condition does to the count."""

    part: Condition
    holds: int  #: members for whom it holds
    leaves_out: int  #: of everybody, those for whom it does not
    alone_leaves_out: int  #: those whom every other part would take


@dataclass(frozen=True, kw_only=True)
class Counted:
    """How many members a condition picks, of how many, and what each of its parts leaves out."""

    everybody: int
    matching: int
    parts: tuple[PartCount, ...] = ()  #: the parts of an ``all`` at the top; else the whole


def count_parts(
    connection: Connection, condition: Condition, now: datetime, *, segments: Mapping[str, Condition]
) -> Counted:
    """Count members, and for each part of an ``all`` at the top how many it leaves out, in one statement."""
    parts = condition.all or [condition]
    asked = {
        f"part_{place}": clause(part, member=members.c.id, now=now, segments=segments, of_everybody=True)
        for place, part in enumerate(parts)
    }
    each = select(*(holds.label(name) for name, holds in asked.items())).where(IS_SOMEBODY).subquery()
    missed = sum((cast(not_(each.c[name]), Integer) for name in asked), start=cast(0, Integer))
    numbers = [func.count().label("everybody"), func.count().filter(missed == 0).label("matching")]
    for name in asked:
        numbers += [
            func.count().filter(each.c[name]).label(f"{name}_holds"),
            func.count().filter(not_(each.c[name]), missed == 1).label(f"{name}_alone"),
        ]
    found = connection.execute(select(*numbers).select_from(each)).mappings().one()
    everybody = int(found["everybody"])
    return Counted(
        everybody=everybody,
        matching=int(found["matching"]),
        parts=tuple(
            PartCount(
                part=part,
                holds=int(found[f"{name}_holds"]),
                leaves_out=everybody - int(found[f"{name}_holds"]),
                alone_leaves_out=int(found[f"{name}_alone"]),
            )
            for name, part in zip(asked, parts, strict=True)
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Picked:
    """A member to look at."""

    id: int
    key: str
    name: str
    tier: str | None


def some_members(
    connection: Connection,
    condition: Condition,
    now: datetime,
    *,
    segments: Mapping[str, Condition],
    limit: int,
    left_out: bool = False,
) -> list[Picked]:
    """Return some members the condition picks, or leaves out, in the order of a hash: the same ones every time."""
    holds = clause(condition, member=members.c.id, now=now, segments=segments, of_everybody=not left_out)
    found = connection.execute(
        select(members.c.id, members.c.key, members.c.name, members.c.tier)
        .where(IS_SOMEBODY, not_(holds) if left_out else holds)
        .order_by(func.md5(members.c.key), members.c.id)
        .limit(limit)
    )
    return [Picked(id=row.id, key=row.key, name=row.name, tier=row.tier) for row in found]
