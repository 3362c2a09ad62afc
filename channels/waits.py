"""How long a provider that asks for fewer calls wants to be left alone, as its answer's headers say."""

import email.utils
import re
from collections.abc import Callable
from email.message import Message

#: Reads the seconds to wait out of an answer's headers; None: they do not say.
Wait = Callable[[Message], float | None]


def retry_after(headers: Message) -> float | None:
    """Read ``Retry-After`` as seconds; a date in it is measured from the answer's own ``Date``."""
    said = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,7}", said):
        return float(said)
    try:
        until = email.utils.parsedate_to_datetime(said)
        asked = email.utils.parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (until - asked).total_seconds())
    except (TypeError, ValueError):
        return None


def until_reset(headers: Message) -> float | None:
    """Read ``Retry-After``, or else ``X-RateLimit-Reset``, a time in seconds since 1970.

    That time too is measured from the answer's own ``Date``: our clock may differ from theirs.
    """
    asked = retry_after(headers)
    said = headers.get("X-RateLimit-Reset", "").strip()
    if asked is not None or not re.fullmatch(r"\d{9,11}", said):
        return asked
    try:
        return max(0.0, int(said) - email.utils.parsedate_to_datetime(headers.get("Date", "")).timestamp())
    except (TypeError, ValueError):
        return None
