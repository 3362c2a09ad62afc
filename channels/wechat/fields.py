"""A pushed XML or JSON text as fields, without ever doing more work than the text is worth.

Anybody may post to a public address, and in safe mode the text must be read before its signature can be
checked.  So size, depth and number of elements have limits, and a document type is refused where it begins.

Source: https://docs.python.org/3/library/pyexpat.html and the XML vulnerabilities it lists, read in November 2026.
"""

import json
from collections.abc import Mapping
from typing import NoReturn
from xml.parsers import expat

LARGEST = 1 << 16  #: bytes
DEEPEST = 8  #: elements within each other; the deepest documented push has four
MOST = 2000  #: elements

Value = str | dict[str, "Value"] | list["Value"]


class Unreadable(ValueError):
    """It is no push of WeChat's."""


def read_fields(body: bytes) -> Mapping[str, object]:
    """Return the fields of a push; one that is repeated becomes a list, one with fields inside a mapping.

    Raises:
        Unreadable: it is neither XML nor JSON with fields, too large, too deep, or declares a document type.
    """
    if len(body) > LARGEST:
        raise Unreadable("the push is too large")
    try:
        text = body.decode()
        fields = _json(text) if text.lstrip().startswith("{") else _Tree().read(text)
    except (ValueError, RecursionError, expat.ExpatError):
        raise Unreadable("the push is neither XML nor JSON of the documented form") from None
    if not isinstance(fields, dict):
        raise Unreadable("the push has no fields")
    return fields


def _json(text: str) -> object:
    fields = json.loads(text)
    again = json.dumps(fields, ensure_ascii=False)
    again.encode()  # Half a character by itself cannot be stored, and neither can a zero.
    if "\\u0000" in again:
        raise Unreadable
    return fields


class _Tree:
    """Puts together what the parser reports; it stops the parser by raising."""

    def __init__(self) -> None:
        self._open: list[tuple[str, list[str], dict[str, Value]]] = []
        self._elements = 0
        self._whole: Value = ""
        # Told its coding, the parser believes no declaration of another, under which a document type might hide.
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _refuse
        self._parser.EntityDeclHandler = _refuse
        self._parser.ProcessingInstructionHandler = _refuse
        self._parser.StartElementHandler = self._start
        self._parser.CharacterDataHandler = self._text
        self._parser.EndElementHandler = self._end

    def read(self, text: str) -> Value:
        self._parser.Parse(text.encode(), True)
        return self._whole

    def _start(self, name: str, _: object) -> None:
        self._elements += 1
        if len(self._open) >= DEEPEST or self._elements > MOST:
            raise Unreadable
        self._open.append((name, [], {}))

    def _text(self, words: str) -> None:
        self._open[-1][1].append(words)

    def _end(self, _: str) -> None:
        name, words, fields = self._open.pop()
        value: Value = fields or "".join(words)
        if not self._open:
            self._whole = value
            return
        outer = self._open[-1][2]
        before = outer.get(name)
        if before is None:
            outer[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            outer[name] = [before, value]


def _refuse(*_: object) -> NoReturn:
    raise Unreadable
