"""One row of a member file: its cells read into a person and the consents it tells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from language.problems import Problem
from members.dates import BirthdayRead, read_birthday, read_lunar_birthday, read_moment
from members.import_ledger import Refusal
from members.import_maps import CONSENT_COLUMNS
from members.person import Person, person_problem
from members.text_files import TextRow

YES = frozenset({"是", "同意", "已同意", "愿意", "y", "yes", "true", "t", "1", "on", "granted", "subscribed"})
NO = frozenset({"否", "不同意", "未同意", "拒绝", "n", "no", "false", "f", "0", "off", "withdrawn", "unsubscribed"})

NO_DAY = Problem(sentence="a day such as 2026-08-01 was expected", field="birthday")
NO_LUNAR_DAY = Problem(
    sentence="a lunar day such as 08-15, 八月十五 or 闰六月初一 was expected", field="lunar_birthday"
)
NO_MOMENT = "a day or moment such as 2026-08-01 or 2026-08-01 10:00 was expected"


@dataclass(frozen=True, slots=True)
class ConsentRead:
    """A yes or no in a row."""

    channel: str
    granted: bool
    occurred_at: datetime | None  #: None: the file does not say when


@dataclass(frozen=True, slots=True)
class MemberRow:
    """What a row tells; without a person it is refused, and the refusals say why."""

    line: int
    person: Person | None
    consents: tuple[ConsentRead, ...] = ()
    refusals: tuple[Refusal, ...] = ()


#: Makes the values of attributes from a row's words, or says what is wrong with one of them.
ReadAttributes = Callable[[Mapping[str, str]], Mapping[str, object] | Problem]

NO_PROOF = Problem(sentence="a yes without its proof was not recorded; expected when it was given", field="consent_at")


class RowReader:
    """Reads rows whose cells stand at known places; days without an offset are in ``zone``.

    ``read_attributes`` gives attributes their types; without it they are kept as words.  Where
    ``proven`` is False a yes counts only in a row that says when it was given.
    """

    def __init__(
        self,
        found: Mapping[str, int],
        zone: tzinfo,
        *,
        width: int | None,
        proven: bool = True,
        read_attributes: ReadAttributes = dict,
    ) -> None:
        self._zone = zone
        self._width = width  #: cells a row must have; None: at least those that are mapped
        self._reach = max(found.values()) + 1
        self._attributes = {
            field.removeprefix("attributes."): place
            for field, place in found.items()
            if field.startswith("attributes.")
        }
        self._proven = proven
        self._read_attributes = read_attributes
        self._plain = [(field, place) for field, place in found.items() if not field.startswith("attributes.")]
        self.tells_consent = any(column in found for column in CONSENT_COLUMNS)

    def read(self, row: TextRow) -> MemberRow:
        """Read one row; never raises."""
        problem = row.problem or self._shape_problem(row.cells)
        if problem:
            return _refused(row, problem)
        cells = [cell.strip() for cell in row.cells]
        told = {field: cells[place] or None for field, place in self._plain}
        birthday = self._birthday(told)
        if isinstance(birthday, Problem):
            return _refused(row, birthday, told.get(birthday.field or ""))
        joined = told.get("joined_at")
        joined_at = read_moment(joined, self._zone) if joined else None
        if joined and joined_at is None:
            return _refused(row, Problem(sentence=NO_MOMENT, field="joined_at"), joined)
        attributes = self._read_attributes({name: cells[at] for name, at in self._attributes.items() if cells[at]})
        if isinstance(attributes, Problem):
            place = self._attributes.get((attributes.field or "").removeprefix("attributes."))
            return _refused(row, attributes, None if place is None else cells[place])
        person = self._person(told, birthday, joined_at, attributes)
        problem = person_problem(person)
        if problem:
            return _refused(row, problem, told.get(problem.field or ""))
        consents = self._consents(told) if self.tells_consent else ()
        if isinstance(consents, Problem):
            return _refused(row, consents, told.get(consents.field or ""))
        proven = tuple(one for one in consents if self._proven or one.occurred_at or not one.granted)
        if len(proven) < len(consents):
            return MemberRow(row.line, person, proven, (Refusal(line=row.line, problem=NO_PROOF),))
        return MemberRow(row.line, person, consents)

    def _shape_problem(self, cells: list[str]) -> Problem | None:
        expected = self._width or self._reach
        if len(cells) == expected or (self._width is None and len(cells) > expected):
            return None
        return Problem(
            sentence="the row has {found} cells where {expected} were expected",
            values={"found": len(cells), "expected": expected},
        )

    def _birthday(self, told: Mapping[str, str | None]) -> BirthdayRead | Problem | None:
        lunar, solar = told.get("lunar_birthday"), told.get("birthday")
        if lunar:
            return read_lunar_birthday(lunar) or NO_LUNAR_DAY
        return (read_birthday(solar) or NO_DAY) if solar else None

    def _person(
        self,
        told: Mapping[str, str | None],
        birthday: BirthdayRead | None,
        joined_at: datetime | None,
        attributes: Mapping[str, object],
    ) -> Person:
        return Person(
            key=told["key"] or "",
            name=told.get("name"),
            language=told.get("language"),
            time_zone=told.get("time_zone"),
            tier=told.get("tier"),
            birth_year=birthday.year if birthday else None,
            birth_month=birthday.month if birthday else None,
            birth_day=birthday.day if birthday else None,
            birth_calendar=None if birthday is None else "lunar" if told.get("lunar_birthday") else "solar",
            birth_leap_month=birthday.leap_month if birthday else False,
            joined_at=joined_at,
            attributes=attributes,
            phone=told.get("phone"),
            email=told.get("email"),
            openid=told.get("openid"),
            unionid=told.get("unionid"),
            card=told.get("card"),
        )

    def _consents(self, told: Mapping[str, str | None]) -> tuple[ConsentRead, ...] | Problem:
        given = told.get("consent_at")
        occurred_at = read_moment(given, self._zone) if given else None
        if given and occurred_at is None:
            return Problem(sentence=NO_MOMENT, field="consent_at")
        found = []
        for column, channel in CONSENT_COLUMNS.items():
            answer = (told.get(column) or "").lower()
            if answer and answer not in YES and answer not in NO:
                return Problem(sentence="是 or 否, yes or no was expected", field=column)
            if answer:
                found.append(ConsentRead(channel, answer in YES, occurred_at))
        return tuple(found)


def _refused(row: TextRow, problem: Problem, value: str | None = None) -> MemberRow:
    shown = value if value is not None else ",".join(row.cells)
    return MemberRow(row.line, None, refusals=(Refusal(line=row.line, problem=problem, value=shown[:500]),))
