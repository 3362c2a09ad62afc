"""What is wrong with something a person gave us, and where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from language.chinese import CHINESE

#: Values that are words of ours or of the system, such as why a file cannot be read; no user's name is told under these.
OUR_WORDS = frozenset({"why", "reason", "noun"})


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong, with the place and what was expected.

    ``sentence`` is the English sentence with ``{names}`` for ``values``; it is also the
    key under which ``language/chinese.py`` holds the Chinese one.
    """

    sentence: str
    values: Mapping[str, object] = field(default_factory=dict)
    file: str | None = None
    line: int | None = None  #: counted from 1; None: the problem is not on one line
    field: str | None = None  #: column, or path inside the file such as steps[2].branch[0].when

    def told(self, language: str = "en") -> str:
        """The whole message in ``zh`` or ``en``: place first, then what is wrong."""
        place = ":".join(str(part) for part in (self.file, self.line, self.field) if part is not None)
        said = in_language(language, self.sentence, self.values)
        return f"{place}: {said}" if place else said

    def __str__(self) -> str:
        return self.told()


def in_language(language: str, sentence: str, values: Mapping[str, object]) -> str:
    """Return a sentence in ``zh`` or ``en`` with its values filled in; those that are words of ours are translated, too."""
    if not language.startswith("zh"):
        return sentence.format(**values)
    told = {name: CHINESE.get(str(value), value) if name in OUR_WORDS else value for name, value in values.items()}
    return CHINESE.get(sentence, sentence).format(**told)


class InputRefused(Exception):
    """Something a person gave us cannot be used; every problem found is listed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)

    def told(self, language: str = "en") -> str:
        """All problems, one a line, in ``zh`` or ``en``."""
        return "\n".join(problem.told(language) for problem in self.problems)


def refuse(
    sentence: str, /, *, file: str | None = None, line: int | None = None, field: str | None = None, **values: object
) -> InputRefused:
    """Make the refusal for a single problem."""
    return InputRefused([Problem(sentence=sentence, values=values, file=file, line=line, field=field)])
