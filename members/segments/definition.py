"""Segments as people write them: a condition, an uploaded list of keys, or a sample of another segment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from language.documents import read_document
from language.problems import InputRefused, Problem, refuse
from members.comparisons import Words
from members.condition_model import Condition, Name
from members.csv_files import read_rows
from members.definitions import Definition, read_definitions
from members.expansion import expanded
from members.mistakes import mistake
from members.questions.question import Question
from members.questions.reckoned import SampleQuestion
from members.segments.storing import KeptSegment

KEY_COLUMNS = ("key", "member", "member_key", "会员号", "会员编号", "编号")
MOST_KEYS = 5_000_000


class SampleOf(Question):
    """A share of another segment, drawn by hash, so that it is the same share every day."""

    of: Name
    share: float = Field(gt=0, lt=1)
    seed: Name | None = None  #: another seed draws others; left out: the segment's own name


class Segment(Definition):
    """One segment file: exactly one of condition, list and sample."""

    kind: ClassVar[str] = "segment"

    segment: str
    title: dict[Literal["zh", "en"], Words] = Field(default_factory=dict)
    condition: Condition | None = None
    listed: str | None = Field(default=None, alias="list")  #: a CSV file beside this one, with a column of keys
    sample: SampleOf | None = None
    keep: bool = False  #: note who is in it, and tell who enters and leaves

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if sum(said is not None for said in (self.condition, self.listed, self.sample)) != 1:
            raise mistake("a segment has exactly one of condition, list and sample")
        return self

    def kept(self) -> KeptSegment:
        """Return the segment in the form it is kept in, where everything is a condition."""
        if self.condition is not None:
            kind, condition = "condition", self.condition
        elif self.sample is not None:
            drawn = SampleQuestion(share=self.sample.share, seed=self.sample.seed or self.segment)
            kind, condition = "sample", Condition(all=[Condition(segment=self.sample.of), Condition(sample=drawn)])
        else:
            kind, condition = "list", Condition(listed=self.segment)
        titles = {str(language): words for language, words in self.title.items()}
        return KeptSegment(name=self.segment, condition=condition, kind=kind, keep=self.keep, title=titles)


def segment_schema() -> dict[str, object]:
    """Return the JSON Schema of a segment file."""
    return Segment.model_json_schema(by_alias=True)


@dataclass(frozen=True, kw_only=True)
class KeyList:
    """The keys of an uploaded list, each with the line it first stands on."""

    file: str
    lines: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class SegmentFiles:
    """What segment files say: the segments, and the keys of those that are lists."""

    segments: tuple[Segment, ...]
    lists: Mapping[str, KeyList]  #: by the segment's name


def read_segments(path: Path, *, known: Mapping[str, Condition] | None = None) -> SegmentFiles:
    """Read a segment file or a folder of them, with the lists they name.

    ``known`` are segments that are kept already; None: whatever is named elsewhere is taken to be known.

    Raises:
        InputRefused: everything that is wrong in any of them, with file, line and field.
    """
    found = read_definitions(path, Segment)
    folder = path if path.is_dir() else path.parent
    problems: list[Problem] = []
    lists: dict[str, KeyList] = {}
    for one in found:
        try:
            if one.listed is not None:
                lists[one.name] = read_keys(folder / one.listed)
        except InputRefused as refused:
            problems.extend(refused.problems)
    problems += _about_each_other(path, found, _taken_as_known(found) if known is None else known)
    if problems:
        raise InputRefused(problems)
    return SegmentFiles(segments=tuple(found), lists=lists)


def _about_each_other(path: Path, found: list[Segment], known: Mapping[str, Condition]) -> list[Problem]:
    """Say which segments ask about themselves or about one nobody knows."""
    together = {**known, **{one.name: one.kept().condition for one in found}}
    problems = []
    for one in found:
        try:
            expanded(Condition(segment=one.name), together)
        except InputRefused as refused:
            problems += [_placed(problem, path, one.name) for problem in refused.problems]
    return problems


def _taken_as_known(found: list[Segment]) -> dict[str, Condition]:
    """Return something for every name that the files ask about: those they define themselves come in its place."""
    anything = Condition(sample=SampleQuestion(share=1, seed="anything"))
    known: dict[str, Condition] = {}
    waiting = [one.kept().condition for one in found]
    while waiting:
        asked = waiting.pop()
        waiting += asked.all or asked.any or ([asked.not_] if asked.not_ else [])
        if asked.listed is not None:
            known[asked.listed] = Condition(listed=asked.listed)
        elif asked.segment is not None:
            known.setdefault(asked.segment, anything)
    return known


def _placed(problem: Problem, path: Path, name: str) -> Problem:
    """Put a problem at the file that defines the segment."""
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    for file in files:
        document = read_document(file)
        if isinstance(document.data, dict) and document.data.get("segment") == name:
            return document.problem(problem.sentence, ("condition",), **problem.values)
    return problem


def read_keys(path: Path) -> KeyList:
    """Read the column of keys of a CSV file: the one with a name we know, else the only one there is.

    Raises:
        InputRefused: it cannot be read, has no such column, or has no keys.
    """
    file = str(path)
    rows = read_rows(path)
    head = [cell.strip() for cell in next(rows, (1, []))[1]]
    place = next((head.index(name) for name in KEY_COLUMNS if name in head), 0 if len(head) == 1 else None)
    if place is None:
        raise refuse(
            "a column named {expected} was expected; found {found}",
            file=file, line=1, expected=" or ".join(KEY_COLUMNS[:3]), found=", ".join(head)[:200] or "nothing",
        )  # fmt: skip
    lines: dict[str, int] = {}
    if len(head) == 1 and head[0] and head[0] not in KEY_COLUMNS:
        lines[head[0]] = 1  # A bare list of keys has no head.
    for line, row in rows:
        key = row[place].strip() if len(row) > place else ""
        if key:
            lines.setdefault(key, line)
    if not lines:
        raise refuse("the file holds no keys", file=file)
    if len(lines) > MOST_KEYS:
        raise refuse("a list holds at most {most} keys", file=file, most=MOST_KEYS)
    return KeyList(file=file, lines=lines)
