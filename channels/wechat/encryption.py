"""How WeChat encrypts and signs what it pushes to us, and how an answer is encrypted.

The key is 43 characters of base64; the cipher is AES-256-CBC with the key's first half as its start.  Under it
lie 16 random bytes, the length of the words in bytes, the words, and the id of the account they are meant for;
padding fills up to a multiple of 32, not of 16.

Source: https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Technical_Plan.html
and https://developers.weixin.qq.com/doc/subscription/guide/dev/push/encryption.html, read in November 2026.
"""

import base64
import binascii
import hashlib
import hmac
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

KEY_FORM = r"^[A-Za-z0-9+/]{43}$"  #: how an EncodingAESKey is written
BLOCK = 32  #: bytes to whose multiple everything is padded
RANDOM = 16  #: bytes before the length
HEAD = RANDOM + 4


class Undecipherable(ValueError):
    """It was not encrypted with this key for this account."""


class MessageKey:
    """One EncodingAESKey and the account whose messages it guards."""

    def __init__(self, encoded: str, receive_id: str) -> None:
        # The last character may carry bits that mean nothing, which b64decode lets pass.
        self._key = base64.b64decode(encoded + "=")
        self._receive_id = receive_id.encode()

    def decrypt(self, encrypted: str) -> bytes:
        """Return the words.

        Raises:
            Undecipherable: the text is not base64, was made with another key, or is meant for another account.
        """
        try:
            ciphered = base64.b64decode(encrypted.encode("ascii"), validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise Undecipherable("not base64") from None
        if not ciphered or len(ciphered) % BLOCK:
            raise Undecipherable("no whole blocks")
        decryptor = self._cipher().decryptor()
        return self._unpacked(decryptor.update(ciphered) + decryptor.finalize())

    def encrypt(self, words: bytes, *, random: bytes | None = None) -> str:
        """Return the words as base64; ``random`` None: 16 new random bytes."""
        head = secrets.token_bytes(RANDOM) if random is None else random
        plain = head + len(words).to_bytes(4, "big") + words + self._receive_id
        pad = BLOCK - len(plain) % BLOCK
        encryptor = self._cipher().encryptor()
        return base64.b64encode(encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()).decode()

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))

    def _unpacked(self, plain: bytes) -> bytes:
        pad = plain[-1]
        if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
            raise Undecipherable("no padding")
        plain = plain[:-pad]
        end = HEAD + int.from_bytes(plain[RANDOM:HEAD], "big")
        if len(plain) < HEAD or end > len(plain):
            raise Undecipherable("no length")
        if not hmac.compare_digest(plain[end:], self._receive_id):
            raise Undecipherable("meant for another account")
        return plain[HEAD:end]


def signature(token: str, timestamp: str, nonce: str, encrypted: str | None = None) -> str:
    """Return the signature over these words; with ``encrypted`` it is the one called msg_signature."""
    words = [token, timestamp, nonce] if encrypted is None else [token, timestamp, nonce, encrypted]
    return hashlib.sha1("".join(sorted(words)).encode()).hexdigest()  # noqa: S324 - The protocol's own.


def sealed_answer(
    words: bytes, *, key: MessageKey, token: str, timestamp: str, nonce: str, random: bytes | None = None
) -> bytes:
    """Return the body of an answer in safe mode; ``success`` and nothing at all are never sealed."""
    encrypted = key.encrypt(words, random=random)
    return (
        f"<xml>\n<Encrypt><![CDATA[{encrypted}]]></Encrypt>\n"
        f"<MsgSignature><![CDATA[{signature(token, timestamp, nonce, encrypted)}]]></MsgSignature>\n"
        f"<TimeStamp>{timestamp}</TimeStamp>\n<Nonce><![CDATA[{nonce}]]></Nonce>\n</xml>"
    ).encode()
