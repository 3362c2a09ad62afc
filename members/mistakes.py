"""Validation errors that keep their sentence, so that they can be told in every language."""

from pydantic_core import ErrorDetails, PydanticCustomError

from language.documents import expectation
from language.problems import Problem

TOLD = "told"  #: the ``type`` of a validation error that carries its own sentence


def mistake(sentence: str, /, **values: object) -> PydanticCustomError:
    """Make the error a pydantic validator raises; ``sentence`` has ``{names}`` for ``values``.

    Pydantic prints it in English; ``problem_from`` gets the untranslated sentence and its values back.
    """
    shown = {name: str(value) for name, value in values.items()}
    return PydanticCustomError(TOLD, sentence, {"sentence": sentence, **shown})


def problem_from(
    error: ErrorDetails, *, file: str | None = None, line: int | None = None, field: str | None = None
) -> Problem:
    """Turn one pydantic error into a problem at the given place."""
    values: dict[str, object] = dict(error.get("ctx", {}))
    if error["type"] == TOLD:
        return Problem(sentence=str(values.pop("sentence")), values=values, file=file, line=line, field=field)
    if error["type"] == "missing":
        return Problem(
            sentence="{name} is missing", values={"name": error["loc"][-1]}, file=file, line=line, field=field
        )
    sentence, told = expectation(error)
    return Problem(sentence=sentence, values=told, file=file, line=line, field=field)
