"""Pictures inside a mail, encoded once however many mails carry them."""

import base64
import binascii
import functools
import re
from collections.abc import Mapping
from typing import Final

from channels.errors import MessageRefused

#: As in "=_tidings_alternative": no encoded picture and no HTML part can hold this line.
BOUNDARY: Final = "=_tidings_related"
_PART: Final = b"--" + BOUNDARY.encode() + b"\r\n"
_END: Final = b"\r\n--" + BOUNDARY.encode() + b"--\r\n"
_HEAD: Final = f'Content-Type: multipart/related; boundary="{BOUNDARY}"; type="text/html"\r\n\r\n'.encode()
_CONTENT_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,100}@[A-Za-z0-9.-]{1,60}")
_MAGIC: Final = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
_LINE: Final = 57  #: bytes that make a line of 76


def related(html_part: bytes, images: Mapping[str, bytes], *, provider: str) -> bytes:
    """Return an HTML part and its pictures as one part of kind multipart/related.

    Source: RFC 2387 (multipart/related), RFC 2392 (Content-ID and cid addresses).

    Raises:
        MessageRefused: a picture is of no kind that mails carry, or its Content-ID cannot stand in a header.
    """
    # Bytes keep their hash and are compared by identity first, so asking the cache costs next to nothing.
    return b"".join((_HEAD, _PART, html_part, _encoded(tuple(images.items()), provider), _END))


def attachments(images: Mapping[str, bytes], *, provider: str) -> list[dict[str, str]]:
    """Return pictures as fields of a JSON call: each with its kind, its name, its Content-ID and base64.

    Raises:
        MessageRefused: as in ``related``.
    """
    return [
        {
            "content": _base64(content),
            "type": _kind(name, content, provider),
            "filename": name.partition("@")[0],
            "disposition": "inline",
            "content_id": name,
        }
        for name, content in images.items()
    ]


@functools.lru_cache(maxsize=64)
def _encoded(images: tuple[tuple[str, bytes], ...], provider: str) -> bytes:
    return b"".join(b"\r\n" + _PART + _image(name, content, provider) for name, content in images)


@functools.lru_cache(maxsize=64)
def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _image(name: str, content: bytes, provider: str) -> bytes:
    kind = _kind(name, content, provider)
    head = (
        f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <{name}>\r\n"
        f'Content-Disposition: inline; filename="{name.partition("@")[0]}"\r\n\r\n'
    )
    lines = (
        binascii.b2a_base64(content[start : start + _LINE], newline=False) for start in range(0, len(content), _LINE)
    )
    return head.encode() + b"\r\n".join(lines)


def _kind(name: str, content: bytes, provider: str) -> str:
    if not _CONTENT_ID.fullmatch(name):
        raise MessageRefused("The name of a picture cannot stand in a mail.", provider=provider)
    for magic, kind in _MAGIC:
        if content.startswith(magic):
            return kind
    raise MessageRefused("A picture is neither PNG nor JPEG nor GIF.", provider=provider)
