"""What a file of members was worth: how many rows had something wrong, before cleaning and after."""

from array import array
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from members.member_rows import MemberRow
from members.people_rows import PreparedPeople

#: What may come twice in a file.
REPEATABLE = ("key", "phone", "email")


@dataclass(frozen=True, kw_only=True)
class FileReport:
    """Counts of the rows read this time; an import that goes on counts from where it stood."""

    rows: int = 0
    refused: int = 0  #: those of members who were erased are among them
    #: rows with a number or mailbox that was kept in another spelling than it was written in; +86 before a number is none
    cleaned: int = 0
    unusable: Mapping[str, int] = field(default_factory=dict)  #: addresses by channel and reason: sms not_a_mobile
    with_unusable: int = 0  #: rows
    misspelt: int = 0  #: mailboxes that look misspelt; they are used all the same
    repeated: Mapping[str, int] = field(default_factory=dict)  #: beyond the first: keys, phones, emails
    share_before: float = 0.0  #: of rows that could not be used whole just as they were written
    share_after: float = 0.0  #: of rows that cannot be used whole after cleaning


class Tally:
    """Adds up a file's batches; eight bytes are kept of each key, phone and mailbox."""

    def __init__(self) -> None:
        self._rows = self._refused = self._cleaned = self._with_unusable = self._spoilt = self._misspelt = 0
        self._unusable: Counter[str] = Counter()
        self._marks = {name: array("q") for name in REPEATABLE}

    def add(self, rows: Sequence[MemberRow], people: PreparedPeople, erased: Collection[str] = ()) -> None:
        """Count one batch; rows of those who were ``erased`` are refused."""
        refused = sum(row.person is None or row.person.key in erased for row in rows)
        used = [one for one in people.unusable if one.key not in erased]
        unusable = {one.key for one in used}
        respelt = people.respelt.difference(erased)
        self._rows += len(rows)
        self._refused += refused
        self._cleaned += len(respelt - unusable)
        self._with_unusable += len(unusable)
        self._spoilt += refused + len(respelt | unusable)
        self._misspelt += sum(one.key not in erased for one in people.misspelt)
        self._unusable.update(f"{one.channel} {one.problem}" for one in used)
        for name, marks in self._marks.items():
            marks.extend(people.marks[name])

    def report(self) -> FileReport:
        """Return what was counted so far."""
        rows = max(self._rows, 1)
        return FileReport(
            rows=self._rows,
            refused=self._refused,
            cleaned=self._cleaned,
            unusable=dict(sorted(self._unusable.items())),
            with_unusable=self._with_unusable,
            misspelt=self._misspelt,
            repeated={name: _repeated(marks) for name, marks in self._marks.items()},
            share_before=self._spoilt / rows,
            share_after=(self._refused + self._with_unusable) / rows,
        )


def _repeated(marks: "array[int]") -> int:
    """Count what came before; an eighth of the marks at a time, for a set takes ten times their room."""
    eighths = ([mark for mark in marks if mark & 7 == part] for part in range(8))
    return sum(len(eighth) - len(set(eighth)) for eighth in eighths)
