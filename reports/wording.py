"""How numbers and verdicts are said to people, in English and Chinese, on a screen and on a page."""

import math
from collections.abc import Mapping
from decimal import Decimal

from language.chinese import CHINESE

TOO_FEW = "too few"
UNBOUNDED = "unbounded"

#: The sentence for each verdict; the key is what JSON carries.
VERDICTS: Mapping[str, str] = {
    "helped": "The messages helped: treated members responded more than the control.",
    "harmed": "The messages harmed: treated members responded less than the control.",
    "not shown": "No effect shown. That is not the same as no effect: read the interval.",
    "too few": "Too few members or responses to say anything.",
    "sample ratio mismatch": "Sample ratio mismatch: the arms do not have the sizes that were drawn, so no lift is shown.",
    "no control group": "Nobody was held back, so what the messages caused cannot be known.",
    "no goal": "No goal was set, so nothing counts as a response.",
}


def said(sentence: str, language: str, /, **values: object) -> str:
    """Return the sentence in ``zh`` or ``en`` with its ``{values}`` filled in."""
    words = CHINESE.get(sentence, sentence) if language.startswith("zh") else sentence
    return words.format(**values) if values else words


def _unsaid(value: float | None, language: str) -> str | None:
    if value is None or math.isnan(value):
        return said(TOO_FEW, language)
    if math.isinf(value):
        return said(UNBOUNDED, language)
    return None


def percent(value: float | None, language: str = "en", *, signed: bool = False) -> str:
    """Write a fraction as a percentage with about three telling digits."""
    if value is None or not math.isfinite(value):
        return _unsaid(value, language) or ""
    hundred = value * 100
    digits = 0 if value == 0 else 1 if abs(hundred) >= 10 else 2 if abs(hundred) >= 1 else 3
    return f"{hundred:{'+' if signed else ''},.{digits}f}\u00a0%"


def points(value: float | None, language: str = "en") -> str:
    """Write a difference of two rates in percentage points, with its sign."""
    if value is None or not math.isfinite(value):
        return _unsaid(value, language) or ""
    hundred = value * 100
    digits = 2 if abs(hundred) >= 10 else 3
    return f"{hundred:+,.{digits}f}\u00a0{said('pp', language)}"


def amount(value: float | Decimal | None, language: str = "en", *, signed: bool = False) -> str:
    """Write money or a mean: two decimals from 100 up, four below."""
    number = None if value is None else float(value)
    if number is None or not math.isfinite(number):
        return _unsaid(number, language) or ""
    return f"{number:{'+' if signed else ''},.{2 if abs(number) >= 100 else 4}f}"


def count(value: float | None, language: str = "en", *, signed: bool = False) -> str:
    """Write a whole number of members or messages."""
    if value is None or not math.isfinite(value):
        return _unsaid(value, language) or ""
    return f"{round(value):{'+' if signed else ''},}"


def p_text(value: float | None, language: str = "en") -> str:
    """Write a p-value: four decimals, or powers of ten where that would read as zero."""
    if value is None:
        return _unsaid(value, language) or ""
    return f"{value:.4f}" if value >= 0.0001 else f"{value:.1e}"


def verdict_sentence(verdict: str, language: str = "en") -> str:
    """Return the sentence for a verdict as JSON carries it."""
    return said(VERDICTS.get(verdict, verdict), language)
