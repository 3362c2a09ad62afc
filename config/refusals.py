"""Mistakes in the settings, all told together, each with its name and where it was written."""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from language.problems import Problem, refuse

PREFIX = "TIDINGS_"
#: Variables that begin with the prefix and are not settings.
NOT_SETTINGS = ("TIDINGS_FILE", "TIDINGS_SUPERVISOR", "TIDINGS_TEST_")
#: Secrets that stand in every manual.
WORTHLESS = frozenset({"changeme", "change-me", "default", "secret", "password", "admin", "example", "test", "tidings"})
SECRET_NAMES = ("secret", "password", "token", "key")


def is_worthless(secret: str) -> bool:
    """Say whether a secret is known to everybody."""
    return secret.strip().lower() in WORTHLESS


def worthless_secrets(settings: Mapping[str, object], *, inside: str) -> Iterator[Problem]:
    """Yield a problem for each setting that is named like a secret and holds a well-known word."""
    for name, value in settings.items():
        secret = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        if isinstance(secret, str) and name.endswith(SECRET_NAMES) and is_worthless(secret):
            yield Problem(sentence="a secret that everybody knows is none; make one of your own", field=f"{inside}.{name}")


def file_is_readable(file: Path) -> None:
    """Make sure that the settings file, where there is one, is TOML.

    Raises:
        InputRefused: it is not; the reader's own words say where.
    """
    try:
        tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise refuse("the settings file cannot be read: {reason}", file=str(file), reason=error) from None


def unknown_variables(environment: Mapping[str, str], known: Collection[str]) -> list[Problem]:
    """List the variables that look like settings and are none, so that a slip of the pen is not silently ignored."""
    return [
        Problem(sentence="there is no such setting; expected one of {known}", values={"known": ", ".join(sorted(known))}, field=name)
        for name in sorted(environment)
        if name.startswith(PREFIX)
        and not name.startswith(NOT_SETTINGS)
        and name.removeprefix(PREFIX).partition("__")[0].lower() not in known
    ]


def problems_in(error: ValidationError, *, file: Path, environment: Mapping[str, str]) -> list[Problem]:
    """Translate what pydantic found; what was written is never repeated, for it may be a secret."""
    return [_problem(dict(each), file, environment) for each in error.errors(include_url=False, include_input=False, include_context=False)]


def _problem(found: Mapping[str, object], file: Path, environment: Mapping[str, str]) -> Problem:
    place = found["loc"]
    path = tuple(map(str, place)) if isinstance(place, tuple) else ()
    variable = next((name for name in (PREFIX + "__".join(path[:depth]).upper() for depth in range(len(path), 0, -1)) if name in environment), None)
    values = {"reason": str(found["msg"]).removeprefix("Value error, ")}
    if variable is not None:
        return Problem(sentence="this setting cannot be used: {reason}", values=values, field=variable)
    return Problem(sentence="this setting cannot be used: {reason}", values=values, file=str(file), field=".".join(path) or None)
