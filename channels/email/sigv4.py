"""Amazon's request signature, version 4 (AWS4-HMAC-SHA256), for a POST of JSON.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html, read in November 2026.
"""

import hashlib
import hmac
from datetime import datetime

ALGORITHM = "AWS4-HMAC-SHA256"
CONTENT_TYPE = "application/json"
SIGNED = "content-type;host;x-amz-date"


def signed_headers(
    *, host: str, path: str, body: bytes, service: str, region: str, key_id: str, secret: str, at: datetime
) -> dict[str, str]:
    """Return the headers, Host left out, that prove who sends a body to a path; ``at`` is aware UTC.

    The path is signed as it is sent, so it must consist of characters that need no encoding.
    """
    moment = at.strftime("%Y%m%dT%H%M%SZ")
    day = moment[:8]
    headers = f"content-type:{CONTENT_TYPE}\nhost:{host}\nx-amz-date:{moment}\n"
    canonical = f"POST\n{path}\n\n{headers}\n{SIGNED}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{day}/{region}/{service}/aws4_request"
    said = f"{ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + secret.encode()
    for word in (day, region, service, "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = hmac.digest(key, said.encode(), "sha256").hex()
    return {
        "Content-Type": CONTENT_TYPE,
        "X-Amz-Date": moment,
        "Authorization": f"{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={SIGNED}, Signature={signature}",
    }
