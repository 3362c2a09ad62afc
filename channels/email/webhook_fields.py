"""Reading what mail providers tell by webhook: fields of any shape, their age, and whose fault a failure was."""

import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

from channels.email.replies import Reply, Stage, refusal
from channels.errors import CallbackRefused, ContentRefused, ProviderMisconfigured, ProviderUnavailable

_REPLY_CODE = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.])")
_ENHANCED = re.compile(r"(?<![\d.])([45])\.\d{1,3}\.\d{1,3}(?![\d.])")
#: Mailbox full, message too large for it.
_FULL = re.compile(r"(?<![\d.])5\.2\.[23](?!\d)|mailbox (?:is )?full|over ?quota", re.IGNORECASE)
AHEAD = timedelta(minutes=5)  #: how far their clock may be ahead of ours
_NOT_THE_ADDRESS = (ProviderUnavailable, ProviderMisconfigured, ContentRefused)
Fields = Mapping[str, object]


def read_json(body: bytes | str, provider: str) -> object:
    """Read a body that has to be JSON.

    Raises:
        CallbackRefused: it is not.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise CallbackRefused("the callback is not JSON", provider=provider) from None


def inner(fields: Fields, name: str) -> Fields:
    """Return the object that lies under a name, an empty one where there is none."""
    found = fields.get(name)
    return cast(Fields, found) if isinstance(found, dict) else {}


def objects(fields: Fields, name: str) -> list[Fields]:
    """Return the objects of the list that lies under a name."""
    found = fields.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def words(fields: Fields, name: str) -> str:
    """Return the text or number that lies under a name, or nothing."""
    found = fields.get(name)
    return str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else ""


def moment(said: object) -> datetime | None:
    """Read a moment in ISO 8601 or in seconds since 1970, as aware UTC; None: it is neither."""
    try:
        if isinstance(said, str):
            return datetime.fromisoformat(said).astimezone(UTC)
        return datetime.fromtimestamp(said, UTC) if isinstance(said, int | float) else None
    except (ValueError, OverflowError, OSError):
        return None


def utc_now() -> datetime:
    """Return the time by this machine's clock, as aware UTC."""
    return datetime.fromtimestamp(time.time(), UTC)


def is_fresh(at: datetime | None, *, now: datetime, window: timedelta) -> bool:
    """Say whether a moment is neither older than ``window`` nor further ahead than clocks differ; None is not."""
    return at is not None and now - window <= at <= now + AHEAD


def is_about_the_address(said: str) -> bool:
    """Say whether a failure the provider calls permanent may be the address's own fault.

    It is not where the receiving server's words speak of our sending, of the text, of a full
    mailbox, or of trying again; such a failure must never suppress an address.
    """
    if _FULL.search(said):
        return False
    enhanced, code = _ENHANCED.search(said), _REPLY_CODE.search(said)
    number = int(code[1]) if code else 450 if enhanced and enhanced[1] == "4" else 550
    return not isinstance(refusal(Reply(number, f"{number} {said}".encode()), Stage.RECIPIENT), _NOT_THE_ADDRESS)
