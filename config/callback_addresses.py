"""The secret address at which each account's provider may call us."""

import hashlib
import hmac


def callback_token(secret: bytes, account: str) -> str:
    """Return the 128-bit part of the address that nobody can guess, the same for as long as the secret is."""
    return hmac.new(secret, f"callback\x1f{account}".encode(), hashlib.sha256).hexdigest()[:32]


def callback_address(secret: bytes, account: str, *, public_url: str) -> str:
    """Return the whole address to give to the provider."""
    return f"{public_url.rstrip('/')}/callbacks/{account}/{callback_token(secret, account)}"
