"""A source that could not be read, said without its address and without anybody's data."""

import re

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from language.problems import Problem

#: What a name was resolved to, which drivers like to add.
_RESOLVED = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<=[(\[])[0-9a-fA-F:]*:[0-9a-fA-F:]*(?=[)\]])")


class SourceFailed(Exception):
    """Somebody else's database could not be read; what was read before stays."""

    def __init__(self, sentence: str, /, **values: object) -> None:
        super().__init__(sentence)
        self.problem = Problem(sentence=sentence, values=values)


def failure_of(error: Exception, url: URL) -> SourceFailed:
    """Say what went wrong in the driver's words, where those can hold no data, with every part of the address left out."""
    orig = error.orig if isinstance(error, DBAPIError) else error
    why = type(orig).__name__
    if isinstance(error, OperationalError | ProgrammingError):
        why = f"{why}: {_without_address(str(orig).strip().partition(chr(10))[0], url)}"
    return SourceFailed("it cannot be read: {why}", why=why[:300])


def _without_address(words: str, url: URL) -> str:
    given = (value for values in url.query.values() for value in ([values] if isinstance(values, str) else values))
    secrets = (url.password, url.host, url.username, url.database, *given)
    for secret in sorted((str(each) for each in secrets if each), key=len, reverse=True):
        words = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "…", words)
    return _RESOLVED.sub("…", words)
