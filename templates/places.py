"""Where in which file a piece of a template is written."""

from dataclasses import replace
from pathlib import Path

from language.problems import Problem
from templates.template import Folder


class Place:
    """Where a part is written, so that a problem's line is the line of its file."""

    def __init__(self, read: Folder, folder: Path, channel: str, language: str, part: str) -> None:
        self.channel, self.language, self.part = channel, language, part
        self.source: str = (read.content or {})["parts"][channel][language][part]
        name = read.file_of(channel, language, part)
        self.file = str(folder / name)
        document = read.documents.get(name)
        self._first = document.line_of((part,)) or 1 if document else 1
        self._field = part if document else None

    def put(self, problem: Problem) -> Problem:
        """Say where in the file a problem of the source is."""
        line = None if problem.line is None else problem.line + self._first - 1
        return replace(problem, file=self.file, line=line, field=self._field)
