"""DKIM: a signature by which receivers know that a mail is its domain's and came unchanged.

RSA with SHA-256, relaxed in headers and body.  Everything a receiver acts on is signed, both
one-click headers among it; From is named once more than it stands there, so that none can be
added.

Source: RFC 6376 sections 3.4, 3.5 and 5, RFC 8301 (RSA keys have 1024 bits at least).
"""

import base64
import hashlib
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_SIGNED = frozenset(
    {
        "from", "reply-to", "to", "subject", "date", "message-id", "mime-version", "content-type", "feedback-id",
        "list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post", "auto-submitted", "x-tidings-reference",
    }
)  # fmt: skip
_FEWEST_BITS = 1024
_WHITE = re.compile(rb"[ \t]+")
_FIELD_START = re.compile(rb"\r\n(?![ \t])")


@dataclass(frozen=True, kw_only=True)
class Signer:
    """One domain's key, ready to sign.  Safe to use from several threads."""

    domain: str
    selector: str  #: under which the public key stands in the DNS: <selector>._domainkey.<domain>
    key: RSAPrivateKey

    def header_for(self, mail: bytes, *, at: int) -> bytes:
        """Return the DKIM-Signature header to put in front of a mail, with its line end.

        ``mail`` has no dots stuffed; ``at`` is the moment of signing in seconds since 1970.
        """
        head, _, body = mail.partition(b"\r\n\r\n")
        fields = [_canonical_field(field) for field in _FIELD_START.split(head)]
        signed = [(name, field) for name, field in fields if name in _SIGNED]
        names = ":".join([*(name for name, _ in signed), "from"])
        digest = base64.b64encode(hashlib.sha256(canonical_body(body)).digest()).decode()
        unsigned = (
            f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={self.domain}; s={self.selector};\r\n"
            f" t={at}; h={_folded(names, ':')};\r\n bh={digest};\r\n b="
        ).encode()
        # No header stands twice in our mails, and the additional From is empty (RFC 6376 section 5.4.2).
        covered = b"".join(field + b"\r\n" for _, field in signed) + _canonical_field(unsigned)[1]
        signature = base64.b64encode(self.key.sign(covered, PKCS1v15(), SHA256())).decode()
        return unsigned + "\r\n ".join(textwrap.wrap(signature, 72)).encode() + b"\r\n"


def read_key(path: Path) -> RSAPrivateKey:
    """Read an RSA key in PEM.

    Raises:
        ValueError: it is none, is encrypted, or is too short for anybody to trust.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("this is not an unencrypted RSA key in PEM") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("a mail is signed with an RSA key")
    if key.key_size < _FEWEST_BITS:
        raise ValueError("an RSA key needs 1024 bits at least, and should have 2048")
    return key


def canonical_body(body: bytes) -> bytes:
    """Return the body as the relaxed form of RFC 6376 section 3.4.4 has it."""
    if b" " in body or b"\t" in body:
        body = _WHITE.sub(b" ", body).replace(b" \r\n", b"\r\n")
        body = body.removesuffix(b" ")
    body = body.rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


def _canonical_field(field: bytes) -> tuple[str, bytes]:
    """Return a header's name and its relaxed form (section 3.4.2), without a line end."""
    name, _, value = field.partition(b":")
    plain = name.strip().lower()
    return plain.decode("ascii"), plain + b":" + _WHITE.sub(b" ", value.replace(b"\r\n", b"")).strip(b" \t")


def _folded(text: str, separator: str) -> str:
    """Break a list into lines of at most 72 characters, behind separators."""
    lines, line = [], ""
    for item in text.split(separator):
        if line and len(line) + len(item) > 70:
            lines.append(line + separator)
            line = item
        else:
            line = f"{line}{separator}{item}" if line else item
    return "\r\n ".join([*lines, line])
