"""What a coupon is: where its codes come from, how long they are good for, and what redeems them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from members.definitions import Definition
from members.durations import Duration
from members.mistakes import mistake

#: Nothing that is misread on paper or over the telephone, and no vowels, so that no code is a word.
LETTERS_AND_DIGITS = "23456789BCDFGHJKMNPQRSTVWXYZ"
ALPHABETS = {"letters-and-digits": LETTERS_AND_DIGITS, "digits": "0123456789"}
FEWEST_CODES = 10**9  #: what a rule must be able to make, so that guessing finds nobody's code


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CodeRule(_Part):
    """How codes are made up."""

    prefix: str = Field("", max_length=20, pattern=r"^[A-Za-z0-9-]*$")
    length: int = Field(8, ge=4, le=32)  #: characters that follow the prefix
    alphabet: Literal["letters-and-digits", "digits"] = "letters-and-digits"

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        letters = len(ALPHABETS[self.alphabet])
        if letters**self.length < FEWEST_CODES:
            least = next(length for length in range(32) if letters**length >= FEWEST_CODES)
            raise mistake("codes this short could be guessed; length must be {least} or more", least=least)
        return self


class Cost(_Part):
    """What one redemption costs whoever honours it."""

    fixed: Decimal | None = Field(None, ge=0, le=10**7, decimal_places=4)
    share_of_order: Decimal | None = Field(None, ge=0, le=1, decimal_places=4)

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.fixed is None) == (self.share_of_order is None):
            raise mistake("a cost is either fixed or a share_of_order")
        return self


class RedeemedBy(_Part):
    """The event that redeems a coupon, and which of its properties holds the code, or a list of codes."""

    event: str = Field("order.paid", pattern=r"^\w+([.\-]\w+)*$", max_length=100)
    property: str = Field("coupon", min_length=1, max_length=100)


class Title(_Part):
    """What the coupon is called, in both languages."""

    zh: str = ""
    en: str = ""


def _read_codes(given: object) -> object:
    """Read what stands under ``codes``.

    Raises:
        ValueError: it is neither of the two forms.
    """
    if given == "pool":
        return None
    if given is None or isinstance(given, Mapping | CodeRule):
        return given
    raise mistake("codes is pool, or a rule such as {example}", example="{prefix: SP-, length: 8}")


class Coupon(Definition):
    """A coupon as its file says it."""

    kind: ClassVar[str] = "coupon"

    coupon: str
    title: Title = Title()
    codes: Annotated[CodeRule | None, BeforeValidator(_read_codes)] = None  #: None: a pool that files fill
    valid_for: Duration | None = None  #: from when it is issued
    until: AwareDatetime | None = None  #: for all alike; None of both: for ever
    expire_soon: tuple[Duration, ...] = Field((), max_length=10)  #: how long before its end that is told
    cost: Cost | None = None  #: None: a redemption costs nothing
    redeem: RedeemedBy = RedeemedBy()

    @model_validator(mode="after")
    def _times_fit(self) -> Self:
        if self.valid_for is not None and not self.valid_for:
            raise mistake("a coupon that is valid for no time is none")
        if self.expire_soon and self.valid_for is None and self.until is None:
            raise mistake("expire_soon needs valid_for or until")
        if len(set(self.expire_soon)) != len(self.expire_soon) or timedelta() in self.expire_soon:
            raise mistake("each length under expire_soon is named once and longer than nothing")
        if self.valid_for is not None and any(before >= self.valid_for for before in self.expire_soon):
            raise mistake("expire_soon must be shorter than valid_for")
        return self

    @property
    def pool(self) -> str:
        return self.coupon

    def expires_at(self, issued_at: datetime) -> datetime | None:
        """Return when a coupon issued at this moment ends, the earlier where both are said; None: never."""
        ends = [self.until] if self.until else []
        if self.valid_for is not None:
            ends.append(issued_at + self.valid_for)
        return min(ends, default=None)
