"""Read a YAML file so that everything wrong with it can be told by line and path."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from language.problems import InputRefused, Problem, refuse

Place = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

DAY = "a day such as 2026-08-31 was expected; found {found}"
MOMENT = "a moment such as 2026-08-31T10:00+08:00 was expected; found {found}"
NUMBER = "a number was expected; found {found}"
WHOLE = "a whole number was expected; found {found}"

#: What was expected, for each kind of error that the models tell in English only.
EXPECTED: Mapping[str, str] = {
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"), DAY),
    **dict.fromkeys(("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "timezone_aware"), MOMENT),
    **dict.fromkeys(("time_type", "time_parsing"), "a time of day such as '09:30' was expected; found {found}"),
    **dict.fromkeys(("decimal_max_digits", "decimal_max_places", "decimal_whole_digits"), "a number of fewer digits was expected; found {found}"),
    "string_too_long": "at most {max_length} characters were expected; found {found}",
    "string_too_short": "at least {min_length} characters were expected; found {found}",
    "string_pattern_mismatch": "text of the form {pattern} was expected; found {found}",
    "too_long": "at most {max_length} of them were expected; found {found}",
    "too_short": "at least {min_length} of them were expected; found {found}",
    **dict.fromkeys(("enum", "literal_error"), "one of {expected} was expected; found {found}"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), WHOLE),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing", "finite_number"), NUMBER),
    "string_type": "text was expected, in quotes where it looks like a number; found {found}",
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false was expected; found {found}"),
    "greater_than": "more than {gt} was expected; found {found}",
    "greater_than_equal": "at least {ge} was expected; found {found}",
    "less_than": "less than {lt} was expected; found {found}",
    "less_than_equal": "at most {le} was expected; found {found}",
    **dict.fromkeys(("list_type", "tuple_type"), "a list was expected; found {found}"),
    **dict.fromkeys(("dict_type", "model_type", "mapping_type"), "names with values were expected; found {found}"),
}


@dataclass(frozen=True, kw_only=True)
class Document:
    """A YAML file's data, and the line on which each of its values begins."""

    file: str
    data: object
    lines: Mapping[Place, int]  #: path of keys and indexes to the line, counted from 1

    def line_of(self, place: Place) -> int | None:
        """The line of the value at ``place``, or of its nearest parent; None for an empty file."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return None

    def problem(self, sentence: str, place: Place = (), **values: object) -> Problem:
        """Make a problem that stands at ``place`` in this file."""
        return Problem(
            sentence=sentence, values=values, file=self.file, line=self.line_of(place), field=path_text(place) or None
        )


def path_text(place: Place) -> str:
    """Write a place the way people read it: ``steps[2].branch[0].when``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _walk(node: yaml.Node, place: Place, lines: dict[Place, int]) -> None:
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _walk(value, (*place, str(key.value)), lines)
            lines[(*place, str(key.value))] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*place, index), lines)


def read_document(path: Path) -> Document:
    """Read one YAML file with the safe loader.

    Raises:
        InputRefused: the file cannot be read, is not UTF-8 or not YAML.
    """
    file = str(path)
    try:
        source = path.read_text(encoding="utf-8")
        node = yaml.compose(source, Loader=yaml.SafeLoader)
        data = yaml.safe_load(source)
    except OSError as error:
        raise refuse("the file cannot be read: {why}", file=file, why=error.strerror or type(error).__name__) from None
    except UnicodeDecodeError:
        raise refuse("the file must be text in UTF-8", file=file) from None
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, file) from None
    except yaml.reader.ReaderError as error:
        line = source.count("\n", 0, error.position) + 1
        raise refuse("this is not YAML: it holds a character that no text has", file=file, line=line) from None
    except RecursionError:
        raise refuse("this is not YAML: it lies too deep inside itself", file=file) from None
    except (yaml.YAMLError, ValueError):
        raise refuse("this is not YAML: something looks like a day or a number and is none; write it in quotes", file=file) from None
    lines: dict[Place, int] = {}
    if node is not None:
        _walk(node, (), lines)
    return Document(file=file, data=data, lines=lines)


def _not_yaml(error: yaml.MarkedYAMLError, file: str) -> InputRefused:
    mark = error.problem_mark
    is_written_wrongly = isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError)
    return refuse(
        "this is not YAML, near column {column}: {detail}" if is_written_wrongly else "only plain values are expected here: {detail}",
        file=file, line=mark.line + 1 if mark else None, column=mark.column + 1 if mark else 1, detail=error.problem or "",
    )  # fmt: skip


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the model a field holds, also inside a tuple, a list or an optional; None: it holds none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _names_at(model: type[BaseModel], place: Place) -> list[str]:
    """Return the names that may be written where the last part of ``place`` stands."""
    here = model
    for part in place[:-1]:
        named = (field for name, field in here.model_fields.items() if part in (name, field.alias))
        here = next((found for field in named if (found := _model_in(field.annotation))), here)
    return [field.alias or name for name, field in here.model_fields.items()]


def _in_file(place: Place, data: object) -> Place:
    """Leave out of a place what only the model knows, such as which kind of a union was tried."""
    kept: list[str | int] = []
    for position, part in enumerate(place):
        inner = data if isinstance(data, dict) else dict(enumerate(data)) if isinstance(data, list) else {}
        if part in inner:
            data = inner[part]
        elif not isinstance(data, dict) or position < len(place) - 1:
            continue
        kept.append(part)
    return tuple(kept)


def _told(error: ErrorDetails, document: Document, model: type[BaseModel]) -> Problem:
    place, known = _in_file(tuple(error["loc"]), document.data), _names_at(model, tuple(error["loc"]))
    if "sentence" in error.get("ctx", {}):
        values = dict(error["ctx"])
        return document.problem(str(values.pop("sentence")), place, **values)
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(place[-1]), known, n=1)
        if near:
            return document.problem(
                "{name} is not known here; did you mean {near}?", place, name=place[-1], near=near[0]
            )
        return document.problem(
            "{name} is not known here; expected one of {known}", place, name=place[-1], known=", ".join(known)
        )
    if error["type"] == "missing":
        return document.problem("{name} is missing", place, name=place[-1])
    sentence, values = expectation(error)
    return document.problem(sentence, place, **values)


def expectation(error: ErrorDetails) -> tuple[str, dict[str, object]]:
    """Return the sentence that says what was expected, with its values."""
    found = repr(error["input"])[:80]
    if error["type"] not in EXPECTED:
        return "{detail}; found {found}", {"detail": error["msg"], "found": found}
    values = {name: _written(value) for name, value in error.get("ctx", {}).items()}
    return EXPECTED[error["type"]], {**values, "found": found}


def _written(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value).replace(" or ", ", ")


def validate(model: type[Model], document: Document) -> Model:
    """Make ``model`` of a document, telling every problem by line and path.

    Raises:
        InputRefused: the data does not fit the model.
    """
    if not isinstance(document.data, dict):
        raise InputRefused([document.problem("a mapping of names to values was expected")])
    try:
        return model.model_validate(document.data)
    except ValidationError as failed:
        errors = failed.errors(include_url=False)
        raise InputRefused([_told(error, document, model) for error in errors if not _follows(error, errors)]) from None


def _follows(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    """Say whether a list seems too short only because what stands in it is wrong, which is told already."""
    inside = error["loc"]
    return error["type"] == "too_short" and any(
        len(other["loc"]) > len(inside) and other["loc"][: len(inside)] == inside for other in errors
    )
