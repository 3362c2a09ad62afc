"""The address bounces come back to, made and read: it names the message it was given for.

``bounce@example.com`` becomes ``bounce+<reference>@example.com``, and with a secret
``bounce+<reference>-<tag>@example.com``.  References can be guessed; the tag cannot, so
with a secret nobody can make up a bounce for a mail he did not get.  Servers may change
the case of letters on the way; neither part minds.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from pydantic import SecretStr

_LONGEST_LOCAL_PART = 64
_TAG_LENGTH = 10  #: letters of five bits each
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class ReturnAddress:
    """Where an account's bounces go, and how they name their message."""

    address: str  #: the mailbox without any reference
    secret: SecretStr | None = None  #: None: anybody can make up a bounce

    def for_message(self, reference: str) -> str:
        """Return the envelope sender of one message; without its reference where that would be too long."""
        local, _, domain = self.address.rpartition("@")
        named = f"{local}+{reference}{self._tag(reference)}"
        return f"{named}@{domain}" if len(named) <= _LONGEST_LOCAL_PART else self.address

    def read(self, address: str) -> str | None:
        """Return the reference an address names; None: it is not ours, names none, or its tag is wrong."""
        local, _, domain = address.strip().strip("<>").rpartition("@")
        ours, _, our_domain = self.address.rpartition("@")
        if domain.lower() != our_domain.lower() or not local.lower().startswith(f"{ours.lower()}+"):
            return None
        named = local[len(ours) + 1 :]
        reference = named if self.secret is None else named[: -_TAG_LENGTH - 1]
        if not _REFERENCE.fullmatch(reference):
            return None
        whole = f"{reference}{self._tag(reference)}".lower().encode()
        return reference if hmac.compare_digest(whole, named.lower().encode("utf-8", "replace")) else None

    def _tag(self, reference: str) -> str:
        if self.secret is None:
            return ""
        digest = hmac.digest(self.secret.get_secret_value().encode(), reference.lower().encode(), hashlib.sha256)
        return "-" + base64.b32encode(digest).decode().lower()[:_TAG_LENGTH]


def any_reference(address: str) -> str | None:
    """Return what stands behind the first plus of an address whose owner we do not know."""
    named = address.strip().strip("<>").rpartition("@")[0].partition("+")[2]
    return named if _REFERENCE.fullmatch(named) else None
