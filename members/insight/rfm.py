"""RFM: how lately, how often and for how much a member bought, each from 1 to 5, and cells with names.

A file says how it is scored; whatever it leaves out is as here::

    rfm: standard
    window: 365d
    recency: quintiles          # or four own bounds in days:  [30, 60, 120, 240]
    frequency: quintiles        # or in orders:                [2, 3, 5, 10]
    monetary: quintiles         # or in money:                 [200, 500, 1000, 3000]
    hour: 2
    cells:
      - {cell: champions, title: {zh: 重要价值客户, en: Champions}, recency: [4, 5], frequency: [4, 5], monetary: [4, 5]}
      - {cell: others, title: {zh: 其他, en: Others}}

The groups by high and low recency, frequency and money that are used where no cells are named are
those Chinese CRM teams know as 重要价值, 重要发展, 重要保持, 重要挽留 and 一般….

Source: A. M. Hughes, *Strategic Database Marketing* (1994), for quintiles of recency, frequency and money.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from members.durations import Duration
from members.insight.nights import Nightly
from members.mistakes import mistake

Score = Annotated[int, Field(ge=1, le=5)]
Scores = tuple[int, ...]  #: recency, frequency, monetary
Bounds = Annotated[tuple[float, ...], Field(min_length=4, max_length=4)]
Scale = Literal["quintiles"] | Bounds
EVERY_SCORE: tuple[Score, ...] = (1, 2, 3, 4, 5)


class Title(BaseModel):
    """What something is called, in both languages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    zh: str = Field(min_length=1, max_length=100)
    en: str = Field(min_length=1, max_length=100)


class Cell(BaseModel):
    """A named part of the cube of scores; what it leaves out may be any score."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cell: str = Field(pattern=r"^[\w-]{1,100}$")
    title: Title | None = None
    recency: tuple[Score, ...] = Field(EVERY_SCORE, min_length=1)
    frequency: tuple[Score, ...] = Field(EVERY_SCORE, min_length=1)
    monetary: tuple[Score, ...] = Field(EVERY_SCORE, min_length=1)

    def takes(self, scores: Scores) -> bool:
        """Say whether members with these scores may be in the cell."""
        return all(score in wanted for score, wanted in zip(scores, (self.recency, self.frequency, self.monetary), strict=True))


HIGH, LOW = (4, 5), (1, 2, 3)


def _cell(name: str, zh: str, en: str, recency: tuple[int, ...], frequency: tuple[int, ...], monetary: tuple[int, ...]) -> Cell:
    return Cell(cell=name, title=Title(zh=zh, en=en), recency=recency, frequency=frequency, monetary=monetary)


#: Used where a definition names no cells.
EIGHT_GROUPS = (
    _cell("important-value", "重要价值客户", "Champions", HIGH, HIGH, HIGH),
    _cell("important-growth", "重要发展客户", "Big spenders to grow", HIGH, LOW, HIGH),
    _cell("important-keep", "重要保持客户", "Loyal, quiet for a while", LOW, HIGH, HIGH),
    _cell("important-win-back", "重要挽留客户", "Big spenders, almost gone", LOW, LOW, HIGH),
    _cell("general-value", "一般价值客户", "Regulars with small orders", HIGH, HIGH, LOW),
    _cell("general-growth", "一般发展客户", "New or occasional", HIGH, LOW, LOW),
    _cell("general-keep", "一般保持客户", "Small regulars, quiet", LOW, HIGH, LOW),
    _cell("general-win-back", "一般挽留客户", "Almost gone", LOW, LOW, LOW),
)


class Rfm(Nightly):
    """How members are scored by what they bought."""

    kind: ClassVar[str] = "rfm"

    rfm: str
    window: Duration = timedelta(days=365)
    recency: Scale = "quintiles"
    frequency: Scale = "quintiles"
    monetary: Scale = "quintiles"
    hour: int = Field(2, ge=0, le=23)
    cells: tuple[Cell, ...] = Field(EIGHT_GROUPS, min_length=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for letter in ("recency", "frequency", "monetary"):
            bounds = getattr(self, letter)
            if bounds != "quintiles" and list(bounds) != sorted(set(bounds)):
                raise mistake("the bounds of {letter} must rise, such as 30, 60, 120, 240", letter=letter)
        if self.recency != "quintiles" and not all(bound == int(bound) for bound in self.recency):
            raise mistake("the bounds of recency are whole days")
        _check_cells(self.cells)
        return self

    def cell_of_scores(self) -> Iterator[tuple[Scores, str]]:
        """Yield all 125 combinations of scores, each with the first cell that takes it."""
        for scores in product(EVERY_SCORE, repeat=3):
            yield scores, next(cell.cell for cell in self.cells if cell.takes(scores))

    def title(self, cell: str | None, language: str) -> str:
        """Return what people call a cell; its name where the definition has it no more."""
        found = next((each.title for each in self.cells if each.cell == cell), None)
        return getattr(found, language) if found else cell or ""


def _check_cells(cells: tuple[Cell, ...]) -> None:
    names = [cell.cell for cell in cells]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise mistake("the cell {cell} is there twice", cell=twice)
    reached = set()
    for scores in product(EVERY_SCORE, repeat=3):
        first = next((cell.cell for cell in cells if cell.takes(scores)), None)
        if first is None:
            raise mistake(
                "no cell takes recency {r}, frequency {f}, monetary {m}; let the last cell take every score",
                r=scores[0], f=scores[1], m=scores[2],
            )  # fmt: skip
        reached.add(first)
    never = next((name for name in names if name not in reached), None)
    if never:
        raise mistake("the cell {cell} is never reached: those before it take all its scores", cell=never)
