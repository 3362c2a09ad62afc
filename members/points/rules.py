"""What a programme of points says: what earns how many, on which days more, and when they expire."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from members.condition_model import Answers
from members.definitions import Definition
from members.durations import Duration
from members.mistakes import mistake
from members.person import ZONES

RuleName = Annotated[str, Field(pattern=r"^[\w-]{1,60}$")]
EventKind = Annotated[str, Field(pattern=r"^\w+([.\-]\w+)*$", max_length=100)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Times = Annotated[Decimal, Field(gt=0, le=100, max_digits=6, decimal_places=3)]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Part(BaseModel):
    """A piece of a programme's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EarnRule(Part):
    """One kind of event that earns points: so many each time, or so many ``per`` amount."""

    rule: RuleName
    event: EventKind
    points: Decimal = Field(gt=0, le=1_000_000, max_digits=12, decimal_places=3)
    per: Decimal | None = Field(None, gt=0, le=1_000_000, max_digits=12, decimal_places=2)  #: None: for the event itself
    where: Answers | None = None  #: what the event's own properties must be, such as {channel: {eq: shop}}
    once: bool = False  #: a task: the first such event of a member, and never again
    since: date | None = None  #: events from this day on; None: the programme's
    until: date | None = None  #: events before this day; None: for good

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.since and self.until and self.until <= self.since:
            raise mistake("until must be after since; found {since} and {until}", since=self.since, until=self.until)
        return self


class Multiplier(Part):
    """Days or members for whom points are multiplied; all that is said must hold."""

    times: Times
    days: tuple[date, ...] = ()
    weekdays: tuple[Weekday, ...] = ()
    days_of_month: tuple[Annotated[int, Field(ge=1, le=31)], ...] = ()
    birthday_month: bool = False  #: of a lunar birthday, the lunar month
    tiers: tuple[str, ...] = ()  #: as the member's tier was when the points were reckoned
    rules: tuple[RuleName, ...] = ()  #: which earn rules; none: all

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if not (self.days or self.weekdays or self.days_of_month or self.birthday_month or self.tiers):
            raise mistake("say when points are multiplied: days, weekdays, days_of_month, birthday_month or tiers")
        return self


class Expiry(Part):
    """When points expire: so many months after the day they were earned on, or at the end of a year."""

    months: int | None = Field(None, ge=1, le=120)
    years: int | None = Field(None, ge=0, le=10)  #: at the end of the year so many years later; 0: the same year

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.months is None) == (self.years is None):
            raise mistake("either months or years was expected, such as {example}", example="{months: 12}")
        return self


class PointsProgramme(Definition):
    """What a programme of points says."""

    kind: ClassVar[str] = "points"

    points: str
    since: date  #: events before this day earn nothing
    time_zone: str = "Asia/Shanghai"  #: whose days these are
    earn: tuple[EarnRule, ...] = Field(min_length=1, max_length=100)
    multiply: tuple[Multiplier, ...] = Field((), max_length=100)
    several: Literal["highest", "all"] = "highest"  #: of several multipliers the highest counts, or their product
    rounding: Literal["down", "nearest", "up"] = "down"
    spent_by: EventKind | None = None  #: events whose value is points spent elsewhere, such as points.redeemed
    expire: Expiry | None = None  #: None: never
    expire_soon: tuple[Duration, ...] = ()  #: how long before points expire this is told

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        if name not in ZONES:
            raise mistake("{zone} is no time zone; expected a name such as Asia/Shanghai", zone=repr(name)[:80])
        return name

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [rule.rule for rule in self.earn]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise mistake("{name} is defined twice", name=twice)
        unknown = next((name for each in self.multiply for name in each.rules if name not in names), None)
        if unknown is not None:
            raise mistake("{name} is no rule of earn; expected one of {known}", name=unknown, known=", ".join(names))
        if any(not timedelta(0) < before <= timedelta(days=366) for before in self.expire_soon):
            raise mistake("expire_soon takes lengths of time from 1s to 366d, such as [30d, 7d]")
        if self.spent_by in {rule.event for rule in self.earn}:
            raise mistake("{kind} earns points; it cannot be what spends them too", kind=self.spent_by)
        return self


def what_may_not_change(before: PointsProgramme, after: PointsProgramme) -> Sequence[tuple[int, str]]:
    """Name the earn rules, by place and name, that say something else than what orders have earned by.

    A rule's ``until`` may be set at any time, and a new rule must say since when it earns: otherwise the whole past
    would earn once more.
    """
    known = {rule.rule: rule for rule in before.earn}
    wrong = []
    for place, rule in enumerate(after.earn):
        old = known.get(rule.rule)
        if old is None:
            if rule.since is None:
                wrong.append((place, rule.rule))
        elif old.model_copy(update={"until": None}) != rule.model_copy(update={"until": None}):
            wrong.append((place, rule.rule))
    return wrong
