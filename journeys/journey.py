"""What a journey is: who enters it and when, and the steps each member then takes."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NaiveDatetime,
    PlainSerializer,
    field_validator,
    model_validator,
)

from campaigns.campaign import NAME_FORM, ChannelName, Control, Goal, Title
from members.comparisons import NumberComparison
from members.condition_model import Answers
from members.durations import Duration
from members.mistakes import mistake

EVENT_FORM = r"^\w+([.\-]\w+)*$"

#: A condition as its file says it; ``members.conditions`` gives it its meaning.
ConditionText = dict[str, object]
EventKind = Annotated[str, Field(pattern=EVENT_FORM, max_length=100)]
Share = Annotated[Decimal, Field(gt=0, le=1, decimal_places=4)]


def _read_time(given: object) -> object:
    # YAML 1.1 reads an unquoted 10:00 as the number 600, base sixty.
    return f"{given // 60:02}:{given % 60:02}" if isinstance(given, int) else given


LocalTime = Annotated[
    time, BeforeValidator(_read_time), PlainSerializer(lambda at: f"{at:%H:%M}", return_type=str, when_used="json")
]


class Part(BaseModel):
    """A piece of a journey file: nothing unknown is let in, nothing changes once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _exactly_one(part: BaseModel) -> None:
    given = [field.alias or name for name, field in type(part).model_fields.items() if getattr(part, name) is not None]
    if len(given) != 1:
        kinds = ", ".join(field.alias or name for name, field in type(part).model_fields.items())
        raise mistake("exactly one of {kinds} was expected; found {given}", kinds=kinds, given=", ".join(given) or "-")


# ----------------------------------------------------------------- triggers


class EventTrigger(Part):
    """Members enter when something happens to them."""

    kind: EventKind
    first: bool = False  #: only on the member's first event of this kind
    value: NumberComparison | None = None  #: what the event's amount must be, such as {ge: 100}
    where: Answers | None = None  #: what the event's own properties must be, such as {city: {eq: 上海}}


class InactiveTrigger(Part):
    """Members enter after so long without an event they once had; a daily check finds them."""

    event: EventKind
    lasts: Duration = Field(alias="for")
    at: LocalTime = time(10)  #: of the member's day


class BirthdayTrigger(Part):
    """Members enter on their birthday, solar or lunar, or so many days around it."""

    days_before: int = Field(0, ge=-60, le=60)  #: negative: after the birthday
    at: LocalTime = time(10)


class AnniversaryTrigger(Part):
    """Members enter on the day, years later, on which they joined."""

    of: Literal["joined_at"] = "joined_at"
    days_before: int = Field(0, ge=-60, le=60)  #: negative: after the day
    at: LocalTime = time(10)


class ScheduleTrigger(Part):
    """The whole audience enters at one local time, or again and again."""

    at: NaiveDatetime | None = None  #: of the member's clock, such as 2026-10-01T10:00
    cron: str | None = None  #: five fields: minute hour day month weekday, of the member's day

    @model_validator(mode="after")
    def _is_at_or_cron(self) -> Self:
        _exactly_one(self)
        if self.cron is not None:
            try:
                CronSim(self.cron, datetime(2026, 1, 1, tzinfo=UTC))
            except CronSimError as error:
                raise mistake("cron has five fields such as 0 10 8 * *: {why}", why=error) from None
        return self


def _event_in_short(given: object) -> object:
    return {"kind": given} if isinstance(given, str) else given


class Trigger(Part):
    """What lets members in: exactly one of these."""

    event: Annotated[EventTrigger, BeforeValidator(_event_in_short)] | None = None
    inactive: InactiveTrigger | None = None
    birthday: BirthdayTrigger | None = None
    anniversary: AnniversaryTrigger | None = None
    schedule: ScheduleTrigger | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        _exactly_one(self)
        return self


class Reentry(Part):
    """When a member who was in the journey before may enter it again."""

    after: Duration  #: counted from the last entry

    @field_validator("after")
    @classmethod
    def _is_some_time(cls, after: timedelta) -> timedelta:
        if after <= timedelta(0):
            raise mistake("a time longer than nothing was expected, such as 180d")
        return after


class ExitRule(Part):
    """An event after which the member leaves at once, wherever they stand."""

    event: EventKind


# -------------------------------------------------------------------- steps


class SendStep(Part):
    """Ask a campaign to message everybody who stands here."""

    campaign: str = Field(pattern=NAME_FORM)
    channels: tuple[ChannelName, ...] | None = None  #: the first that may be used; None: the campaign's own order


