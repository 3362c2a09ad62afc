"""What people define in files about members' lives: tiers, points, surveys, …, kept by kind and name.

A file defines one thing; its first key says of which kind it is and what it is called::

    survey: after-purchase
    question: {zh: 您有多大可能向朋友推荐我们？, en: How likely are you to recommend us?}
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from database.member_tables import definitions
from language.documents import read_document, validate
from language.problems import InputRefused, Problem, refuse
from members.mistakes import mistake

_NAME = re.compile(r"[\w-]{1,100}")


class Definition(BaseModel):
    """One thing that is defined; a subclass names its ``kind``, which is also the field that holds the name."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: ClassVar[str]

    @property
    def name(self) -> str:
        return str(getattr(self, self.kind))

    @model_validator(mode="after")
    def _has_a_name(self) -> Self:
        if not _NAME.fullmatch(self.name):
            raise mistake("{name} is no name; expected letters, digits and dashes", name=repr(self.name)[:120])
        return self


Defined = TypeVar("Defined", bound=Definition)


@dataclass(frozen=True, kw_only=True)
class DefinitionsApplied:
    """What saving a set of definitions changed, by name."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]


def read_definitions(path: Path, model: type[Defined]) -> list[Defined]:
    """Read a definition file, or every one (``*.yaml``) of a folder in the order of their names.

    Raises:
        InputRefused: with file, line and field of everything that is wrong in any of them; a name is
            defined twice; or there is no file.
    """
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    problems: list[Problem] = []
    found: dict[str, Defined] = {}
    for file in files:
        try:
            document = read_document(file)
            one = validate(model, document)
        except InputRefused as refused:
            problems.extend(refused.problems)
            continue
        if one.name in found:
            problems.append(document.problem("{name} is defined twice", (model.kind,), name=one.name))
        found[one.name] = one
    if not files:
        problems.append(Problem(sentence="no definition files (*.yaml) are in this folder", file=str(path)))
    if problems:
        raise InputRefused(problems)
    return list(found.values())


def save_definitions(connection: Connection, wanted: Sequence[Definition], *, now: datetime) -> DefinitionsApplied:
    """Keep these definitions; those of their kind that are not named stay as they are."""
    if not wanted:
        return DefinitionsApplied(new=(), changed=(), unchanged=())
    kind = wanted[0].kind
    known = _kept(connection, kind)
    written = {one.name: one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in wanted}
    fresh = {name: what for name, what in written.items() if known.get(name) != what}
    if fresh:
        told = upsert(definitions)
        keep = told.on_conflict_do_update(
            index_elements=["kind", "name"],
            set_={"definition": told.excluded.definition, "updated_at": told.excluded.updated_at},
        )
        rows = [{"kind": kind, "name": name, "definition": fresh[name], "updated_at": now} for name in sorted(fresh)]
        connection.execute(keep, rows)
    return DefinitionsApplied(
        new=tuple(name for name in written if name not in known),
        changed=tuple(name for name in fresh if name in known),
        unchanged=tuple(name for name in written if name not in fresh),
    )


def load_definitions(connection: Connection, model: type[Defined]) -> dict[str, Defined]:
    """Return every definition of this model's kind, by name."""
    return {name: model.model_validate(what) for name, what in _kept(connection, model.kind).items()}


def load_definition(connection: Connection, model: type[Defined], name: str) -> Defined:
    """Return the definition of this name.

    Raises:
        InputRefused: there is none; the nearest is named.
    """
    known = load_definitions(connection, model)
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        raise refuse("there is no {noun} called {name}; is it {near}?", noun=model.kind, name=name, near=near[0])
    listed = ", ".join(sorted(known)[:20]) or "—"
    raise refuse("there is no {noun} called {name}; there are: {known}", noun=model.kind, name=name, known=listed)


def drop_definition(connection: Connection, model: type[Definition], name: str) -> bool:
    """Forget a definition; return whether there was one."""
    found = delete(definitions).where(definitions.c.kind == model.kind, definitions.c.name == name)
    return connection.execute(found).rowcount > 0


def _kept(connection: Connection, kind: str) -> Mapping[str, object]:
    columns = select(definitions.c.name, definitions.c.definition)
    found = connection.execute(columns.where(definitions.c.kind == kind).order_by(definitions.c.name))
    return {row.name: row.definition for row in found}
