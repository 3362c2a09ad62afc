"""Alibaba Cloud's request signature, version 3 (ACS3-HMAC-SHA256).

Source: https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature, its worked
example is in the tests.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote

ALGORITHM = "ACS3-HMAC-SHA256"


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Return the parameters as they are both signed and sent: sorted, percent-encoded by RFC 3986."""
    return "&".join(f"{quote(name, safe='~')}={quote(parameters[name], safe='~')}" for name in sorted(parameters))


def signed_headers(
    *,
    host: str,
    action: str,
    version: str,
    query: str,
    body: bytes,
    key_id: str,
    secret: str,
    at: datetime,
    nonce: str,
) -> dict[str, str]:
    """Return the headers, Host left out, of a POST to ``/`` that prove who sends it; ``at`` is aware UTC."""
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": digest,
        "x-acs-date": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    if body:
        headers["content-type"] = "application/x-www-form-urlencoded"
    names = sorted(headers)
    signed = ";".join(names)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    canonical = f"POST\n/\n{query}\n{lines}\n{signed}\n{digest}"
    said = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest()
    del headers["host"]  # Signed, and then written by the connection itself.
    headers["Authorization"] = f"{ALGORITHM} Credential={key_id},SignedHeaders={signed},Signature={signature}"
    return headers
