"""Maps of import files kept by name, and picked by themselves for a file whose header was seen before."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from sqlalchemy import Connection

from language.documents import read_document, validate
from language.problems import refuse
from members.definitions import Definition, load_definitions, save_definitions
from members.import_maps import MemberMap
from members.text_files import TextFile, first_row

NAME = re.compile(r"[\w-]{1,100}")


class SavedMap(Definition):
    """A map with a name, as a file of its own::

    import_map: cash-desk
    header: [编码, 联系方式, 出生]     # optional: files with this header are read by this map
    map: {key: 编码, phone: 联系方式, birthday: 出生}
    """

    kind: ClassVar[str] = "import_map"
    import_map: str
    header: tuple[str, ...] = ()
    map: MemberMap


@dataclass(frozen=True, kw_only=True)
class ChosenMap:
    """The map a file is read by; None: its columns are known by their headers."""

    mapping: MemberMap | None = None
    name: str | None = None  #: of a saved one
    by_header: bool = False  #: it was picked because the header was seen before


def choose_map(connection: Connection, file: TextFile, named: str | None) -> ChosenMap:
    """Return the map of this file or name, or the saved one whose header the file has.

    Raises:
        InputRefused: no map has this name and no file either, or the map file is wrong.
    """
    saved = load_definitions(connection, SavedMap)
    if named is None:
        return _by_header(saved.values(), file)
    if Path(named).suffix in (".yaml", ".yml") or Path(named).is_file():
        return _from_file(Path(named))
    if named not in saved:
        raise refuse(
            "there is no map {name}; expected a map file (*.yaml) or one of {known}",
            name=named,
            known=", ".join(saved) or "—",
        )
    return ChosenMap(mapping=saved[named].map, name=named)


def check_name(name: str) -> None:
    """Say before anything is done whether a map can be kept under this name.

    Raises:
        InputRefused: it cannot.
    """
    if not NAME.fullmatch(name):
        raise refuse("{name} is no name; expected letters, digits and dashes", name=repr(name)[:120])


def save_map(connection: Connection, name: str, mapping: MemberMap, header: Sequence[str], *, now: datetime) -> None:
    """Keep a map and the header it was used with under this name."""
    save_definitions(connection, [SavedMap(import_map=name, header=tuple(header), map=mapping)], now=now)


def _from_file(path: Path) -> ChosenMap:
    document = read_document(path)
    if isinstance(document.data, dict) and "import_map" in document.data:
        told = validate(SavedMap, document)
        return ChosenMap(mapping=told.map, name=told.name)
    return ChosenMap(mapping=validate(MemberMap, document))


def _by_header(saved: Iterable[SavedMap], file: TextFile) -> ChosenMap:
    maps = [one for one in saved if one.header]
    headers = {delimiter: tuple(first_row(file, delimiter)) for delimiter in {one.map.delimiter for one in maps}}
    for one in maps:
        if headers[one.map.delimiter] == one.header:
            return ChosenMap(mapping=one.map, name=one.name, by_header=True)
    return ChosenMap()
