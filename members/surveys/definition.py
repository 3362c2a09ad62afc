"""What a survey is: the question, its scale, and how long it may be answered."""

from datetime import timedelta
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from members.definitions import Definition
from members.durations import Duration
from members.mistakes import mistake

LONGEST_WORDS = 300
LONGEST_COMMENT = 2_000  #: characters

#: Every score of a scale, from worst to best.
SCALES = {"nps": range(11), "csat": range(1, 6)}


class Said(BaseModel):
    """Words for members, in one language or both."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: str = Field("", max_length=LONGEST_WORDS)
    en: str = Field("", max_length=LONGEST_WORDS)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.zh.strip() or self.en.strip()):
            raise mistake("words are needed in zh, en or both")
        return self

    def to(self, language: str) -> str:
        """Return the words in ``zh`` or ``en``, or in the other where there are none."""
        return (self.zh or self.en) if language == "zh" else (self.en or self.zh)


class Survey(Definition):
    """A survey as its file says it."""

    kind: ClassVar[str] = "survey"

    survey: str
    scale: Literal["nps", "csat"]  #: 0 to 10, how likely to recommend; or 1 to 5, how satisfied
    question: Said
    thanks: Said = Said(zh="谢谢您的回答！", en="Thank you for your answer!")
    comment: bool = True  #: whether words of their own are asked for as well
    open_for: Duration = timedelta(days=30)  #: from when the message with its link was sent

    @field_validator("open_for")
    @classmethod
    def _is_open(cls, length: timedelta) -> timedelta:
        if not length:
            raise mistake("a survey is open for 1m at least")
        return length

    @property
    def scores(self) -> range:
        return SCALES[self.scale]


def group_of(scale: str, score: int) -> str:
    """Name the group a score falls into, as reports and events do."""
    if scale == "nps":
        return "promoter" if score >= 9 else "passive" if score >= 7 else "detractor"
    return "satisfied" if score >= 4 else "neutral" if score == 3 else "dissatisfied"
