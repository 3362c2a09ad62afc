"""What tells that two rows are one person beside addresses: a WeChat unionid, the number of a card."""

from datetime import datetime

from sqlalchemy import Connection, text

KINDS = ("unionid", "card")

# Files have columns of their own for them; whoever tells them by another road tells them as attributes.
_ADOPT = """
INSERT INTO identifiers (member_id, kind, value, created_at)
SELECT members.id, kind, btrim(attributes ->> kind), :now
FROM members CROSS JOIN unnest(CAST(:kinds AS text[])) AS kind
WHERE attributes ?| CAST(:kinds AS text[]) AND btrim(attributes ->> kind) <> '' AND erased_at IS NULL AND merged_into IS NULL
ORDER BY members.id ON CONFLICT DO NOTHING
"""


def adopt_attributes(connection: Connection, *, now: datetime) -> int:
    """Keep the attributes ``unionid`` and ``card`` as identifiers; return how many were new."""
    return connection.execute(text(_ADOPT), {"kinds": list(KINDS), "now": now}).rowcount
