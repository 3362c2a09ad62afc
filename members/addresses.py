"""Phone numbers, email addresses and openids in one spelling each, and the keyed hash that stands for them."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import idna
import phonenumbers
from phonenumbers import PhoneNumberType

REGION = "CN"  #: the country of a number written without one
LONGEST_ADDRESS = 320  #: characters kept of an unusable address; RFC 5321 allows 64 + @ + 255

#: The short cut for mainland mobiles; the library takes fifty times as long.  A test proves, prefix by
#: prefix, that both say the same.
_PLAIN_MOBILE = re.compile(r"(?:\+86|0086|86)?(1(?:[38]\d|4[57]|[59][0-35-9]|6[25-7]|7[0-35-8])\d{8})", re.ASCII)
#: Numbers such as 10086 and 95588, which are dialled within a country and are nobody's.
_SHORT_CODE = re.compile(r"(?:10|11|12|95|96)\d{1,6}", re.ASCII)
_BLANKS_AND_DASHES = str.maketrans("", "", " -")
_NOT_PART_OF_A_NUMBER = re.compile(r"[\s\-‐-―()（）.·]+")
_LOCAL_PART = re.compile(r"[^\s\x00-\x1f\x7f@\"(),:;<>\[\]\\.]+(?:\.[^\s\x00-\x1f\x7f@\"(),:;<>\[\]\\.]+)*")
_OPENID = re.compile(r"[0-9A-Za-z_-]{20,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class NormalisedAddress:
    """An address in its one spelling; where it cannot be used, as it was given, with the reason."""

    address: str
    problem: str | None = None  #: None: usable; else not_a_number, not_valid, not_a_mobile, …


def fingerprint(secret: bytes, channel: str, address: str) -> bytes:
    """Return the keyed hash by which an address is known after its text has been erased."""
    begun, ended = _begun(secret)
    inner, outer = begun.copy(), ended.copy()
    inner.update(f"{channel}\x1f{address}".encode())
    outer.update(inner.digest())
    return outer.digest()


@lru_cache(maxsize=16)
def _begun(secret: bytes) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """Begin both hashes of an HMAC (RFC 2104) with SHA-256: files have millions of addresses and one secret.

    The standard library begins anew each time and takes three times as long; a test proves that both say the same.
    """
    block = hashlib.sha256().block_size
    key = (secret if len(secret) <= block else hashlib.sha256(secret).digest()).ljust(block, b"\0")
    return hashlib.sha256(bytes(byte ^ 0x36 for byte in key)), hashlib.sha256(bytes(byte ^ 0x5C for byte in key))


def normalise_phone(text: str) -> NormalisedAddress:
    """Bring a number to E.164; without a country code it is taken for a mainland one.

    Problems: ``not_a_number``, ``not_valid`` (no such number can exist), ``not_a_mobile`` (a
    fixed line or a service number: no text message reaches it), ``short_code`` (10086 and its like).
    """
    plain = _PLAIN_MOBILE.fullmatch(text.translate(_BLANKS_AND_DASHES))
    if plain:
        return NormalisedAddress(f"+86{plain[1]}")
    return _phone_by_library(text)


@lru_cache(maxsize=4096)
def _phone_by_library(text: str) -> NormalisedAddress:
    folded = unicodedata.normalize("NFKC", text).strip()
    digits = _NOT_PART_OF_A_NUMBER.sub("", folded)
    plain = _PLAIN_MOBILE.fullmatch(digits)
    if plain:
        return NormalisedAddress(f"+86{plain[1]}")
    if _SHORT_CODE.fullmatch(digits):
        return NormalisedAddress(digits, "short_code")
    if not re.fullmatch(r"\+?\d{5,20}", digits, re.ASCII):
        return NormalisedAddress(folded[:LONGEST_ADDRESS], "not_a_number")
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    try:
        number = phonenumbers.parse(digits, REGION)
    except phonenumbers.NumberParseException:
        return NormalisedAddress(folded[:LONGEST_ADDRESS], "not_a_number")
    if not phonenumbers.is_valid_number(number):
        return NormalisedAddress(folded[:LONGEST_ADDRESS], "not_valid")
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # North American numbers do not tell fixed lines and mobiles apart.
    kinds = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
    usable = phonenumbers.number_type(number) in kinds
    return NormalisedAddress(written, None if usable else "not_a_mobile")


def normalise_email(text: str) -> NormalisedAddress:
    """Fold width and case, trim, and write the domain in its ASCII form.

    Problems: ``not_an_address``, ``too_long``, ``bad_domain``, ``not_ascii`` (the part before the @ needs
    a mail server with SMTPUTF8, which few have).
    """
    folded = (text if text.isascii() else unicodedata.normalize("NFKC", text)).strip().lower()
    local, at, domain = folded.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local):
        return NormalisedAddress(folded[:LONGEST_ADDRESS], "not_an_address")
    written = _domain(domain)
    if written is None:
        return NormalisedAddress(folded[:LONGEST_ADDRESS], "bad_domain")
    address = f"{local}@{written}"
    if not local.isascii():
        return NormalisedAddress(address[:LONGEST_ADDRESS], "not_ascii")
    if len(local) > 64 or len(address) > 254:
        return NormalisedAddress(address[:LONGEST_ADDRESS], "too_long")
    return NormalisedAddress(address)


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str | None:
    """Return the domain in ASCII, or None where mail cannot be addressed to it."""
    try:
        written = idna.encode(domain.replace("。", "."), uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return None
    labels = written.split(".")
    fits = all(re.fullmatch(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", label) for label in labels)
    return written if len(labels) > 1 and fits and not labels[-1].isdigit() else None


def normalise_openid(text: str) -> NormalisedAddress:
    """Check a WeChat openid, whose case matters.  Problem: ``not_an_openid``."""
    trimmed = unicodedata.normalize("NFKC", text).strip()
    usable = _OPENID.fullmatch(trimmed) is not None
    return NormalisedAddress(trimmed[:LONGEST_ADDRESS], None if usable else "not_an_openid")


NORMALISERS = {"sms": normalise_phone, "email": normalise_email, "wechat": normalise_openid}
