"""Members from a file: read in a stream, saved in batches, gone on with after a kill.

The same file with the same map is in once: a second import finds it finished and changes nothing.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, text

from database.engine import Database
from database.holding import hold_members
from language.problems import Problem, refuse
from members.consent import NewConsent, latest_answers, record_consents
from members.import_ledger import (
    BatchDone,
    ErrorsFile,
    Progress,
    Standing,
    begin_import,
    finish_import,
    in_batches,
)
from members.import_maps import MemberMap, mapped_by_header, places
from members.import_refusals import refusals_of
from members.import_report import FileReport, Tally
from members.import_trial import Trial, Trying
from members.member_rows import MemberRow, ReadAttributes, RowReader
from members.people import PreparedPeople, Saved, prepare_people, save_prepared
from members.text_files import TextFile, TextRow, look_through, read_rows

BATCH = 10_000
CONSENTS_AT_ONCE = 1_000  #: rows of a batch that tells consent: PostgreSQL has room to hold few thousand members

MEMBER_IDS = "SELECT key, coalesce(merged_into, id) AS id FROM unnest(CAST(:keys AS text[])) AS key JOIN members USING (key)"

# The value before the first change and after the last one; a key may come in several batches, and what stood
# before the second is then the import's own where nothing stood before the first.
KEEP_CHANGES = """
INSERT INTO import_changes (import_id, member_id, before, after)
SELECT :import_id, member_id,
       coalesce(jsonb_object_agg(field, before) FILTER (WHERE before IS NOT NULL), '{}'),
       coalesce(jsonb_object_agg(field, after) FILTER (WHERE after IS NOT NULL), '{}')
FROM incoming_changes
WHERE NOT member_id = ANY(:new_ids)
  AND NOT EXISTS (SELECT FROM imports WHERE imports.id = :import_id AND made @> member_id)
GROUP BY member_id
ON CONFLICT (member_id, import_id) DO UPDATE
SET before = (excluded.before - ARRAY(SELECT jsonb_object_keys(import_changes.after))) || import_changes.before,
    after = import_changes.after || excluded.after
"""


@dataclass(frozen=True, kw_only=True)
class MembersImported:
    """What an import did this time; ``already`` says the file was in before and nothing was done."""

    id: int | None = None  #: by which it can be undone; None: a dry run
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0  #: rows
    unusable_addresses: int = 0
    shared_identifiers: int = 0  #: unionids and cards that another member has too
    consents: int = 0  #: rows added
    already: bool = False
    unused_columns: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()  #: the first few
    report: FileReport = field(default_factory=FileReport)
    trial: Trial | None = None  #: of a dry run
    mapping: MemberMap = field(default_factory=MemberMap)  #: by which the file was read
    header: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Source:
    """A file made ready: what is mapped where, and its rows after the header."""

    file: TextFile
    mapping: MemberMap
    reader: RowReader
    rows: Iterator[TextRow]
    header: tuple[str, ...]
    unused_columns: tuple[str, ...]

    def digest(self) -> str:
        """The name of this import: the file's bytes and the map."""
        return hashlib.sha256(f"{self.file.digest}\n{self.mapping.fingerprint()}".encode()).hexdigest()


def import_members(
    database: Database,
    path: Path | TextFile,
    *,
    mapping: MemberMap | None = None,
    now: datetime,
    secret: bytes,
    zone: tzinfo,
    dry_run: bool = False,
    errors: Path | None = None,
    language: str = "en",
    progress: Progress | None = None,
    read_attributes: ReadAttributes = dict,
) -> MembersImported:
    """Import a table of members: text with separated cells, or a sheet of a workbook.

    Without ``mapping`` the columns are known by their headers.  Days and hours without an offset
    are in ``zone``.  A row that cannot be used is written to ``errors``, its reason in ``language``,
    and stops no other.  ``dry_run`` does everything and keeps nothing.

    Raises:
        InputRefused: the file cannot be read, a mapped column is missing, or none holds the key.
    """
    file = path if isinstance(path, TextFile) else look_through(path)
    source = _prepare(file, mapping, zone, read_attributes)
    standing = None
    if not dry_run:
        with database.transaction() as connection:
            standing = begin_import(connection, "members", source.digest(), file.path.name, now=now)
        if standing.finished:
            return MembersImported(id=standing.id, already=True, mapping=source.mapping, header=source.header)
    saving = _Saving(source, standing, now, secret)
    with ErrorsFile(path=errors, after_line=standing.lines_done if standing else 0, language=language) as refusals:
        in_batches(
            database,
            source.rows,
            saving.make_ready,
            saving.save,
            standing=standing,
            errors=refusals,
            after_batch=lambda line: progress(line, file.lines) if progress else None,
            size=CONSENTS_AT_ONCE if source.reader.tells_consent else BATCH,
            now=now,
        )
    if standing is not None:
        with database.transaction() as connection:
            finish_import(connection, standing, now=now)
    return saving.done(tuple(refusals.first))


