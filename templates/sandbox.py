"""Where templates run: what they can reach, and how large anything in there may become.

``inspection.py`` refuses what a template may not *say*; this module bounds what it may
*do*.  Attribute look-ups never reach Python objects: the words see mappings, days and loop
counters, and nothing of them but what is listed here.
"""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final, NoReturn

from jinja2 import StrictUndefined, Undefined, pass_context
from jinja2.exceptions import TemplateRuntimeError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from templates.filters import LONGEST_TEXT, filters_for

LONGEST_LIST: Final = 100  #: items of a member's list that words may walk through
LARGEST_NUMBER: Final = 10**18
LARGEST_OUTPUT: Final = 256 * 1024  #: bytes of UTF-8, counted as characters while rendering
LARGEST_SOURCE: Final = 64 * 1024
LARGEST_HTML: Final = 256 * 1024  #: of the source of a mail's HTML, which MJML makes long

NOTES: Final = "-notes"  #: where the facts used are noted; no template can say this name
PASSED_LIST: Final = "-passed_list"  #: wrapped around what a loop walks through
NOTED: Final = "-noted"  #: wrapped around expressions whose text a provider may need
INTERNAL_FILTERS: Final = frozenset({PASSED_LIST, NOTED})

TESTS: Final = frozenset({"defined", "undefined", "none", "even", "odd", "divisibleby", "in", "true", "false"})
DATE_PARTS: Final = frozenset({"year", "month", "day"})
LOOP_PARTS: Final = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})

#: Controls, direction overrides, line separators and half characters; joiners inside emoji stay.
UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


class Orders(dict[str, object]):
    """The fact ``orders``: of its own type, so that what is missing in it is called by its name."""


class Loyalty(dict[str, object]):
    """The fact ``loyalty``: what a member's points and tier come to."""


class Trigger(dict[str, object]):
    """The fact ``trigger``: the event that began a member's way through a journey."""


#: Facts that have parts of their own, by their names.
WHOLES: Final[Mapping[str, type[dict[str, object]]]] = {"orders": Orders, "loyalty": Loyalty, "trigger": Trigger}
_MAPPINGS: Final[Mapping[type, str]] = {dict: "attributes", **{whole: name for name, whole in WHOLES.items()}}
_PLAIN: Final = frozenset({str, int, float, Decimal, bool, date, datetime, list, tuple, dict})


class Unfit(TemplateRuntimeError):
    """The words cannot be filled in for this member; the message is a reason code."""


class MissingFact(StrictUndefined):
    """A fact this member does not have.  It may be asked about, and not be printed."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return f"missing_fact:{self._undefined_name}"

    def __bool__(self) -> bool:  # type: ignore[override]
        return False

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        return other is None or isinstance(other, Undefined)

    def __ne__(self, other: object) -> bool:  # type: ignore[override]
        return not self == other

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(MissingFact)


def plain(value: object, name: str) -> object:
    """Return the value if words may hold it.

    Raises:
        Unfit: it is no plain value, or too long.
    """
    if type(value) not in _PLAIN:
        raise Unfit(f"fact_not_plain:{name}")
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise Unfit(f"fact_too_long:{name}")
    return value


def clean(text: str) -> str:
    """Return the text without control characters, half characters and direction overrides."""
    return text if text.isprintable() else UNPRINTABLE.sub("", text)


def _printed(value: object) -> object:
    """Make one value ready for the page."""
    if isinstance(value, str):
        # Markup is a str of its own and must stay one: its parts have been escaped already.
        return value if value.isprintable() else type(value)(UNPRINTABLE.sub("", value))
    if isinstance(value, Mapping | list | tuple | LoopContext):
        raise Unfit("list_in_words")
    return value


def _passed_list(value: object) -> list[object]:
    if isinstance(value, Undefined):
        return []
    if not isinstance(value, list | tuple):
        raise Unfit("loop_over_no_list")
    if len(value) > LONGEST_LIST:
        raise Unfit("list_too_long")
    return [plain(item, "item") for item in value if item is not None]


@pass_context
def _noted(context: Context, value: object, key: str) -> object:
    text = str(_printed(value))
    context[NOTES][key] = text
    return text


def _refuse(*_arguments: object) -> NoReturn:
    raise Unfit("operator_not_allowed")


_OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": _refuse,
}


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja with everything taken away that words do not need."""

    intercepted_binops = frozenset(_OPERATORS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look a name up in a mapping, a day or a loop, never on a Python object."""
        if type(obj) in _MAPPINGS:
            value = obj.get(attribute)
            return self.undefined(name=f"{_MAPPINGS[type(obj)]}.{attribute}") if value is None else plain(value, attribute)
        if isinstance(obj, date) and attribute in DATE_PARTS:
            return getattr(obj, attribute)
        if isinstance(obj, LoopContext) and attribute in LOOP_PARTS:
            return getattr(obj, attribute)
        if isinstance(obj, Undefined):
            return obj
        return self.undefined(name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Look up a key of a mapping or a place of a list."""
        if isinstance(obj, list | tuple) and isinstance(argument, int):
            if not -len(obj) <= argument < len(obj) or obj[argument] is None:
                return self.undefined(name=str(argument))
            return plain(obj[argument], "item")
        return self.getattr(obj, argument if isinstance(argument, str) else str(argument))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Count with numbers of a bounded size, and with nothing else."""
        numbers = [self._number(left), self._number(right)]
        if any(isinstance(number, Decimal) for number in numbers):
            numbers = [Decimal(str(number)) for number in numbers]
        try:
            result = _OPERATORS[operator](*numbers)
        except ArithmeticError:
            raise Unfit("number_without_result") from None
        return self._number(result)

    @staticmethod
    def _number(value: Any) -> int | float | Decimal:
        if isinstance(value, Undefined):
            str(value)
        if type(value) not in (int, float, Decimal):
            raise Unfit("operator_needs_numbers")
        if not -LARGEST_NUMBER < value < LARGEST_NUMBER:
            raise Unfit("number_too_large")
        return value  # type: ignore[no-any-return]


@cache
def sandbox(language: str, *, html: bool) -> Sandbox:
    """Return the place where templates of one language run; only HTML is escaped."""
    made = Sandbox(autoescape=html, undefined=MissingFact, finalize=_printed, cache_size=0)
    made.globals.clear()
    made.filters = {**filters_for(language), PASSED_LIST: _passed_list, NOTED: _noted}
    made.tests = {name: test for name, test in made.tests.items() if name in TESTS}
    return made
