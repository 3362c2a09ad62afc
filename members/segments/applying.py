"""Put segments in force: definitions, uploaded lists, and who is in those that are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, Connection, Text, bindparam, func, select, text

from database.member_tables import segment_members
from database.tables import members
from language.problems import Problem
from members.condition_model import Condition
from members.expansion import expanded
from members.segments.definition import KeyList, SegmentFiles
from members.segments.entering import forget_kept, move, recount, sizes
from members.segments.storing import KeptSegment, load_kept, store_segments

_TOLD_KEYS = func.any(bindparam("list_keys", type_=ARRAY(Text)))
_KNOWN_KEYS = select(members.c.key).where(members.c.key == _TOLD_KEYS)
MOST_UNKNOWN_TOLD = 20


@dataclass(frozen=True, kw_only=True)
class SegmentsApplied:
    """What applying segments changed, by name."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    inside: Mapping[str, int]  #: how many are in each list, and in each segment that is kept
    unknown: Mapping[str, int]  #: keys of lists that no member has
    problems: tuple[Problem, ...]  #: the first of those, with file and line


def apply_segments(
    connection: Connection, files: SegmentFiles, *, now: datetime, told: bool = False
) -> SegmentsApplied:
    """Store segments, and find out anew who is in those that are kept and were changed by it.

    Who is in a segment when it is first kept was there before: nobody is told of.  Whoever enters or
    leaves because the definition or a list was changed is told of only where ``told`` says so.

    Raises:
        InputRefused: a segment asks about itself or about one that nobody knows; nothing is changed.
    """
    # Whoever reckons waits, and then finds the new definitions.
    connection.execute(text("LOCK TABLE segments IN EXCLUSIVE MODE"))
    before = load_kept(connection)
    wanted = [one.kept() for one in files.segments]
    store_segments(connection, wanted, now=now)
    after = load_kept(connection)
    unknown, problems, relisted = _upload(connection, files.lists, before, after, now, told)
    _recount_changed(connection, before, after, relisted, now, told)
    changed = [one.name for one in wanted if one.name in before and (before[one.name] != one or one.name in relisted)]
    return SegmentsApplied(
        new=tuple(one.name for one in wanted if one.name not in before),
        changed=tuple(changed),
        unchanged=tuple(one.name for one in wanted if one.name in before and one.name not in changed),
        inside={name: count for name, count in sizes(connection).items() if name in {one.name for one in wanted}},
        unknown=unknown,
        problems=tuple(problems),
    )


def _upload(
    connection: Connection,
    lists: Mapping[str, KeyList],
    before: Mapping[str, KeptSegment],
    after: Mapping[str, KeptSegment],
    now: datetime,
    told: bool,
) -> tuple[dict[str, int], list[Problem], set[str]]:
    """Let exactly those be on each list whose keys it names; return keys nobody has, and which lists changed."""
    unknown: dict[str, int] = {}
    problems: list[Problem] = []
    relisted: set[str] = set()
    for name, told_keys in lists.items():
        given = {"list_keys": list(told_keys.lines)}
        strangers = set(told_keys.lines) - set(connection.execute(_KNOWN_KEYS, given).scalars())
        was_kept = name in before and before[name].keep
        stood = _digest(connection, name)
        # Whoever was merged is the person they were merged with.
        whose = select(func.coalesce(members.c.merged_into, members.c.id)).where(members.c.key == _TOLD_KEYS)
        row = members.alias()
        inside = select(row.c.id).where(row.c.id.in_(whose), row.c.erased_at.is_(None))
        move(connection, name, inside.params(**given), now=now, told=told and was_kept and after[name].keep)
        if stood != _digest(connection, name):
            relisted.add(name)
        if strangers:
            unknown[name] = len(strangers)
            problems += [
                Problem(
                    sentence="no member has the key {key}", values={"key": key[:80]}, file=told_keys.file, line=line
                )
                for key, line in told_keys.lines.items()
                if key in strangers
            ][:MOST_UNKNOWN_TOLD]
    return unknown, problems, relisted


def _digest(connection: Connection, name: str) -> object:
    row = segment_members
    found = select(func.count(), func.max(row.c.visit)).where(row.c.segment == name)
    return tuple(connection.execute(found).one())


def _recount_changed(
    connection: Connection,
    before: Mapping[str, KeptSegment],
    after: Mapping[str, KeptSegment],
    relisted: set[str],
    now: datetime,
    told: bool,
) -> None:
    named = {name: one.condition for name, one in after.items()}
    earlier = {name: one.condition for name, one in before.items()}
    for name, one in after.items():
        was_kept = name in before and before[name].keep
        if not one.keep:
            if was_kept or (name in before and before[name].kind == "list" and one.kind != "list"):
                forget_kept(connection, name, is_list=one.kind == "list")
            continue
        whole = expanded(one.condition, named)
        same = was_kept and expanded(earlier[name], earlier) == whole and not _lists_in(whole) & relisted
        if not same:
            recount(connection, one, named, now=now, told=told and was_kept)


def _lists_in(condition: Condition) -> set[str]:
    inner = condition.all or condition.any or ([condition.not_] if condition.not_ else [])
    listed = {condition.listed} if condition.listed else set()
    return listed.union(*(_lists_in(part) for part in inner))
