"""A topic of Amazon's as tests need it: a key, its certificate, and whatever it signs."""

import base64
import json
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from channels.errors import OutcomeUnknown

TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"
CERTIFICATE = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
NOW = datetime(2026, 11, 5, 8, 30, tzinfo=UTC)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(*, until: datetime = NOW + timedelta(days=30)) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    built = x509.CertificateBuilder(name, name, KEY.public_key(), 7, NOW - timedelta(days=400), until)
    return built.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def posted(message: object = "{}", *, version: str = "2", unsigned: dict[str, str] | None = None, **more: str) -> bytes:
    """Return a signed envelope; ``unsigned`` is changed afterwards."""
    said = {
        "Type": "Notification",
        "MessageId": "11111111-1111-1111-1111-111111111111",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": NOW.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        **more,
    }
    words = "".join(f"{name}\n{said[name]}\n" for name in sorted(said))
    kind = hashes.SHA1() if version == "1" else hashes.SHA256()
    signature = base64.b64encode(KEY.sign(words.encode(), padding.PKCS1v15(), kind)).decode()
    envelope = {**said, "SignatureVersion": version, "Signature": signature, "SigningCertURL": CERTIFICATE}
    return json.dumps({**envelope, **(unsigned or {})}).encode()


class Amazon:
    """Serves pages by address and remembers who was asked; a page that is None cannot be had."""

    def __init__(self, page: bytes | None) -> None:
        self.page = page
        self.asked: list[str] = []

    def __call__(self, address: str) -> bytes:
        self.asked.append(address)
        if self.page is None:
            raise OutcomeUnknown("lost", provider="email.ses")
        return self.page