class Until(Part):
    """What ends a wait early."""

    event: EventKind


class WaitStep(Part):
    """Stay for a time, or until a time of the member's day; an event may end it early."""

    lasts: Duration | None = Field(None, alias="for")
    until_time: LocalTime | None = None  #: after ``for``, if both are given
    until: Until | None = None

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if self.lasts is None and self.until_time is None:
            raise mistake("a wait says how long: for, until_time, or both")
        if self.lasts is not None and self.lasts <= timedelta(0):
            raise mistake("a time longer than nothing was expected, such as 3d")
        return self


class BranchArm(Part):
    """One way on: ``when`` with its ``steps``, or ``otherwise`` with the steps of all the rest."""

    when: ConditionText | None = None
    steps: tuple["Step", ...] | None = None
    otherwise: tuple["Step", ...] | None = None

    @model_validator(mode="after")
    def _is_when_or_otherwise(self) -> Self:
        if (self.when is None) == (self.otherwise is None) or (self.when is None) != (self.steps is None):
            raise mistake("an arm of a branch is either when with steps, or otherwise")
        return self


class SplitArm(Part):
    """A share of members, drawn once and for ever by hash, and their steps."""

    share: Share
    name: str = Field(pattern=NAME_FORM)
    steps: tuple["Step", ...] = ()  #: none: straight on


class ExitStep(Part):
    """Leave the journey here."""

    reason: str = Field("left", pattern=NAME_FORM)


class Step(Part):
    """One thing that happens to a member: exactly one of these."""

    send: SendStep | None = None
    wait: WaitStep | None = None
    branch: tuple[BranchArm, ...] | None = None
    split: tuple[SplitArm, ...] | None = None
    exit: ExitStep | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        _exactly_one(self)
        return self

    @property
    def kind(self) -> str:
        """Return ``send``, ``wait``, ``branch``, ``split`` or ``exit``."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)

    @property
    def ways(self) -> tuple[tuple["Step", ...], ...]:
        """Return the steps of each way out of a branch or split; empty for other kinds."""
        arms = tuple(arm.steps or arm.otherwise or () for arm in self.branch or ())
        return arms or tuple(arm.steps for arm in self.split or ())


class Journey(Part):
    """A journey as its file says it."""

    journey: str = Field(pattern=NAME_FORM)
    title: Title = Title()
    trigger: Trigger
    audience: ConditionText | None = None  #: asked at entry; None: everybody the trigger brings
    reentry: Reentry | Literal["never", "always"] | None = None  #: None: see ``reentry_rule``
    control: Control = Control()
    goal: Goal | None = None
    exit: tuple[ExitRule, ...] = ()
    time_zone: str = "member"  #: whose clock ``at`` and ``until_time`` mean: each member's own, or one named zone
    steps: tuple[Step, ...] = Field(min_length=1)

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            ZoneInfo("UTC" if zone == "member" else zone)
        except (KeyError, ValueError, OSError):
            raise mistake("member, or a time zone such as Asia/Shanghai, was expected") from None
        return zone

    @property
    def reentry_rule(self) -> Reentry | Literal["never", "always"]:
        """Return the rule as given, or the trigger's own: dates come back, events and silences let in once."""
        if self.reentry is not None:
            return self.reentry
        return "never" if self.trigger.event or self.trigger.inactive else "always"

    @property
    def exit_events(self) -> frozenset[str]:
        """Return the kinds of event that end the journey for a member."""
        return frozenset(rule.event for rule in self.exit)


def walk_steps(steps: tuple[Step, ...], prefix: str = "") -> Iterator[tuple[str, Step]]:
    """Yield every step with its path: ``0``, ``2.1.0`` is the first step of the second way of step 2."""
    for position, step in enumerate(steps):
        path = f"{prefix}{position}"
        yield path, step
        for way, inner in enumerate(step.ways):
            yield from walk_steps(inner, f"{path}.{way}.")


def following(journey: Journey) -> Mapping[str, str]:
    """Say for each step's path which step comes after it; empty: the journey is over."""
    after: dict[str, str] = {}

    def follow(steps: tuple[Step, ...], prefix: str, then: str) -> None:
        for position, step in enumerate(steps):
            path = f"{prefix}{position}"
            after[path] = f"{prefix}{position + 1}" if position + 1 < len(steps) else then
            for way, inner in enumerate(step.ways):
                follow(inner, f"{path}.{way}.", after[path])

    follow(journey.steps, "", "")
    return after
