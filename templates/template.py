"""The form of a template folder, and how it becomes one value.

A folder ``messages/<name>/`` holds ``template.yaml`` and one file per channel, language and
part: ``sms.zh.txt``, ``email.zh.subject.txt``, ``email.zh.html`` or ``email.zh.mjml``,
``email.zh.txt`` and ``wechat.zh.yaml`` (field of the approved WeChat template → words); the
folder ``images`` holds the pictures of its mails.  Read together and finished they are one
JSON-able dict, the template's *content*, which needs nothing else to be rendered and is kept
for ever under its digest.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from language.documents import Document, read_document, validate
from language.problems import InputRefused, Problem
from templates.images import FOLDER as IMAGES
from templates.images import read_images

LANGUAGES: Final = ("zh", "en")
CHANNELS: Final = ("sms", "email", "wechat")
SHEET: Final = "template.yaml"
LARGEST_FILE: Final = 256 * 1024  #: bytes; the source inside is held to less

#: Channel and ending of a file to the part it holds.
PART_FILES: Final[Mapping[tuple[str, str], str]] = {
    ("sms", "txt"): "text",
    ("email", "subject.txt"): "subject",
    ("email", "html"): "html",
    ("email", "mjml"): "html",
    ("email", "txt"): "text",
    ("wechat", "yaml"): "fields",
}
ENDINGS: Final = {"subject": "subject.txt", "html": "html", "text": "txt"}  #: of an email's parts
EXAMPLE_FILES: Final = (
    "sms.zh.txt, email.zh.subject.txt, email.zh.html, email.zh.mjml, email.zh.txt, wechat.zh.yaml, images/logo.png"
)
FOLDER_FORM: Final = r"[a-z0-9][a-z0-9-]{0,59}"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
#: The name of a fact, or of a part of one such as orders.next_category.
FactName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}(\.[a-z][a-z0-9_]{0,39})?$")]
Scalar = str | int | float | bool
Default = Scalar | dict[Literal["zh", "en"], Scalar]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SmsSheet(_Strict):
    """What is special about a template's text messages."""

    market: Literal["cn", "intl"] = "cn"  #: whose rules count and bill the parts
    most_parts: int = Field(default=2, ge=1, le=10)  #: an estimate above this is refused at check


class TemplateSheet(_Strict):
    """``template.yaml``: everything about a template that is not its words."""

    title: dict[Literal["zh", "en"], str]
    purpose: Literal["marketing", "service"]
    default_language: Literal["zh", "en"] = "zh"
    facts: dict[FactName, Default] = Field(default_factory=dict)  #: what to say where a member has no such fact
    links: dict[Name, str] = Field(default_factory=dict)  #: tracked links; an address each
    sms: SmsSheet = SmsSheet()


@dataclass(kw_only=True)
class Folder:
    """What was read from one template folder."""

    name: str
    content: dict[str, Any] | None = None  #: as it is written; None: the sheet could not be used
    problems: list[Problem] = field(default_factory=list)
    documents: dict[str, Document] = field(default_factory=dict)  #: YAML files read, by file name
    images: dict[str, bytes] = field(default_factory=dict)  #: by file name
    mjml: set[str] = field(default_factory=set)  #: languages whose html is written in MJML

    def file_of(self, channel: str, language: str, part: str) -> str:
        """Name the file in which a part is written."""
        if (channel, part) == ("email", "html") and language in self.mjml:
            return f"email.{language}.mjml"
        return source_file(channel, language, part)

    def refuse(self, path: Path, sentence: str, **values: object) -> None:
        """Note a problem of a whole file."""
        self.problems.append(Problem(sentence=sentence, values=values, file=str(path)))


def canonical(content: Mapping[str, object]) -> str:
    """Write content as text that is the same for the same content, whatever the order of its keys."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def source_file(channel: str, language: str, part: str) -> str:
    """Name the file in which a part is usually written."""
    if channel == "wechat":
        return f"wechat.{language}.yaml"
    return f"{channel}.{language}.{ENDINGS[part] if channel == 'email' else 'txt'}"


def read_folder(folder: Path) -> Folder:
    """Read a template folder; what cannot be used is listed as problems."""
    read = Folder(name=folder.name)
    if not re.fullmatch(FOLDER_FORM, folder.name):
        sentence = "the folder's name {name} must be of small letters, digits and hyphens"
        read.refuse(folder, sentence, name=folder.name)
    parts: dict[str, dict[str, dict[str, str]]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name == IMAGES and path.is_dir():
            read.images, problems = read_images(path)
            read.problems += problems
        elif path.name != SHEET and not path.name.startswith("."):
            _read_part(path, parts, read)
    try:
        read.documents[SHEET] = read_document(folder / SHEET)
        sheet = validate(TemplateSheet, read.documents[SHEET])
    except InputRefused as refused:
        read.problems += refused.problems
        return read
    read.content = {"name": folder.name, **sheet.model_dump(mode="json"), "parts": parts}
    return read


def _read_part(path: Path, parts: dict[str, dict[str, dict[str, str]]], read: Folder) -> None:
    channel, _, rest = path.name.partition(".")
    language, _, ending = rest.partition(".")
    part = PART_FILES.get((channel, ending))
    if part is None or language not in LANGUAGES:
        read.refuse(path, "no channel takes this file; a template has files such as {expected}", expected=EXAMPLE_FILES)
        return
    if path.stat().st_size > LARGEST_FILE:
        read.refuse(path, "the text is longer than {kilobytes} KB", kilobytes=LARGEST_FILE // 1024)
        return
    words = parts.setdefault(channel, {}).setdefault(language, {})
    try:
        if channel == "wechat":
            document = read.documents[path.name] = read_document(path)
            fields = document.data if isinstance(document.data, dict) else {}
            words.update({str(name): str(value) for name, value in fields.items()})
        else:
            source = path.read_text("utf-8")
            if part in words:
                read.refuse(path, "there is {other} already; an email is written in HTML or in MJML", other=f"{path.stem}.html")
                return
            if ending == "mjml":
                read.mjml.add(language)
            words[part] = source if part == "html" else source.strip()
    except UnicodeDecodeError:
        read.refuse(path, "the file must be text in UTF-8")
    except InputRefused as refused:
        read.problems += refused.problems
