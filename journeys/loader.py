"""Read a journey file; whatever is wrong is told with its line, its step and what was expected."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from journeys.checks import conditions_of, journey_problems
from journeys.journey import Journey
from language.documents import Document, read_document, validate
from language.problems import InputRefused, Problem
from members.conditions import parse_condition


@dataclass(frozen=True, kw_only=True)
class LoadedJourney:
    """A journey and the file it was read from."""

    journey: Journey
    document: Document


def _condition_problems(journey: Journey, document: Document) -> Iterator[Problem]:
    for place, condition in conditions_of(journey):
        at = document.problem("", place)
        try:
            parse_condition(condition, file=at.file, line=at.line, field=at.field)
        except InputRefused as refused:
            yield from refused.problems


def read_journey(path: Path, *, campaigns: Collection[str] | None = None) -> LoadedJourney:
    """Read and check one journey file.

    ``campaigns`` are the names a send step may use; None leaves them unchecked.

    Raises:
        InputRefused: with the file, line and step of everything that is wrong.
    """
    document = read_document(path)
    journey = validate(Journey, document)
    problems = [*_condition_problems(journey, document)]
    problems += [
        document.problem(wrong.sentence, wrong.place, **wrong.values) for wrong in journey_problems(journey, campaigns)
    ]
    if problems:
        raise InputRefused(problems)
    return LoadedJourney(journey=journey, document=document)


def load_journey(path: Path, *, campaigns: Collection[str] | None = None) -> Journey:
    """Read and check one journey file, and return the journey alone; see ``read_journey``."""
    return read_journey(path, campaigns=campaigns).journey


def load_journeys(folder: Path, *, campaigns: Collection[str] | None = None) -> list[Journey]:
    """Read every journey file of a folder, in the order of their names; all problems are told together.

    Raises:
        InputRefused: a file is wrong, a name is used twice, or there is no file.
    """
    problems: list[Problem] = []
    found: dict[str, Journey] = {}
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            loaded = read_journey(path, campaigns=campaigns)
        except InputRefused as refused:
            problems.extend(refused.problems)
            continue
        if loaded.journey.journey in found:
            name = loaded.journey.journey
            problems.append(loaded.document.problem("journey {name} is defined twice", ("journey",), name=name))
        found[loaded.journey.journey] = loaded.journey
    if not found and not problems:
        problems.append(Problem(sentence="no journey files (*.yaml) are in this folder", file=str(folder)))
    if problems:
        raise InputRefused(problems)
    return list(found.values())
