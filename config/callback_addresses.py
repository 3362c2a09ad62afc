"""The secret address at which each provider may call us."""

import hashlib
import hmac


def callback_token(secret: bytes, provider: str) -> str:
    """Return the 128-bit part of the address that nobody can guess, the same for as long as the secret is."""
    return hmac.new(secret, f"callback\x1f{provider}".encode(), hashlib.sha256).hexdigest()[:32]


def callback_address(secret: bytes, provider: str, *, public_url: str) -> str:
    """Return the whole address to give to the provider."""
    return f"{public_url.rstrip('/')}/callbacks/{provider}/{callback_token(secret, provider)}"
