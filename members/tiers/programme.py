"""What a programme of tiers says: which there are, what each asks for, and how long one is kept."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from members.definitions import Definition
from members.durations import Duration
from members.mistakes import mistake
from members.person import ZONES

LevelName = Annotated[str, Field(min_length=1, max_length=100)]
DAY = timedelta(days=1)


class Level(BaseModel):
    """One tier and what it asks for."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: LevelName
    threshold: Decimal = Field(alias="from", ge=0, max_digits=14, decimal_places=2)  #: spend or orders in a period
    also: tuple[LevelName, ...] = ()  #: other names of it, in files of members or in earlier programmes


class TierProgramme(Definition):
    """The tiers of a programme, the lowest first."""

    kind: ClassVar[str] = "tiers"

    tiers: str
    measure: Literal["spent", "orders"] = "spent"
    counted: Literal["rolling", "calendar_year", "since_reaching"] = "rolling"
    period: Duration = Field(365 * DAY, ge=DAY, le=3660 * DAY)  #: not asked where calendar years are counted
    time_zone: str = "Asia/Shanghai"  #: whose New Year it is
    levels: tuple[Level, ...] = Field(min_length=2, max_length=20)
    grace: Duration = Field(timedelta(0), le=366 * DAY)  #: after a period, in which its missing part may be made up
    floor: LevelName | None = None  #: nobody who reached it falls below; None: the lowest
    drop_soon: tuple[Duration, ...] = ()  #: how long before a tier would be lost this is told
    refunded: Literal["undo", "keep"] = "undo"  #: what becomes of a tier that was reached by orders since given back

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        if name not in ZONES:
            raise mistake("{zone} is no time zone; expected a name such as Asia/Shanghai", zone=repr(name)[:80])
        return name

    @field_validator("levels")
    @classmethod
    def _rise(cls, levels: tuple[Level, ...]) -> tuple[Level, ...]:
        if levels and levels[0].threshold != 0:
            raise mistake("the lowest tier is everybody's: {name} must be from 0", name=levels[0].name)
        for lower, higher in pairwise(levels):
            if higher.threshold <= lower.threshold:
                raise mistake(
                    "tiers are listed from the lowest up; {higher} must ask for more than {lower}",
                    higher=higher.name,
                    lower=lower.name,
                )
        names = [name for level in levels for name in (level.name, *level.also)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise mistake("{name} is the name of two tiers", name=twice)
        return levels

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [level.name for level in self.levels]
        if self.floor is not None and self.floor not in names:
            raise mistake("floor: {name} is none of the tiers; expected one of {known}", name=self.floor, known=", ".join(names))
        if self.measure == "orders" and any(level.threshold % 1 for level in self.levels):
            raise mistake("orders are counted in whole numbers")
        if any(not timedelta(0) < before <= 366 * DAY for before in self.drop_soon):
            raise mistake("drop_soon takes lengths of time from 1s to 366d, such as [30d, 7d]")
        return self

    @property
    def floor_rank(self) -> int:
        """The rank, counted from 0, below which nobody falls who reached it."""
        return next((rank for rank, level in enumerate(self.levels) if level.name == self.floor), 0)

    def ranks(self) -> dict[str, int]:
        """Return the rank of every name a tier goes by."""
        return {name: rank for rank, level in enumerate(self.levels) for name in (level.name, *level.also)}
