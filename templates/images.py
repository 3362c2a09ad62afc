"""Pictures that travel inside a mail.

They lie in the folder ``images`` of a template and are spoken of as ``images/logo.png`` or
``cid:logo.png``.  In the finished mail each has a Content-ID that holds a piece of its
digest, so that no mail program shows another mail's picture of the same name.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from language.problems import Problem

NO_IMAGES: Final[Mapping[str, bytes]] = MappingProxyType({})
FOLDER: Final = "images"
LARGEST: Final = 200_000  #: bytes of one picture
LARGEST_TOGETHER: Final = 500_000

#: Ending of a file to what its first bytes are.
MAGIC: Final[Mapping[str, tuple[bytes, ...]]] = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpg": (b"\xff\xd8\xff",),
    "jpeg": (b"\xff\xd8\xff",),
    "gif": (b"GIF87a", b"GIF89a"),
}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}\.(?P<ending>png|jpe?g|gif)")
#: A picture spoken of in an attribute or a style.
_SPOKEN: Final = re.compile(r"(?<=[\"'(;])(?:\./)?(?:images/|cid:)(?P<name>[A-Za-z0-9._@-]+)(?=[\"')&])")


def read_images(folder: Path) -> tuple[dict[str, bytes], list[Problem]]:
    """Return the pictures of a folder by file name, and what is wrong with the others."""
    images: dict[str, bytes] = {}
    problems = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        wrong = _wrong(path)
        if wrong is None:
            images[path.name] = path.read_bytes()
        else:
            problems.append(wrong)
    return images, problems


def _wrong(path: Path) -> Problem | None:
    found = _NAME.fullmatch(path.name)
    values: dict[str, object] = {}
    if path.suffix.lower() == ".svg":
        sentence = "an SVG is shown by hardly any mail program and can hold scripts; expected png, jpg or gif"
    elif found is None or not path.is_file():
        sentence = "expected a png, jpg or gif with a name of letters, digits, - and _"
    elif path.stat().st_size > LARGEST:
        sentence, values = "the picture is larger than {kilobytes} kB", {"kilobytes": LARGEST // 1000}
    else:
        with path.open("rb") as file:
            if file.read(8).startswith(MAGIC[found["ending"]]):
                return None
        sentence, values = "the file's content is no {kind}", {"kind": found["ending"]}
    return Problem(sentence=sentence, values=values, file=str(path))


def content_id(name: str, content: bytes) -> str:
    """Return the Content-ID of a picture, without its angle brackets."""
    stem, _, ending = name.rpartition(".")
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:12]}.{ending}@tidings"


def spoken_of(html: str) -> Iterator[re.Match[str]]:
    """Yield every place where finished HTML speaks of a picture that travels with it; ``name`` is its group."""
    return _SPOKEN.finditer(html)


def with_content_ids(html: str, images: Mapping[str, bytes]) -> tuple[str, dict[str, str]]:
    """Return HTML that names its pictures by Content-ID, and those pictures in base64; unknown ones are left alone."""
    used: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        content = images.get(found["name"])
        if content is None:
            return found[0]
        identity = content_id(found["name"], content)
        used[identity] = base64.b64encode(content).decode()
        return f"cid:{identity}"

    return _SPOKEN.sub(named, html), used


def carried(content: Mapping[str, Any]) -> Mapping[str, Mapping[str, bytes]]:
    """Return what the mail of each language carries, by Content-ID, from finished content."""
    known = {name: base64.b64decode(said) for name, said in sorted(content.get("images", {}).items())}
    return {
        language: MappingProxyType({name: image for name, image in known.items() if f"cid:{name}" in parts["html"]})
        for language, parts in content["parts"].get("email", {}).items()
        if "html" in parts
    }
