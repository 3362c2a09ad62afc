"""What a campaign is: one thing said to an audience, with a control group and a goal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    field_validator,
    model_validator,
)

from campaigns.pinned import PinnedTemplate
from campaigns.rules import Cap, QuietHoursText
from language.documents import Document, read_document, validate
from language.problems import InputRefused, Problem
from members.conditions import Condition, parse_condition
from members.durations import Duration
from members.mistakes import mistake

ChannelName = Literal["sms", "email", "wechat"]
NAME_FORM = r"^[a-z0-9][a-z0-9-]{0,62}$"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Title(_Part):
    """What the campaign is called, in both languages."""

    zh: str = ""
    en: str = ""


class Control(_Part):
    """How much of the audience is held back."""

    share: Decimal = Field(Decimal(0), ge=0, lt=1, decimal_places=4)


class Goal(_Part):
    """What counts as a response, for both arms alike."""

    event: str
    within: Duration
    value: str | None = None  #: name for the amount that is summed as revenue; None: responses are only counted


#: Receipts take their time, and so do the workers that apply them.
SHORTEST_CONFIRMATION = timedelta(minutes=1)


class Fallback(_Part):
    """When a send goes on to the campaign's next channel."""

    unconfirmed_after: Duration | None = None  #: also where nobody says within that time that it arrived

    @field_validator("unconfirmed_after")
    @classmethod
    def _is_long_enough(cls, length: timedelta | None) -> timedelta | None:
        if length is not None and length < SHORTEST_CONFIRMATION:
            raise mistake("a delivery is awaited for 1m at least")
        return length


def _read_fallback(given: object) -> object:
    """Read what stands under ``fallback``.

    Raises:
        ValueError: it is neither of the two forms.
    """
    if given == "none":
        return None
    if not isinstance(given, Mapping | Fallback):
        raise mistake("fallback is none, or says unconfirmed_after, such as 4h")
    return given


FallbackText = Annotated[
    Fallback | None,
    BeforeValidator(_read_fallback),
    PlainSerializer(lambda fallback: "none" if fallback is None else fallback.model_dump(mode="json")),
]


class Schedule(_Part):
    """When the campaign launches by itself: once, or again and again."""

    at: AwareDatetime | None = None
    cron: str | None = None  #: five fields, in ``zone``
    zone: str = "Asia/Shanghai"
    until: AwareDatetime | None = None  #: no launch after this moment

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.at is None) == (self.cron is None):
            raise mistake("a schedule has either at or cron")
        if self.cron is not None:
            try:
                CronSim(self.cron, datetime(2026, 1, 1, tzinfo=ZoneInfo(self.zone)))
            except CronSimError as error:
                raise mistake("cron has five fields such as 0 10 8 * *: {why}", why=error) from None
        return self

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise mistake("a time zone such as Asia/Shanghai was expected") from None
        return zone

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first launch later than ``moment``; None: there is none."""
        if self.at is not None:
            return self.at if self.at > moment else None
        assert self.cron is not None
        following = next(CronSim(self.cron, moment.astimezone(ZoneInfo(self.zone))))
        return following if self.until is None or following <= self.until else None


class CampaignDefinition(_Part):
    """A campaign as its file says it."""

    campaign: str = Field(pattern=NAME_FORM)
    title: Title = Title()
    template: str
    channels: tuple[ChannelName, ...] = Field(min_length=1)  #: in order of preference
    fallback: FallbackText = Fallback()  #: to the next channel where one refuses; None: never
    purpose: Literal["marketing", "service"] = "marketing"
    audience: dict[str, object] | None = None  #: a condition; None: everybody, or whoever a journey brings
    control: Control = Control()
    goal: Goal | None = None
    quiet_hours: QuietHoursText | Literal["default"] = "default"
    caps: tuple[Cap, ...] | Literal["default"] = "default"
    schedule: Schedule | None = None
    throttle: int | None = Field(None, ge=1)  #: sends a minute; None: as fast as the providers take them
    expires_after: Duration | None = None  #: give up what could not be sent by then; None: the installation's

    @field_validator("channels")
    @classmethod
    def _each_once(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(channels)) != len(channels):
            raise mistake("a channel is named twice")
        return channels

    @field_validator("fallback")
    @classmethod
    def _has_where_to(cls, fallback: Fallback | None, told: ValidationInfo) -> Fallback | None:
        alone = len(told.data.get("channels", ())) == 1
        if alone and fallback is not None and fallback.unconfirmed_after is not None:
            raise mistake("unconfirmed_after needs a second channel to fall back to")
        return fallback


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """A campaign as it stands in the database."""

    id: int
    name: str
    state: str
    definition: CampaignDefinition
    template_version_id: int
    template: PinnedTemplate  #: its words as they are pinned
    experiment_id: int

    @property
    def template_content(self) -> Mapping[str, object]:
        """Everything the pinned template is."""
        return self.template.content

    @cached_property
    def audience(self) -> Condition | None:
        """The audience's condition; None: everybody."""
        return None if self.definition.audience is None else parse_condition(self.definition.audience)


def _audience_problems(definition: CampaignDefinition, document: Document) -> list[Problem]:
    if definition.audience is None:
        return []
    try:
        parse_condition(definition.audience, file=document.file, line=document.line_of(("audience",)), field="audience")
    except InputRefused as refused:
        return list(refused.problems)
    return []


def load_definition(path: Path) -> CampaignDefinition:
    """Read one campaign file.

    Raises:
        InputRefused: with every problem's file, line and field.
    """
    document = read_document(path)
    definition = validate(CampaignDefinition, document)
    problems = _audience_problems(definition, document)
    if problems:
        raise InputRefused(problems)
    return definition


def campaign_files(folder: Path) -> list[Path]:
    """Return the campaign files of a folder, in the order of their names."""
    return sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])


def load_definitions(folder: Path) -> list[CampaignDefinition]:
    """Read every campaign file of a folder; all problems of all files are told together.

    Raises:
        InputRefused: a file is wrong, a name is used twice, or there is no file.
    """
    problems: list[Problem] = []
    found: dict[str, CampaignDefinition] = {}
    for path in campaign_files(folder):
        try:
            definition = load_definition(path)
        except InputRefused as refused:
            problems.extend(refused.problems)
            continue
        if definition.campaign in found:
            problems.append(
                Problem(
                    sentence="campaign {name} is defined twice", values={"name": definition.campaign}, file=str(path)
                )
            )
        found[definition.campaign] = definition
    if not found and not problems:
        problems.append(Problem(sentence="no campaign files (*.yaml) are in this folder", file=str(folder)))
    if problems:
        raise InputRefused(problems)
    return list(found.values())
