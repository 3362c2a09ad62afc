"""Which occasions are told, and at what time of a member's day."""

from datetime import time
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, PlainSerializer

from members.definitions import Definition


def _read_time(given: object) -> object:
    # YAML 1.1 reads an unquoted 10:00 as the number 600, base sixty.
    return f"{given // 60:02}:{given % 60:02}" if isinstance(given, int) else given


LocalTime = Annotated[
    time, BeforeValidator(_read_time), PlainSerializer(lambda at: f"{at:%H:%M}", return_type=str, when_used="json")
]
Days = Annotated[int, Field(ge=1, le=3650)]


class Occasions(Definition):
    """Which occasions are told; what is left out is told as the defaults say."""

    kind: ClassVar[str] = "occasions"

    occasions: str
    at: LocalTime = time(9)  #: of the member's own day, for all that days bring
    birthday_soon: tuple[Annotated[int, Field(ge=1, le=60)], ...] = (7,)  #: so many days before
    birthday_today: bool = True
    anniversary: bool = True  #: of joining
    first_order: bool = True
    second_order: bool = True
    quiet: tuple[Days, ...] = (30, 60, 90)  #: days after the last ``quiet_event``
    quiet_event: Annotated[str, Field(pattern=r"^\w+([.\-]\w+)*$", max_length=100)] = "order.paid"
