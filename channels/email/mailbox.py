"""Mailboxes as SMTP wants them: ASCII only, or not at all."""

import functools
import re

import idna

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
#: C0 and C1 controls, DEL, the line ends only Unicode knows, and halves of surrogate pairs.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def is_plain(text: str) -> bool:
    """Say whether a text can stand on one header line without meaning more than it shows."""
    return _CONTROL.search(text) is None


def one_line(text: str) -> str:
    """Put a space in the place of every control character and line end."""
    return _CONTROL.sub(" ", text)


def mailbox(address: str) -> str:
    """Return the address in ASCII, its domain by IDNA where it needs that.

    Raises:
        ValueError: it is no mailbox, or one whose local part would need SMTPUTF8.  The
            message does not repeat the address.
    """
    local, at, domain = address.rpartition("@")
    if not at:
        raise ValueError("an address has one @")
    if not local.isascii():
        raise ValueError("a mailbox name outside ASCII cannot be reached by every server")
    if len(local) > 64 or not _LOCAL.fullmatch(local):
        raise ValueError("this is not the name of a mailbox")
    return f"{local}@{_ascii_domain(domain)}"


@functools.lru_cache(maxsize=4096)
def _ascii_domain(domain: str) -> str:
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError:
            raise ValueError("this is not the name of a domain") from None
    if len(domain) > 189 or not _DOMAIN.fullmatch(domain):
        raise ValueError("this is not the name of a domain")
    return domain
