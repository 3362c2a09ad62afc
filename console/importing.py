"""How imports show their progress and what they could not use."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from console.output import FAILED, language, remark
from console.progress import progress_bar
from language.problems import Problem
from members.import_ledger import Progress


@contextmanager
def file_progress(name: str) -> Iterator[Progress]:
    """Show a bar that counts lines while the block runs; yields the function that moves it."""
    with progress_bar() as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, lines: bar.update(task, completed=done, total=lines)


def tell_problems(problems: Sequence[Problem]) -> None:
    """Print the first problems on standard error, a line each."""
    for problem in problems:
        remark("{problem}", problem=problem.told(language()))


def end_import(*, used: int, refused: int) -> None:
    """End the command as failed where rows were refused and none could be used; where some could, it succeeded.

    Raises:
        typer.Exit: nothing of the file could be used.
    """
    if refused and not used:
        raise typer.Exit(FAILED)
