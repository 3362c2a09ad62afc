"""A receiver's check of a DKIM signature, by code of its own: it has no part in signing."""

import base64
import hashlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key


def key_of(dns_record: str) -> RSAPublicKey:
    """Return the key a DNS record publishes."""
    found = re.search(r"\bp=([A-Za-z0-9+/=]+)", dns_record)
    assert found
    key = load_der_public_key(base64.b64decode(found[1]))
    assert isinstance(key, RSAPublicKey)
    return key


def tags_of(signature: str) -> dict[str, str]:
    """Return the tags of a DKIM-Signature header without any white space in them."""
    pairs = (tag.partition("=") for tag in signature.split(";") if tag.strip())
    return {name.strip(): re.sub(r"\s", "", value) for name, _, value in pairs}


def what_is_wrong(mail: bytes, key: RSAPublicKey) -> str | None:
    """Verify the first signature of a mail (relaxed/relaxed); None: it is right."""
    head, _, body = mail.decode("latin-1").partition("\r\n\r\n")
    fields = re.split(r"\r\n(?![ \t])", head)
    at = next((n for n, field in enumerate(fields) if field.lower().startswith("dkim-signature:")), None)
    if at is None:
        return "there is no signature"
    own = fields.pop(at)
    tags = tags_of(own.partition(":")[2])
    lines = [re.sub(r"[ \t]+", " ", line).rstrip(" ") for line in body.split("\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    plain = "".join(line + "\r\n" for line in lines)
    if base64.b64encode(hashlib.sha256(plain.encode("latin-1")).digest()).decode() != tags["bh"]:
        return "the body was changed"
    covered = ""
    for name in tags["h"].split(":"):
        last = next(
            (n for n in range(len(fields) - 1, -1, -1) if fields[n].split(":")[0].strip().lower() == name.lower()), None
        )
        covered += relaxed(fields.pop(last)) + "\r\n" if last is not None else ""
    covered += re.sub(r"\bb=[^;]*$", "b=", relaxed(own))
    try:
        key.verify(base64.b64decode(tags["b"]), covered.encode("latin-1"), padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return "a header was changed"
    return None


def relaxed(field: str) -> str:
    """Return a header in its relaxed form."""
    name, _, value = field.partition(":")
    unfolded = re.sub(r"[ \t]+", " ", value.replace("\r\n", ""))
    return f"{name.strip().lower()}:{unfolded.strip()}"