def _prepare(file: TextFile, mapping: MemberMap | None, zone: tzinfo, read_attributes: ReadAttributes) -> _Source:
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
            file=str(file.path),
            line=1,
        )
    found = places(told.columns(), header, file=str(file.path))
    used = set(found.values())
    width = len(header) if header else None
    return _Source(
        file=file,
        mapping=told,
        reader=RowReader(found, zone, width=width, proven=told.consent.is_proof(), read_attributes=read_attributes),
        rows=rows,
        header=tuple(header or ()),
        unused_columns=tuple(name for place, name in enumerate(header or []) if place not in used and name),
    )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows made ready while the batch before them was written."""

    rows: list[MemberRow]
    people: PreparedPeople


class _Saving:
    """Saves batches of rows and adds up what became of them."""

    def __init__(self, source: _Source, standing: Standing | None, now: datetime, secret: bytes) -> None:
        self._source = source
        self._standing = standing
        self._now = now
        self._secret = secret
        self._tally = Tally()
        self._trying = Trying()
        self._total = Saved()
        self._refused = self._consents = 0

    def make_ready(self, rows: Sequence[TextRow]) -> _Batch:
        """Do for a batch what needs no database."""
        read = [self._source.reader.read(row) for row in rows]
        people = [row.person for row in read if row.person is not None]
        accounts = self._source.mapping.accounts.model_dump()
        return _Batch(read, prepare_people(people, secret=self._secret, accounts=accounts))

    def save(self, connection: Connection, batch: _Batch) -> BatchDone:
        """Save one batch within the transaction that also moves the import on."""
        # Whoever merges or erases holds members before their rows; in another order two would wait for each other.
        _hold_all(connection, [row.person.key for row in batch.rows if row.person and row.consents])
        saved = save_prepared(connection, batch.people, now=self._now, secret=self._secret, remember=True)
        if self._standing is None:
            self._trying.look(connection, batch.rows, saved)
        elif saved.changed:
            told = {"import_id": self._standing.id, "new_ids": list(saved.new_ids)}
            connection.execute(text(KEEP_CHANGES), told)
        kept = [row for row in batch.rows if row.person is not None and row.person.key not in saved.erased]
        self._consents += self._save_consents(connection, [row for row in kept if row.consents])
        self._tally.add(batch.rows, batch.people, saved.erased)
        self._total += replace(saved, new_ids=(), unusable=())
        refused = len(batch.rows) - len(kept)
        self._refused += refused
        refusals = refusals_of(batch.rows, batch.people, saved)
        return BatchDone(
            accepted=len(batch.rows) - refused, refusals=refusals, refused=refused, new_ids=saved.new_ids
        )

    def done(self, problems: tuple[Problem, ...]) -> MembersImported:
        """Say what became of the whole file."""
        report = self._tally.report()
        return MembersImported(
            id=self._standing.id if self._standing else None,
            new=self._total.new,
            changed=self._total.changed,
            unchanged=self._total.unchanged,
            refused=self._refused,
            unusable_addresses=sum(report.unusable.values()),
            shared_identifiers=len(self._total.shared),
            consents=self._consents,
            unused_columns=self._source.unused_columns,
            problems=problems,
            report=report,
            trial=None if self._standing else self._trying.trial(),
            mapping=self._source.mapping,
            header=self._source.header,
        )

    def _save_consents(self, connection: Connection, rows: Sequence[MemberRow]) -> int:
        keys = list({row.person.key for row in rows if row.person})
        if not keys:
            return 0
        ids = {row.key: row.id for row in connection.execute(text(MEMBER_IDS), {"keys": keys})}
        about, entry = self._source.mapping.consent, self._standing.id if self._standing else None
        told = [
            NewConsent(
                member_id=ids[row.person.key],
                channel=consent.channel,
                purpose="marketing",
                granted=consent.granted,
                source=about.source or "import",
                text_version=about.text_version,
                proof={"file": self._source.file.path.name, "line": row.line, "import": entry},
                # A moment to come would outlast every answer given until then.
                occurred_at=min(consent.occurred_at, self._now) if consent.occurred_at else None,
            )
            for row in rows
            if row.person and row.person.key in ids  # Else the key went while we waited for somebody.
            for consent in row.consents
        ]
        return record_consents(connection, latest_answers(told, now=self._now), now=self._now, only_news=True)


def _hold_all(connection: Connection, keys: Sequence[str]) -> None:
    """Hold those of these members who are known; a merge that ended while they were waited for has made them others."""
    held: set[int] = set()
    while keys and (found := {row.id for row in connection.execute(text(MEMBER_IDS), {"keys": list(set(keys))})}) - held:
        hold_members(connection, sorted(found))
        held |= found
