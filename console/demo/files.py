"""The story's members and events as files: written for the import, and read where a user brings their own."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from zoneinfo import ZoneInfo

from console.demo.habits import Deed
from console.demo.population import Birthday, Resident
from language.documents import Document, read_document, validate
from language.problems import refuse
from members.dates import read_moment
from members.import_maps import EventMap, KindColumn, MemberMap, places
from members.text_files import TextRow, look_through, read_rows

MEMBER_COLUMNS = (
    "key", "name", "language", "time_zone", "tier", "birthday", "lunar_birthday", "joined_at", "phone", "email", "openid",
    "consent_sms", "consent_email", "consent_wechat", "consent_at", "city", "points",
)  # fmt: skip
EVENT_COLUMNS = ("key", "member", "kind", "occurred_at", "value", "category", "door")

MEMBERS_MAP = MemberMap(
    **{name: name for name in MEMBER_COLUMNS if name not in ("city", "points")},  # type: ignore[arg-type]
    attributes={"city": "city", "points": "points"},
)
EVENTS_MAP = EventMap(key="key", value="value", properties={"category": "category", "door": "door"})

#: What stands in the file that lets somebody import the story's files themselves.
MAP_TEXT = """\
# How the columns of members-*.csv and events-*.csv are read: tidings demo --members … --events … --map this
members:
  {members}
  attributes: {{city: city, points: points}}
events: {{key: key, value: value, properties: {{category: category, door: door}}}}
"""


def write_members(file: Path, residents: Iterable[Resident]) -> None:
    """Write members as the import reads them."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        rows = csv.writer(opened, lineterminator="\n")
        rows.writerow(MEMBER_COLUMNS)
        rows.writerows(_member_row(resident) for resident in residents)


def write_events(file: Path, deeds: Iterable[Deed]) -> None:
    """Write events as the import reads them."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        rows = csv.writer(opened, lineterminator="\n")
        rows.writerow(EVENT_COLUMNS)
        rows.writerows(_event_row(deed) for deed in deeds)


def write_map(file: Path) -> None:
    """Write how those files' columns are read."""
    names = "\n  ".join(f"{name}: {name}" for name in MEMBER_COLUMNS if name not in ("city", "points"))
    file.write_text(MAP_TEXT.format(members=names), encoding="utf-8")


def _member_row(resident: Resident) -> Sequence[object]:
    birthday, joined = resident.birthday, resident.joined_at.isoformat()
    said = {channel: "yes" if granted else "no" for channel, granted in resident.consents.items()}
    return (
        resident.key, resident.name.written, resident.name.language, resident.time_zone, resident.tier,
        _birthday(birthday) if birthday and birthday.calendar == "solar" else "",
        _birthday(birthday) if birthday and birthday.calendar == "lunar" else "",
        joined, *(resident.addresses.get(channel, "") for channel in ("sms", "email", "wechat")),
        *(said.get(channel, "") for channel in ("sms", "email", "wechat")),
        joined if said else "", resident.city, resident.points,
    )  # fmt: skip


def _birthday(birthday: Birthday) -> str:
    leap = "闰" if birthday.leap_month else ""
    day = f"{leap}{birthday.month:02d}-{birthday.day:02d}"
    return f"{birthday.year}-{day}" if birthday.year else day


def _event_row(deed: Deed) -> Sequence[object]:
    told = deed.properties
    value = "" if deed.value is None else deed.value
    return deed.key, deed.member, deed.kind, deed.at.isoformat(), value, told.get("category", ""), told.get("door", "")


@dataclass(frozen=True, kw_only=True)
class Maps:
    """How a user's own files are read; None: by their headers."""

    members: MemberMap | None = None
    events: EventMap = field(default_factory=EventMap)


def read_maps(file: Path | None) -> Maps:
    """Read one map file with a section ``members`` and a section ``events``, either of which may be left out.

    Raises:
        InputRefused: it cannot be read, or names fields there are not.
    """
    if file is None:
        return Maps()
    document = read_document(file)
    sections = document.data if isinstance(document.data, dict) else {}
    if not set(sections) <= {"members", "events"} or not sections:
        raise refuse("the map of a demo has the sections members and events", file=str(file), line=1)
    found = {name: Document(file=document.file, data=section, lines={}) for name, section in sections.items()}
    return Maps(
        members=validate(MemberMap, found["members"]) if "members" in found else None,
        events=validate(EventMap, found["events"]) if "events" in found else EventMap(),
    )


def read_deeds(file: Path, mapping: EventMap, zone: ZoneInfo) -> list[Deed]:
    """Read a user's events in the order in which they happened; rows that cannot be used are left out.

    Raises:
        InputRefused: the file cannot be read, a mapped column is missing, or no row can be used.
    """
    text = look_through(file)
    rows = read_rows(text, mapping.delimiter)
    columns = mapping.columns()
    headerless = all(isinstance(column, int) for column in columns.values())
    first = None if headerless else next(rows, None)
    found = places(columns, None if first is None else first.cells, file=str(file))
    deeds = [deed for row in rows if (deed := _deed(row, found, mapping, zone, file.name)) is not None]
    if not deeds:
        raise refuse("no row of this file is an event that can be used", file=str(file))
    return sorted(deeds, key=lambda deed: (deed.at, deed.key))


def _deed(row: TextRow, found: dict[str, int], mapping: EventMap, zone: ZoneInfo, name: str) -> Deed | None:
    if row.problem or len(row.cells) <= max(found.values()):
        return None
    cells = {field: row.cells[place].strip() for field, place in found.items()}
    at = read_moment(cells["occurred_at"], zone)
    kind = cells.get("kind") if isinstance(mapping.kind, KindColumn) else mapping.kind
    if at is None or not kind or not cells["member"]:
        return None
    try:
        value = float(Decimal(cells["value"].replace(",", ""))) if cells.get("value") else None
    except InvalidOperation:
        return None
    told: dict[str, object] = {
        field.removeprefix("properties."): cell for field, cell in cells.items() if field.startswith("properties.") and cell
    }
    return Deed(key=cells.get("key") or f"{name}:{row.line}", member=cells["member"], kind=kind, at=at, value=value, properties=told)


def window_of(deeds: Sequence[Deed], days: int) -> tuple[datetime, datetime]:
    """Return where the last ``days`` days of a user's events begin and end, by midnights in UTC."""
    end = deeds[-1].at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return end - timedelta(days=days), end


def split(deeds: Iterable[Deed], moment: datetime) -> tuple[list[Deed], list[Deed]]:
    """Return what happened before a moment, and the rest."""
    before: list[Deed] = []
    after: list[Deed] = []
    for deed in deeds:
        (before if deed.at < moment else after).append(deed)
    return before, after


def in_batches(deeds: Sequence[Deed], size: int) -> Iterator[Sequence[Deed]]:
    """Yield the deeds a few at a time."""
    return (deeds[start : start + size] for start in range(0, len(deeds), size))
