"""The log of erasures: who was erased, by number and keyed hash, so that an old copy that is restored keeps to it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from members.erasure.refusing import key_fingerprint


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """An entry of the log of erasures: enough to erase again in an old copy, and nothing about anybody."""

    member_id: int | None  #: None: it was put back into a copy in which the number may be somebody else's
    fingerprint: str  #: keyed hash of the member's key, in hexadecimal
    reason: str
    erased_at: datetime
    lifted_at: datetime | None = None  #: since when somebody of this key may come in again
    stops: tuple[tuple[str, str], ...] = ()  #: channel and keyed hash of each address that the erasure stopped


_ENTRIES = """
SELECT e.member_id, encode(e.fingerprint, 'hex') AS fingerprint, e.reason, e.erased_at, e.lifted_at,
    coalesce(stopped.stops, '[]') AS stops
FROM erasures e LEFT JOIN (
    SELECT source, jsonb_agg(jsonb_build_array(channel, encode(fingerprint, 'hex')) ORDER BY channel, fingerprint) AS stops
    FROM suppressions WHERE reason = 'erased' GROUP BY source) AS stopped ON stopped.source = 'erasure:' || e.id
WHERE CAST(:members AS bigint[]) IS NULL OR e.member_id = ANY(CAST(:members AS bigint[])) ORDER BY e.id
"""

_TOLD = """
FROM json_to_recordset(CAST(:rows AS json)) AS told (
    fingerprint text, reason text, erased_at timestamptz, lifted_at timestamptz, stops jsonb
)
"""

# Without the member's number: after the restore it is given to somebody else.
_PUT_BACK = f"""
INSERT INTO erasures (fingerprint, reason, erased_at, lifted_at)
SELECT decode(told.fingerprint, 'hex'), told.reason, told.erased_at, told.lifted_at {_TOLD}
WHERE NOT EXISTS (SELECT FROM erasures e
    WHERE e.fingerprint = decode(told.fingerprint, 'hex') AND e.erased_at >= told.erased_at)
ORDER BY told.erased_at
"""  # noqa: S608 - Every word is ours.

_LIFT = f"""
UPDATE erasures SET lifted_at = told.lifted_at {_TOLD}
WHERE erasures.fingerprint = decode(told.fingerprint, 'hex') AND told.lifted_at IS NOT NULL AND erasures.lifted_at IS NULL
"""  # noqa: S608

_STOP = f"""
INSERT INTO suppressions (channel, fingerprint, reason, source, created_at)
SELECT DISTINCT ON (stop ->> 0, stop ->> 1) stop ->> 0, decode(stop ->> 1, 'hex'), 'erased', 'erasure:' || logged.id, told.erased_at
{_TOLD} CROSS JOIN LATERAL jsonb_array_elements(told.stops) AS stop
JOIN LATERAL (SELECT max(id) AS id FROM erasures e WHERE e.fingerprint = decode(told.fingerprint, 'hex')) AS logged ON true
WHERE told.lifted_at IS NULL ORDER BY stop ->> 0, stop ->> 1, told.erased_at ON CONFLICT DO NOTHING
"""  # noqa: S608


def read_log(connection: Connection, member_ids: Sequence[int] | None = None) -> list[Erasure]:
    """Return the log of erasures, the oldest first; of these members, or the whole of it."""
    told = {"members": None if member_ids is None else list(member_ids)}
    rows = connection.execute(text(_ENTRIES), told).mappings()
    return [Erasure(**{**row, "stops": tuple((channel, mark) for channel, mark in row["stops"])}) for row in rows]


def not_erased(connection: Connection, log: Sequence[Erasure], *, secret: bytes) -> list[int]:
    """Return the ids of the log's members who are here and were not erased: this database was restored from an old copy.

    Their key must have the fingerprint of the log, so that nobody else who has their number is touched.
    Numbers come again after a restore, so the log may know two members of one number.
    """
    wanted = {(entry.member_id, entry.fingerprint) for entry in log if entry.member_id is not None}
    here = text("SELECT id, key FROM members WHERE id = ANY(:ids) AND erased_at IS NULL ORDER BY id")
    rows = connection.execute(here, {"ids": sorted({number for number, _ in wanted})})
    return [row.id for row in rows if (row.id, key_fingerprint(secret, row.key).hex()) in wanted]


def put_back(connection: Connection, log: Sequence[Erasure]) -> int:
    """Let this database know again of erasures that it was restored from before; return how many it did not know.

    Whoever came in and was erased after the copy was made is in no table of it, and would be taken in by the
    next file: so what the log refuses is refused again, and the addresses it stopped are stopped.
    """
    latest = {entry.fingerprint: entry for entry in sorted(log, key=lambda entry: entry.erased_at)}
    rows = {"rows": json.dumps([asdict(entry) for entry in latest.values()], default=datetime.isoformat)}
    added = connection.execute(text(_PUT_BACK), rows).rowcount
    connection.execute(text(_LIFT), rows)
    connection.execute(text(_STOP), rows)
    return added
