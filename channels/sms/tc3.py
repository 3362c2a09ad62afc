"""Tencent Cloud's request signature, version 3 (TC3-HMAC-SHA256).

Source: https://cloud.tencent.com/document/api/382/52071, its worked example is in the tests.
"""

import functools
import hashlib
import hmac
from datetime import UTC, datetime

ALGORITHM = "TC3-HMAC-SHA256"
CONTENT_TYPE = "application/json"
SIGNED = "content-type;host"


def authorization(
    *, service: str, host: str, body: bytes, key_id: str, secret: str, at: int, content_type: str = CONTENT_TYPE
) -> str:
    """Return the Authorization of a POST to ``/``; ``at`` is in seconds since 1970, and decides the day in UTC."""
    head = f"content-type:{content_type}\nhost:{host}\n"
    canonical = f"POST\n/\n\n{head}\n{SIGNED}\n{hashlib.sha256(body).hexdigest()}"
    day = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    said = f"{ALGORITHM}\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(_key(secret, day, service), said.encode(), "sha256").hex()
    return f"{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={SIGNED}, Signature={signature}"


@functools.lru_cache(maxsize=16)
def _key(secret: str, day: str, service: str) -> bytes:
    """Return the day's key, which is good for every call of that day."""
    key = f"TC3{secret}".encode()
    for part in (day, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
