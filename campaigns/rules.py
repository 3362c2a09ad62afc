"""What an installation says about every campaign: caps, quiet hours, prices."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, model_validator

from members.durations import Duration
from members.mistakes import mistake

QUIET_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, kw_only=True)
class QuietHours:
    """A part of the member's own day in which nothing is sent; it may cross midnight."""

    start: time
    end: time

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def parse_quiet_hours(text: object) -> QuietHours | None:
    """Read ``21:00-09:00``; ``none`` means no quiet hours.

    Raises:
        ValueError: it is neither.
    """
    if text is None or isinstance(text, QuietHours):
        return text
    if text == "none":
        return None
    found = QUIET_FORM.fullmatch(str(text))
    if not found:
        raise mistake("quiet hours are written as 21:00-09:00, or none")
    start_hour, start_minute, end_hour, end_minute = map(int, found.groups())
    quiet = QuietHours(start=time(start_hour, start_minute), end=time(end_hour, end_minute))
    if quiet.start == quiet.end:
        raise mistake("quiet hours end at another time than they start; write none for no quiet hours")
    return quiet


QuietHoursText = Annotated[
    QuietHours | None,
    BeforeValidator(parse_quiet_hours),
    PlainSerializer(lambda quiet: str(quiet) if quiet else "none", return_type=str),
]


class Cap(BaseModel):
    """At most ``count`` marketing messages to one member in any ``per``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: str = "all"  #: sms, email, wechat, or all of them together
    count: int
    per: Duration

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.channel not in ("all", "sms", "email", "wechat"):
            raise mistake("a cap is for sms, email, wechat or all")
        if self.count < 1 or self.per <= timedelta(0):
            raise mistake("a cap has a count of 1 or more and a time longer than nothing")
        return self


DEFAULT_PRICES: Mapping[str, Decimal] = {"sms": Decimal("0.045"), "email": Decimal("0.002"), "wechat": Decimal(0)}


@dataclass(frozen=True, kw_only=True)
class PlanningRules:
    """The installation's answers where a campaign gives none of its own."""

    quiet_hours: QuietHours | None = QuietHours(start=time(21), end=time(9))
    caps: tuple[Cap, ...] = ()
    prices: Mapping[str, Decimal] = field(default_factory=lambda: dict(DEFAULT_PRICES))  #: per part, by channel
    default_zone: str = "Asia/Shanghai"
    february_29: Literal["feb28", "mar1"] = (
        "feb28"  #: where those born on 29 February celebrate in common years: feb28 or mar1
    )
    expires_after: timedelta = timedelta(days=3)  #: how long a planned send may wait for its turn
    brand: Mapping[str, str] = field(default_factory=dict)  #: the sender's name by language
