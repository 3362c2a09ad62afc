"""The question whether a member is near a place, and distances as people write them."""

import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from members.mistakes import mistake
from members.questions.question import Name, Question, one_of

EARTH_RADIUS = 6_371_008.8  #: metres, the mean radius of WGS 84
HALF_WAY_ROUND = 20_016_000  #: metres; nothing on earth is further
WANTED = "a distance such as 500m or 5km was expected; found {found}"
_FORM = re.compile(r"\s*(\d{1,8}(?:\.\d{1,3})?)\s*(m|km)\s*", re.ASCII)


def _distance(value: object) -> float:
    if isinstance(value, float):
        return value
    matched = _FORM.fullmatch(value) if isinstance(value, str) else None
    if matched is None:
        raise mistake(WANTED, found=repr(value)[:80])
    metres = float(matched[1]) * (1000 if matched[2] == "km" else 1)
    if not 0 < metres <= HALF_WAY_ROUND:
        raise mistake("a distance is more than 0 and at most 20016km")
    return metres


def _written(metres: float) -> str:
    return f"{metres / 1000:.6g}km" if metres >= 1000 else f"{metres:.6g}m"


#: Written ``5km`` in files, metres in Python.
Distance = Annotated[
    float,
    BeforeValidator(_distance),
    PlainSerializer(_written, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?(m|km)$", "examples": ["500m", "5km"]}),
]
Place = Annotated[Literal["home", "last_seen", "any"], BeforeValidator(one_of("home", "last_seen", "any"))]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class NearQuestion(Question):
    """Whether the member's home, or where they were last seen, is within a distance of a store or a point."""

    within: Distance
    store: Name | None = None  #: its key; nobody is near a store that is not known
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    of: Place = "any"

    @model_validator(mode="after")
    def _names_one_place(self) -> Self:
        point = (self.latitude is not None, self.longitude is not None)
        if point not in ((True, True), (False, False)) or (self.store is None) == (point == (False, False)):
            raise mistake("near takes a store, or a latitude and a longitude")
        return self
