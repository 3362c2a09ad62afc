"""What an import would do, shown while its batch is not yet rolled back: samples, and who may be one person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, text

from members.member_rows import MemberRow
from members.person import Person, Saved, merge

SAMPLES = 5  #: of each kind


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One member as the file would make them; a field's values stand before and after."""

    key: str
    line: int
    new: bool
    fields: Mapping[str, tuple[object, object]]


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """A row of the file that tells an address or identifier another member has."""

    key: str
    other_key: str
    matched_by: str  #: sms, email, wechat, unionid or card


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a dry run has to show beside its counts."""

    samples: tuple[Sample, ...] = ()
    would_merge: int = 0  #: members of the file who share an address or identifier with another member
    likenesses: tuple[Likeness, ...] = ()  #: the first few of those


# A channel's former address was written before its present one; max() skips the nulls of the other row.
_CHANGED = text("""
SELECT members.key,
       CASE WHEN field LIKE 'identifiers.%' THEN 'identifiers.' || split_part(field, '.', 2) ELSE field END AS field,
       coalesce(to_jsonb(former.address), changes.before) AS before,
       coalesce(to_jsonb(present.address), to_jsonb(known.value), changes.after) AS after
FROM (
    SELECT member_id, field, min(before::text)::jsonb AS before, min(after::text)::jsonb AS after
    FROM incoming_changes
    WHERE field <> 'updated_at' AND member_id IN (SELECT DISTINCT member_id FROM incoming_changes
                        WHERE NOT member_id = ANY(:new_ids) ORDER BY member_id LIMIT :most)
    GROUP BY member_id, field
) AS changes
JOIN members ON members.id = changes.member_id
LEFT JOIN addresses AS former ON former.id = CASE WHEN field LIKE 'addresses.%' THEN CAST(before AS bigint) END
LEFT JOIN addresses AS present ON present.id = CASE WHEN field LIKE 'addresses.%' THEN CAST(after AS bigint) END
LEFT JOIN identifiers AS known ON known.id = CASE WHEN field LIKE 'identifiers.%' THEN CAST(after AS bigint) END
ORDER BY members.id, changes.field
""")

_ALIKE = text("""
SELECT DISTINCT ON (incoming.key) incoming.key, holder.key AS other_key, incoming.channel AS matched_by
FROM incoming_addresses AS incoming
JOIN members AS told ON told.key = incoming.key
JOIN addresses AS other ON other.channel = incoming.channel AND other.fingerprint = incoming.fingerprint
     AND other.is_current AND other.member_id <> told.id AND NOT other.member_id = ANY(:new_ids)
JOIN members AS holder ON holder.id = other.member_id AND holder.erased_at IS NULL AND holder.merged_into IS NULL
WHERE incoming.problem IS NULL ORDER BY incoming.key, holder.key, incoming.channel
""")


@dataclass(kw_only=True)
class Trying:
    """Gathers what a dry run shows, batch by batch."""

    _new: list[Sample] = field(default_factory=list)
    _changed: list[Sample] = field(default_factory=list)
    _alike: list[Likeness] = field(default_factory=list)
    _would_merge: int = 0

    def look(self, connection: Connection, rows: Sequence[MemberRow], saved: Saved) -> None:
        """Look at one batch within its transaction."""
        lines = _told_together(rows)
        new_ids = list(saved.new_ids)
        if len(self._new) < SAMPLES and new_ids:
            self._look_at_new(connection, lines, new_ids)
        if len(self._changed) < SAMPLES and saved.changed:
            self._look_at_changed(connection, lines, new_ids)
        alike = [
            Likeness(key=row.key, other_key=row.other_key, matched_by=row.matched_by)
            for row in connection.execute(_ALIKE, {"new_ids": new_ids})
        ]
        alike += [Likeness(key=one.key, other_key=one.other_key, matched_by=one.kind) for one in saved.shared]
        self._would_merge += len({one.key for one in alike})
        self._alike += alike[: SAMPLES - len(self._alike)]

    def trial(self) -> Trial:
        """Return what was seen so far."""
        return Trial(
            samples=(*self._new, *self._changed), would_merge=self._would_merge, likenesses=tuple(self._alike)
        )

    def _look_at_new(self, connection: Connection, lines: Mapping[str, MemberRow], new_ids: list[int]) -> None:
        wanted = text("SELECT key FROM members WHERE id = ANY(:ids) ORDER BY id LIMIT :most")
        for key in connection.execute(wanted, {"ids": new_ids, "most": SAMPLES - len(self._new)}).scalars():
            person = lines[key].person
            assert person is not None
            fields = {name: (None, value) for name, value in _told(person).items()}
            self._new.append(Sample(key=key, line=lines[key].line, new=True, fields=fields))

    def _look_at_changed(self, connection: Connection, lines: Mapping[str, MemberRow], new_ids: list[int]) -> None:
        found: dict[str, dict[str, tuple[object, object]]] = {}
        asked = {"new_ids": new_ids, "most": SAMPLES - len(self._changed)}
        for row in connection.execute(_CHANGED, asked):
            found.setdefault(row.key, {})[row.field] = (row.before, row.after)
        for key, fields in found.items():
            line = lines[key].line if key in lines else 0  # Told of a row that was merged into this one.
            self._changed.append(Sample(key=key, line=line, new=False, fields=fields))


def _told_together(rows: Sequence[MemberRow]) -> dict[str, MemberRow]:
    """Return by key what is told of each member, on the line that tells them first; as it is saved."""
    told: dict[str, MemberRow] = {}
    for row in rows:
        if row.person is not None:
            first = told.setdefault(row.person.key, row)
            if first is not row and first.person is not None:
                told[row.person.key] = replace(first, person=merge(first.person, row.person))
    return told


def _told(person: Person) -> dict[str, object]:
    fields = {name: getattr(person, name) for name in person.__slots__ if name not in ("key", "attributes")}
    attributes = {f"attributes.{name}": value for name, value in person.attributes.items()}
    return {name: value for name, value in (fields | attributes).items() if value not in (None, False)}
