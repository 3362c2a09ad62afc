"""The few forms that columns and constraints of our tables come in, and the one collection of tables."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql.elements import TextClause

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_index",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
metadata = MetaData(naming_convention=NAMING)


def id_column() -> Column[int]:
    return Column("id", BigInteger, Identity(), primary_key=True)


def moment(name: str, *, default: bool = False, required: bool = False) -> Column[object]:
    now = func.now() if default else None
    return Column(name, DateTime(timezone=True), nullable=not (default or required), server_default=now)


def member_column() -> Column[int]:
    return Column("member_id", BigInteger, ForeignKey("members.id"), nullable=False)


def only_member() -> Column[int]:
    """Return the key of a table that has at most one row per member, or one per member and something else."""
    return Column("member_id", BigInteger, ForeignKey("members.id"), primary_key=True)


def words(name: str, *, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def drawn_arm() -> ForeignKeyConstraint:
    columns = ["experiment_id", "member_id", "arm"]
    return ForeignKeyConstraint(columns, [f"assignments.{column}" for column in columns])


def one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_is_known")


def index(
    name: str | None, *columns: str | TextClause, unique: bool = False, where: str | None = None, include: str = ""
) -> Index:
    condition = text(where) if where else None
    return Index(name, *columns, unique=unique, postgresql_include=include.split(), postgresql_where=condition)


def table(name: str, *parts: SchemaItem) -> Table:
    return Table(name, metadata, *parts)


CHANNELS = ("sms", "email", "wechat")
