"""What tells that two rows are one person beside addresses: a WeChat unionid, the number of a card."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, text

KINDS = ("unionid", "card")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewIdentifier:
    """One mark of one member."""

    member_id: int
    kind: str  #: unionid or card
    value: str
    account: str = ""  #: whose unionid or card it is, where there are several


_RECORD = """
INSERT INTO identifiers (member_id, kind, account, value, created_at)
SELECT coalesce(members.merged_into, members.id), kind, coalesce(account, ''), value, :now
FROM json_to_recordset(CAST(:rows AS json)) AS told (member_id bigint, kind text, account text, value text)
JOIN members ON members.id = told.member_id WHERE value <> ''
ON CONFLICT DO NOTHING RETURNING member_id
"""

# Files bring them as attributes: attributes: {unionid: …, card: …} in the map of the import.
_ADOPT = """
INSERT INTO identifiers (member_id, kind, value, created_at)
SELECT members.id, kind, btrim(attributes ->> kind), :now
FROM members CROSS JOIN unnest(CAST(:kinds AS text[])) AS kind
WHERE attributes ?| CAST(:kinds AS text[]) AND btrim(attributes ->> kind) <> '' AND erased_at IS NULL AND merged_into IS NULL
ORDER BY members.id ON CONFLICT DO NOTHING
"""


def record_identifiers(connection: Connection, told: Sequence[NewIdentifier], *, now: datetime) -> int:
    """Keep what is new of these; return how many were."""
    if not told:
        return 0
    rows = json.dumps([asdict(each) for each in told], ensure_ascii=False)
    return len(connection.execute(text(_RECORD), {"rows": rows, "now": now}).all())


def adopt_attributes(connection: Connection, *, now: datetime) -> int:
    """Keep the attributes ``unionid`` and ``card`` as identifiers; return how many were new."""
    return connection.execute(text(_ADOPT), {"kinds": list(KINDS), "now": now}).rowcount
