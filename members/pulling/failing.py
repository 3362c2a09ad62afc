"""A source that could not be read, said without its address and without anybody's data."""

import re
from collections.abc import Sequence

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from language.problems import Problem
from members.pulling.source import Source

#: What a name was resolved to, which drivers like to add.
_RESOLVED = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<=[(\[])[0-9a-fA-F:]*:[0-9a-fA-F:]*(?=[)\]])")


#: Words of MySQL that quote what stands in a column.
_VALUE = re.compile(r"\bvalues?\b", re.IGNORECASE)


class SourceFailed(Exception):
    """Somebody else's database could not be read; what was read before stays."""

    def __init__(self, sentence: str, /, *, field: str | None = None, **values: object) -> None:
        super().__init__(sentence)
        self.problem = Problem(sentence=sentence, values=values, field=field)


def failure_of(error: Exception, url: URL, source: Source) -> SourceFailed:
    """Say what went wrong in the driver's words, where those can hold no data, with every part of the address left out."""
    orig = error.orig if isinstance(error, DBAPIError) else error
    why, field = type(orig).__name__, None
    if isinstance(error, OperationalError | ProgrammingError):
        words = _words(orig)
        field = _field_in(words, source) or ("query" if source.query and isinstance(error, ProgrammingError) else None)
        why = f"{why}: {_without_address(words, url)}"
    return SourceFailed("it cannot be read: {why}", field=field, why=why[:300])


def _words(error: object) -> str:
    """Return the first line of what a driver says; of one that tells a number as well, without words about a value."""
    told: Sequence[object] = getattr(error, "args", ())
    if len(told) == 2 and isinstance(told[0], int):
        return str(told[0]) if _VALUE.search(str(told[1])) else f"{told[0]} {str(told[1]).strip().partition(chr(10))[0]}"
    return str(error).strip().partition("\n")[0]


def _field_in(words: str, source: Source) -> str | None:
    """Return the field of the source that names the column or the table the words are about."""
    if re.search(r"\bcolumn\b", words, re.IGNORECASE):
        for name, field in sorted(source.places().items(), key=lambda each: len(each[0]), reverse=True):
            if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", words):
                return field
    table = (source.table or "").rpartition(".")[2]
    return "table" if table and re.search(rf"\b(table|relation)\b.*(?<!\w){re.escape(table)}(?!\w)", words, re.IGNORECASE) else None


def _without_address(words: str, url: URL) -> str:
    given = (value for values in url.query.values() for value in ([values] if isinstance(values, str) else values))
    secrets = (url.password, url.host, url.username, url.database, *given)
    for secret in sorted((str(each) for each in secrets if each), key=len, reverse=True):
        words = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "…", words)
    return _RESOLVED.sub("…", words)
