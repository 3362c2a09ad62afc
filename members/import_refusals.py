"""What a batch of members is told back: rows that were refused, and what looks wrong in those that were not."""

from collections.abc import Sequence

from language.problems import Problem
from members.erasure.refusing import ERASED_PROBLEM
from members.import_ledger import Refusal
from members.member_rows import MemberRow
from members.people_rows import Misspelling, PreparedPeople
from members.person import Saved, SharedIdentifier, UnusableAddress

FIELD_OF_CHANNEL = {"sms": "phone", "email": "email", "wechat": "openid"}


def refusals_of(rows: Sequence[MemberRow], people: PreparedPeople, saved: Saved) -> list[Refusal]:
    """List what could not be used of a batch, and what looks wrong, by line."""
    found = [refusal for row in rows for refusal in row.refusals]
    if saved.erased:
        erased = (row for row in rows if row.person is not None and row.person.key in saved.erased)
        found += [Refusal(line=row.line, problem=ERASED_PROBLEM) for row in erased]
    remarkable: list[UnusableAddress | Misspelling | SharedIdentifier] = [*saved.unusable, *saved.shared]
    remarkable += people.misspelt
    if remarkable:
        lines = {row.person.key: row.line for row in rows if row.person is not None}
        # What a merged row was told is its kept row's, whose key may stand in no line.
        found += [_refusal(lines.get(one.key, 0), one) for one in remarkable if one.key not in saved.erased]
    return sorted(found, key=lambda refusal: refusal.line)


def _refusal(line: int, what: UnusableAddress | Misspelling | SharedIdentifier) -> Refusal:
    if isinstance(what, UnusableAddress):
        problem = Problem(
            sentence="the address is kept but cannot be used: {problem}",
            values={"problem": what.problem},
            field=FIELD_OF_CHANNEL[what.channel],
        )
        return Refusal(line=line, problem=problem, value=what.address)
    if isinstance(what, Misspelling):
        problem = Problem(
            sentence="the mailbox is used but looks misspelt; did the member mean {near}?",
            values={"near": what.near},
            field="email",
        )
        return Refusal(line=line, problem=problem, value=what.address)
    problem = Problem(
        sentence="the member {other} has this too; tidings members duplicates shows who may be one person",
        values={"other": what.other_key},
        field=what.kind,
    )
    return Refusal(line=line, problem=problem, value=what.value)
