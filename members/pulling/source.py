"""A source: a table or a query in somebody else's database, and which of its columns is which of our fields.

::

    source: pos
    database: pos                       # the setting sources.pos holds its address
    table: sales
    cursor: [updated_at, receipt_no]    # in this order rows are read; the last one tells equals apart
    map: {member: card_no, kind: order.paid, occurred_at: sold_at, value: total, key: receipt_no}
    every: 15m
"""

import re
from datetime import timedelta, tzinfo
from typing import Annotated, ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, field_validator, model_validator

from members.definitions import Definition
from members.durations import Duration, duration_text, parse_duration
from members.mistakes import mistake
from members.person import ZONES

SETTING = re.compile(r"[a-z][a-z0-9_]{0,39}")  #: what can be said in an environment variable
_READS = re.compile(r"\s*(select|with)\b", re.IGNORECASE)

ColumnName = Annotated[str, Field(min_length=1, max_length=200)]


class KindByColumn(BaseModel):
    """The kind of event stands in a column: in our words, or in theirs with ``kinds`` to say what each means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: ColumnName
    kinds: dict[str, str] = Field(default_factory=dict, max_length=200)


def _kind(value: object) -> object:
    return value if isinstance(value, str | KindByColumn) else KindByColumn.model_validate(value)


class RowMap(BaseModel):
    """Our field on the left, the column on the right; ``kind`` is a constant or ``{column: …}``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    member: ColumnName  #: the member's key in the CRM
    occurred_at: ColumnName
    key: ColumnName  #: what the source calls this event, for ever; the same key again is the same event
    kind: Annotated[str | KindByColumn, BeforeValidator(_kind)]
    value: ColumnName | None = None
    properties: dict[str, ColumnName] = Field(default_factory=dict, max_length=200)

    def columns(self) -> list[str]:
        """Return every column named, once."""
        named = [self.member, self.occurred_at, self.key, *self.properties.values()]
        named += [self.kind.column] if isinstance(self.kind, KindByColumn) else []
        return list(dict.fromkeys([*named, *([self.value] if self.value else [])]))


def _overlap(value: object) -> object:
    if isinstance(value, timedelta) or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,10}\s*[smhdw]\s*", value, re.ASCII):
        return parse_duration(value)
    raise mistake(
        "expected a length of time such as 10m, or a whole number where the cursor counts; found {found}", found=repr(value)[:80]
    )


def _overlap_text(value: timedelta | int) -> str | int:
    return duration_text(value) if isinstance(value, timedelta) else value


Overlap = Annotated[timedelta | int, BeforeValidator(_overlap), PlainSerializer(_overlap_text)]


class Source(Definition):
    """Where rows are read, in which order, how often, and what events they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: ClassVar[str] = "source"

    source: str  #: also the source of its events: keys are unique within it
    database: str | None = None  #: the setting sources.NAME holds its address; None: the source's own name, - as _
    table: str | None = Field(None, pattern=r"^[\w$]+(\.[\w$]+)?$")  #: with its schema where it has one
    query: str | None = Field(None, max_length=20_000)  #: instead of a table
    cursor: tuple[ColumnName, ...] = Field(min_length=1, max_length=2)
    map: RowMap
    every: Duration = timedelta(minutes=15)
    overlap: Overlap | None = None  #: read again before the cursor, for rows that commit late; None: 10m, 0 for numbers
    time_zone: str | None = None  #: of moments without an offset; None: the installation's
    batch: int = Field(2_000, ge=1, le=20_000)

    @property
    def setting(self) -> str:
        """The name under which the settings hold the database's address."""
        return self.database or self.source.replace("-", "_").lower()

    def zone(self, otherwise: tzinfo) -> tzinfo:
        """Return the zone of its moments without an offset, the installation's where it names none."""
        return ZoneInfo(self.time_zone) if self.time_zone else otherwise

    def places(self) -> dict[str, str]:
        """Return every column named, and the field of this definition that names it."""
        told = self.map
        named = {column: f"map.properties.{name}" for name, column in told.properties.items()}
        named |= {column: f"map.{name}" for name in ("value", "key", "occurred_at", "member") if (column := getattr(told, name))}
        named |= {told.kind.column: "map.kind"} if isinstance(told.kind, KindByColumn) else {}
        return named | dict.fromkeys(self.cursor, "cursor")

    @field_validator("query")
    @classmethod
    def _only_reads(cls, query: str | None) -> str | None:
        if query is not None and (not _READS.match(query) or ";" in query.strip().rstrip(";")):
            raise mistake("expected one query that begins with SELECT or WITH")
        return query.strip().rstrip(";") if query else query

    @field_validator("every")
    @classmethod
    def _is_no_hurry(cls, every: timedelta) -> timedelta:
        if every < timedelta(minutes=1):
            raise mistake("at least 1m was expected; found {found}", found=duration_text(every))
        return every

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str | None) -> str | None:
        if name is not None and name not in ZONES:
            raise mistake("{zone} is no time zone; expected a name such as Asia/Shanghai", zone=name[:80])
        return name

    @model_validator(mode="after")
    def _reads_one_thing(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise mistake("expected either a table or a query")
        if not SETTING.fullmatch(self.setting):
            raise mistake(
                "{name} cannot name a setting; expected small letters, digits and underscores, such as pos_shanghai",
                name=repr(self.setting)[:80],
            )
        return self
