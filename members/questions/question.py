"""The form of every question: strict about names, silent about what was not said."""

from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from members.comparisons import AnyComparison, Words, unknown_name
from members.mistakes import mistake


def one_of(*known: str) -> Callable[[object], object]:
    """Return a check that a word is one of those known, and that names the nearest where it is not."""

    def checked(value: object) -> object:
        if value not in known:
            raise unknown_name(value, known)
        return value

    return checked


Channel = Annotated[Literal["sms", "email", "wechat"], BeforeValidator(one_of("sms", "email", "wechat"))]
Purpose = Annotated[Literal["marketing", "service"], BeforeValidator(one_of("marketing", "service"))]
Name = Annotated[Words, Field(min_length=1)]
Answers = Annotated[dict[Name, AnyComparison], Field(min_length=1, max_length=50)]


class Question(BaseModel):
    """Something asked about a member; names that are not known are refused with the nearest one."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _names_are_known(cls, data: object) -> object:
        if isinstance(data, BaseModel):
            return data
        if not isinstance(data, dict) or not data:
            raise mistake("a mapping was expected; it may name {known}", known=", ".join(cls.names()))
        for name in data:
            if name not in cls.names() and name not in cls.model_fields:
                raise unknown_name(name, cls.names())
        return data

    @model_serializer(mode="wrap")
    def _only_what_was_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        names = {name: field.alias or name for name, field in type(self).model_fields.items()}
        return {names.get(name, name): value for name, value in handler(self).items() if value is not None}

    @classmethod
    def names(cls) -> list[str]:
        """The names of the fields as files write them."""
        return [field.alias or name for name, field in cls.model_fields.items()]


class AskingQuestion(Question):
    """A question that names at least one thing to ask about."""

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        asked = [name for name, field in type(self).model_fields.items() if not field.is_required()]
        if not any(getattr(self, name) is not None for name in asked):
            raise mistake("a mapping was expected; it may name {known}", known=", ".join(self.names()))
        return self
