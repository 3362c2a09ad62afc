"""All templates of a folder or several, read and checked."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from language.problems import InputRefused, Problem, refuse
from templates.attributes_said import undefined_attributes
from templates.checking import Checked, check_folder
from templates.template import canonical, read_folder

BUILT_IN: Final = Path(__file__).parent / "messages"


class Library:
    """Templates by name, read and checked when first asked for and unchanged from then on.

    One template that cannot be used therefore stops whoever wants it and nobody else.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = dict(folders)
        self._checked: dict[str, Checked] = {}

    def names(self) -> Sequence[str]:
        """Return the names of all templates in their order."""
        return sorted(self._folders)

    def folder(self, name: str) -> Path:
        """Return the folder of a template.

        Raises:
            InputRefused: there is no such template.
        """
        if name not in self._folders:
            known = ", ".join(self.names())
            raise refuse("there is no template {name}; the library has {known}", name=name, known=known)
        return self._folders[name]

    def content(self, name: str) -> dict[str, Any]:
        """Return everything a template is, as one JSON-able dict that needs no file any more.

        Raises:
            InputRefused: there is no such template, or it cannot be used; every problem is told.
        """
        checked = self._look_at(name)
        if checked.content is None:
            raise InputRefused(checked.problems)
        return dict(checked.content)

    def warnings(self, name: str, *, attributes: Collection[str] = ()) -> Sequence[Problem]:
        """Return what the author of a template may want to change, though it may be sent as it is.

        Where ``attributes`` are given, which are those that somebody defined, also which others the words say.

        Raises:
            InputRefused: there is no such template.
        """
        return (*self._look_at(name).warnings, *undefined_attributes(self.folder(name), attributes))

    def _look_at(self, name: str) -> Checked:
        folder = self.folder(name)
        if name not in self._checked:
            self._checked[name] = check_template(folder)
        return self._checked[name]

    def channels(self, name: str) -> frozenset[str]:
        """Return the channels for which a template has words."""
        return frozenset(self.content(name)["parts"])


def load_library(*folders: Path) -> Library:
    """Find every template of these folders, of two that have one name the later one; without a folder, ours.

    Raises:
        InputRefused: there is no such folder.
    """
    return Library({path.name: path for folder in folders or (BUILT_IN,) for path in template_folders(folder)})


def template_folders(folder: Path) -> list[Path]:
    """Return the template folders inside a folder."""
    if not folder.is_dir():
        raise refuse("there is no such folder", file=str(folder))
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(("_", ".")))


def check_template(folder: Path) -> Checked:
    """Look at one template folder: no problems means it may be sent."""
    return check_folder(read_folder(folder), folder)


def digest(content: Mapping[str, object]) -> str:
    """Return the SHA-256 by which this very content is known, whatever the order of its keys."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()
