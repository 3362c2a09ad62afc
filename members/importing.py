"""Members from a CSV file: read in a stream, saved in batches, gone on with after a kill.

The same file with the same map is in once: a second import finds it finished and changes nothing.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, text

from database.engine import Database
from language.problems import Problem, refuse
from members.consent import NewConsent, record_consents
from members.erasure.refusing import ERASED_PROBLEM
from members.import_ledger import (
    BatchDone,
    ErrorsFile,
    Progress,
    Refusal,
    begin_import,
    finish_import,
    in_batches,
)
from members.import_maps import MemberMap, mapped_by_header, places
from members.member_rows import MemberRow, RowReader
from members.people import save_people
from members.person import UnusableAddress
from members.text_files import TextFile, TextRow, look_through, read_rows

BATCH = 5000
FIELD_OF_CHANNEL = {"sms": "phone", "email": "email", "wechat": "openid"}

MEMBER_IDS = "SELECT key, id FROM unnest(CAST(:keys AS text[])) AS key JOIN members USING (key)"


@dataclass(frozen=True, kw_only=True)
class MembersImported:
    """What an import did this time; ``already`` says the file was in before and nothing was done."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0  #: rows
    unusable_addresses: int = 0
    consents: int = 0  #: rows added
    already: bool = False
    unused_columns: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()  #: the first few


@dataclass(frozen=True, kw_only=True)
class _Source:
    """A file made ready: what is mapped where, and its rows after the header."""

    file: TextFile
    mapping: MemberMap
    reader: RowReader
    rows: Iterator[TextRow]
    unused_columns: tuple[str, ...]

    def digest(self) -> str:
        """The name of this import: the file's bytes and the map."""
        return hashlib.sha256(f"{self.file.digest}\n{self.mapping.fingerprint()}".encode()).hexdigest()


def import_members(
    database: Database,
    path: Path,
    *,
    mapping: MemberMap | None = None,
    now: datetime,
    secret: bytes,
    zone: tzinfo,
    dry_run: bool = False,
    errors: Path | None = None,
    language: str = "en",
    progress: Progress | None = None,
) -> MembersImported:
    """Import a CSV file of members.

    Without ``mapping`` the columns are known by their headers.  Days and hours without an offset
    are in ``zone``.  A row that cannot be used is written to ``errors``, its reason in ``language``,
    and stops no other.  ``dry_run`` does everything and keeps nothing.

    Raises:
        InputRefused: the file cannot be read, a mapped column is missing, or none holds the key.
    """
    source = _prepare(path, mapping, zone)
    standing = None
    if not dry_run:
        with database.transaction() as connection:
            standing = begin_import(connection, "members", source.digest(), path.name, now=now)
        if standing.finished:
            return MembersImported(already=True)
    saving = _Saving(source, now, secret)
    with ErrorsFile(path=errors, after_line=standing.lines_done if standing else 0, language=language) as refusals:
        in_batches(
            database,
            source.rows,
            source.reader.read,
            saving.save,
            standing=standing,
            errors=refusals,
            after_batch=lambda line: progress(line, source.file.lines) if progress else None,
            size=BATCH,
        )
    if standing is not None:
        with database.transaction() as connection:
            finish_import(connection, standing, now=now)
    return replace(saving.total, unused_columns=source.unused_columns, problems=tuple(refusals.first))


def _prepare(path: Path, mapping: MemberMap | None, zone: tzinfo) -> _Source:
    file = look_through(path)
    told = mapping or MemberMap()
    rows = read_rows(file, told.delimiter)
    headerless = mapping is not None and all(isinstance(column, int) for column in told.columns().values())
    header = None if headerless and told.columns() else [cell.strip() for row in islice(rows, 1) for cell in row.cells]
    if header is not None:
        guessed = mapped_by_header(header)
        told = guessed if mapping is None else told.model_copy(update={"key": told.key or guessed.key})
    if told.key is None:
        raise refuse(
            "no column holds the member's key; expected a header such as 会员号 or member_no, or a map with key: COLUMN",
            file=str(path),
            line=1,
        )
    found = places(told.columns(), header, file=str(path))
    used = set(found.values())
    return _Source(
        file=file,
        mapping=told,
        reader=RowReader(found, zone, width=len(header) if header else None),
        rows=rows,
        unused_columns=tuple(name for place, name in enumerate(header or []) if place not in used and name),
    )


class _Saving:
    """Saves batches of rows and adds up what became of them."""

    def __init__(self, source: _Source, now: datetime, secret: bytes) -> None:
        self._source = source
        self._now = now
        self._secret = secret
        self.total = MembersImported()

    def save(self, connection: Connection, read: Sequence[MemberRow]) -> BatchDone:
        """Save one batch within the transaction that also moves the import on."""
        good = [(row, row.person) for row in read if row.person is not None]
        saved = save_people(connection, [person for _, person in good], now=self._now, secret=self._secret)
        good = [(row, person) for row, person in good if person.key not in saved.erased]
        added = self._save_consents(connection, [row for row, _ in good if row.consents])
        lines = {person.key: row.line for row, person in good}
        refusals = [refusal for row in read for refusal in row.refusals]
        refusals += [
            Refusal(line=row.line, problem=ERASED_PROBLEM)
            for row in read
            if row.person and row.person.key in saved.erased
        ]
        refusals += [_unusable(lines[address.key], address) for address in saved.unusable]
        refused = len(read) - len(good)
        self.total = replace(
            self.total,
            new=self.total.new + saved.new,
            changed=self.total.changed + saved.changed,
            unchanged=self.total.unchanged + saved.unchanged,
            refused=self.total.refused + refused,
            unusable_addresses=self.total.unusable_addresses + len(saved.unusable),
            consents=self.total.consents + added,
        )
        refusals.sort(key=lambda refusal: refusal.line)
        return BatchDone(accepted=len(good), refusals=refusals, refused=refused)

    def _save_consents(self, connection: Connection, rows: Sequence[MemberRow]) -> int:
        keys = list({row.person.key for row in rows if row.person})
        if not keys:
            return 0
        ids = {row.key: row.id for row in connection.execute(text(MEMBER_IDS), {"keys": keys})}
        about = self._source.mapping.consent
        latest = {
            (ids[row.person.key], consent.channel): NewConsent(
                member_id=ids[row.person.key],
                channel=consent.channel,
                purpose="marketing",
                granted=consent.granted,
                source=about.source,
                text_version=about.text_version,
                proof={"file": self._source.file.path.name, "line": row.line},
                occurred_at=consent.occurred_at,
            )
            for row in rows
            if row.person
            for consent in row.consents
        }
        return record_consents(connection, latest.values(), now=self._now, only_news=True)


def _unusable(line: int, address: UnusableAddress) -> Refusal:
    problem = Problem(
        sentence="the address is kept but cannot be used: {problem}",
        values={"problem": address.problem},
        field=FIELD_OF_CHANNEL[address.channel],
    )
    return Refusal(line=line, problem=problem, value=address.address)
