"""What members told a provider about messages of one of its templates, kept word for word."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert as upsert

from database.tables import permissions


@dataclass(frozen=True, kw_only=True, slots=True)
class Permission:
    """One word of one address, as the provider passed it on."""

    provider: str
    key: str  #: the same word pushed twice has the same key
    channel: str
    fingerprint: bytes  #: of the address
    template_code: str  #: the provider's own id of the template
    kind: str  #: given: one more is allowed; declined: not this time; withdrawn: none any more
    occurred_at: datetime


def record_permissions(connection: Connection, told: Sequence[Permission]) -> int:
    """Keep what is new of these; return how many were."""
    rows = [asdict(each) for each in told]
    if not rows:
        return 0
    kept = upsert(permissions).on_conflict_do_nothing().returning(permissions.c.id)
    return len(connection.execute(kept, rows).all())
