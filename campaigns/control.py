"""Who is held back: a share of members drawn by hash, and the decision, kept."""

import enum
import hashlib
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Insert,
    Integer,
    Select,
    SmallInteger,
    Text,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import BIT
from sqlalchemy.dialects.postgresql import insert as upsert

from database.tables import assignments, experiments

BUCKETS = 10_000
SEPARATOR = "\x1f"  #: stops campaign 4 with member 21 from hashing as campaign 42 with member 1


class Arm(enum.StrEnum):
    """Which side of an experiment a member is on."""

    TREATED = "treated"
    CONTROL = "control"


def bucket_of(salt: str, unit: str) -> int:
    """Return the unit's bucket, 0 to 9999, the same every time.

    The first 64 bits of SHA-256(salt, 0x1F, unit) are scaled to 10,000 evenly
    filled buckets; two salts divide the same units independently.
    """
    digest = hashlib.sha256(f"{salt}{SEPARATOR}{unit}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") * BUCKETS) >> 64


def bucket_in_sql(salt: ColumnElement[str], unit: ColumnElement[str]) -> ColumnElement[int]:
    """Return the same bucket as ``bucket_of``, worked out by PostgreSQL.

    A 64-bit product would overflow bigint, so the high and low 32 bits are scaled
    apart; dropping the low half's remainder first does not change the whole number.
    """
    digest = func.sha256(func.convert_to(salt + literal(SEPARATOR) + unit, "UTF8"))

    def half(start: int) -> ColumnElement[int]:
        bits = literal("x") + func.encode(func.substring(digest, start, 4), "hex")
        return cast(cast(bits, BIT(32)), BigInteger)

    low = half(5) * BUCKETS
    return cast((half(1) * BUCKETS + low.op(">>")(literal(32, Integer))).op(">>")(literal(32, Integer)), SmallInteger)


def arm_in_sql(bucket: ColumnElement[int], control_share: ColumnElement[Decimal]) -> ColumnElement[str]:
    """Return the arm that a bucket falls in."""
    return case((bucket < control_share * BUCKETS, Arm.CONTROL.value), else_=Arm.TREATED.value)


_PHASES = (
    select(experiments.c.id, experiments.c.control_share)
    .where(
        (experiments.c.name == bindparam("experiment"))
        | func.starts_with(experiments.c.name, bindparam("experiment", type_=Text) + "#")
    )
    .order_by(experiments.c.id)
)


def ensure_experiment(connection: Connection, name: str, *, salt: str, control_share: Decimal) -> int:
    """Return the experiment of this name and share, beginning it where there is none.

    A share that was changed begins a new phase, ``name#2`` and so on, with the same
    salt: a larger share keeps everybody who was held back before.
    """
    known = connection.execute(_PHASES, {"experiment": name}).all()
    if known and known[-1].control_share == control_share:
        return int(known[-1].id)
    phase = name if not known else f"{name}#{len(known) + 1}"
    begun = connection.execute(
        insert(experiments).values(name=phase, salt=salt, control_share=control_share).returning(experiments.c.id)
    ).scalar_one()
    return int(begun)


def assign(connection: Connection, experiment_id: int, group: Select[tuple[int]], *, now: datetime) -> None:
    """Draw an arm for every member of ``group`` (one column, member ids) who has none yet.

    Decisions already taken stay, whoever took them.  The statement is kept for the group that
    it was built for, so a caller who assigns often hands over the same select each time.
    """
    connection.execute(_drawing(group), {"assign_experiment": experiment_id, "assign_now": now})


@lru_cache(maxsize=128)
def _drawing(group: Select[tuple[int]]) -> Insert:
    members = group.subquery()
    member_id = members.c[0]
    bucket = bucket_in_sql(experiments.c.salt, cast(member_id, experiments.c.salt.type))
    drawn = (
        select(experiments.c.id, member_id, bucket.label("bucket"), experiments.c.control_share)
        .select_from(members.join(experiments, experiments.c.id == bindparam("assign_experiment", type_=BigInteger)))
        .distinct()
        .subquery()
    )
    rows = select(
        drawn.c[0], drawn.c[1], arm_in_sql(drawn.c.bucket, drawn.c.control_share), drawn.c.bucket,
        bindparam("assign_now", type_=DateTime(timezone=True)),
    ).order_by(drawn.c[1])
    columns = ["experiment_id", "member_id", "arm", "bucket", "decided_at"]
    return upsert(assignments).from_select(columns, rows).on_conflict_do_nothing()
