"""The name by which a provider knows one of our sends."""

import re

_FORM = re.compile(r"([0-9a-f]{8})-([0-9]{1,19})")
LARGEST = 2**63 - 1  #: what a column of ids holds


def reference_of(send_id: int, installation: str) -> str:
    """Return the reference given to providers: the same for every attempt of a send.

    ``installation`` keeps two installations that share an account from taking each
    other's receipts for their own; eight hexadecimal digits.
    """
    return f"{installation}-{send_id}"


def send_of(reference: str | None, installation: str) -> int | None:
    """Return the send a reference names; None: it is not one of this installation's."""
    found = _FORM.fullmatch(reference or "")
    number = int(found[2]) if found and found[1] == installation else None
    return number if number is not None and number <= LARGEST else None
