"""The keys with which pretend mail providers sign what they tell; they guard nothing."""

import base64
import functools
import hashlib
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

CERTIFICATE_NAME = "SimpleNotificationService-51a0517e51a0517e.pem"


class TopicKey:
    """An RSA key with its certificate, made when it is first needed."""

    @functools.cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @functools.cached_property
    def certificate(self) -> bytes:
        """The certificate in PEM."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        day = datetime.now(UTC)
        made = x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=self._key.public_key(),
            serial_number=1,
            not_valid_before=day - timedelta(days=1),
            not_valid_after=day + timedelta(days=365),
        ).sign(self._key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)

    def sign(self, words: str) -> str:
        """Sign as SNS does in version 2."""
        return base64.b64encode(self._key.sign(words.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


@functools.cache
def _event_key(seed: str) -> ec.EllipticCurvePrivateKey:
    """Return the same key for the same words, so that its public half can be known beforehand."""
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:31], "big"), ec.SECP256R1())


def event_public_key(seed: str) -> str:
    """Return the public key as the provider's console shows it."""
    kind, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(_event_key(seed).public_key().public_bytes(kind, form)).decode()


def sign_events(seed: str, words: bytes) -> str:
    """Sign a batch of events."""
    return base64.b64encode(_event_key(seed).sign(words, ec.ECDSA(hashes.SHA256()))).decode()
