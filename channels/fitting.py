"""What a provider told or answered, made fit to be kept.

JSON and XML say things that no table has a place for: a zero inside a text, half a character, a number that is none,
a key of a megabyte.  One of them would keep everything that came beside it from being stored, and be pushed again for
ever.  Here each is replaced by what is nearest to it; whatever can be kept stays as it came.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from channels.message import Callback, Contact, DeliveryReport, Grant, Outcome, Reply

LONGEST_KEY = 300  #: characters of what tells one thing told from another; longer ones end in their digest
LONGEST_NAME = 320  #: characters of addresses, references and codes
LONGEST_WORDS = 10_000  #: characters of what a member wrote
DEEPEST = 16  #: objects within each other in a report's own words
_UNFIT = re.compile("[\0\ud800-\udfff]")
#: The same in JSON, where a zero is spelt out.
_UNFIT_JSON = re.compile(r"\\u0000|[\ud800-\udfff]")

Named = TypeVar("Named", Reply, Contact, Grant)


def fitted(told: Callback) -> Callback:
    """Return what was told with every text, number and key in it fit for the tables."""
    return replace(
        told,
        reports=tuple(map(fitted_report, told.reports)),
        replies=tuple(replace(_named(each), text=_words(each.text)) for each in told.replies),
        contacts=tuple(replace(_named(each), detail=_name(each.detail)) for each in told.contacts),
        grants=tuple(replace(_named(each), template_code=_cut(each.template_code)) for each in told.grants),
    )


def fitted_report(report: DeliveryReport) -> DeliveryReport:
    """Return a report, pushed or asked for, with everything in it fit for the tables."""
    return replace(
        report,
        key=_key(report.key),
        reference=_name(report.reference),
        provider_ref=_name(report.provider_ref),
        code=_name(report.code),
        raw=_raw(report.raw),
    )


def fitted_outcome(outcome: Outcome) -> Outcome:
    """Return an answer with its code and the provider's id of the message fit for the tables; nearly all are already."""
    said = f"{outcome.provider_ref}{outcome.code}"
    if len(said) <= LONGEST_NAME and not _UNFIT.search(said):
        return outcome
    return replace(outcome, provider_ref=_name(outcome.provider_ref), code=_name(outcome.code))


def _named(each: Named) -> Named:
    return replace(each, key=_key(each.key), address=_cut(each.address))


def _key(key: str) -> str:
    """Return the key; one that cannot stay keeps its beginning, and a digest tells it from others."""
    fit = _UNFIT.sub("\ufffd", key)
    if fit == key and len(key) <= LONGEST_KEY:
        return key
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{fit[:200]}:{digest[:32]}"


def _name(words: str | None) -> str | None:
    return None if words is None else _cut(words)


def _cut(words: str) -> str:
    return _UNFIT.sub("\ufffd", words)[:LONGEST_NAME]


def _words(words: str) -> str:
    return _UNFIT.sub("\ufffd", words)[:LONGEST_WORDS]


def _raw(raw: Mapping[str, object]) -> Mapping[str, object]:
    """Return a provider's own words, as they came wherever PostgreSQL can keep them."""
    try:
        spelled = json.dumps(raw, ensure_ascii=False, allow_nan=False)
        if not _UNFIT_JSON.search(spelled):
            return raw
    except (ValueError, RecursionError):
        pass
    return {_UNFIT.sub("\ufffd", name): _value(value, 1) for name, value in raw.items()}


def _value(value: object, depth: int) -> object:
    if isinstance(value, str):
        return _UNFIT.sub("\ufffd", value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict | list) and depth >= DEEPEST:
        return None
    if isinstance(value, dict):
        return {_UNFIT.sub("\ufffd", str(name)): _value(each, depth + 1) for name, each in value.items()}
    return [_value(each, depth + 1) for each in value] if isinstance(value, list) else value
