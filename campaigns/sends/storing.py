"""Keep delivery reports once, as they came."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from campaigns.sends.reference import send_of
from channels.message import DeliveryReport

_STORE = text("""
INSERT INTO receipts (provider, key, send_id, provider_ref, status, code, occurred_at, received_at, raw)
SELECT provider, key, send_id, provider_ref, status, code, occurred_at, :now, raw
FROM json_to_recordset(CAST(:rows AS json)) AS told (
    provider text, key text, send_id bigint, provider_ref text, status text, code text, occurred_at timestamptz, raw jsonb
) ORDER BY provider, key
ON CONFLICT DO NOTHING
""")


def store_reports(
    connection: Connection, reports: Sequence[DeliveryReport], *, installation: str, now: datetime
) -> int:
    """Store each report once; return how many were new.  Nothing else happens before the answer to the provider."""
    rows = [
        {
            "provider": report.provider,
            "key": report.key,
            "send_id": send_of(report.reference, installation),
            "provider_ref": report.provider_ref,
            "status": report.status.value,
            "code": report.code,
            "occurred_at": report.occurred_at.isoformat() if report.occurred_at else None,
            "raw": dict(report.raw),
        }
        for report in reports
    ]
    if not rows:
        return 0
    told = {"rows": json.dumps(rows, ensure_ascii=False), "now": now}
    return connection.execute(_STORE, told).rowcount
