"""What Amazon SNS posts to us: its signature, its certificates, its subscriptions.

A certificate is fetched only from a host that is Amazon's own SNS, and the address that
confirms a subscription is made here from our own topic; no address that is posted to us is
ever followed.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html, read in November 2026.
"""

import base64
import binascii
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from urllib.parse import quote

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from channels.email.webhook_fields import is_fresh, moment, read_json
from channels.errors import CallbackRefused, CallbackUnverified, DeliveryError
from channels.http import Http, TimeLimits

#: Fetches a page by GET and returns its body.  Raises DeliveryError where that fails.
Fetch = Callable[[str], bytes]

REGION = r"[a-z]{2}(?:-[a-z]+)+-\d{1,2}"
TOPIC = re.compile(rf"arn:aws(?:-[a-z-]+)?:sns:({REGION}):\d{{12}}:[A-Za-z0-9_.-]{{1,256}}")
#: Only a region may stand between the dots: ``sns.s3.amazonaws.com`` could be anybody's.
CERTIFICATE_ADDRESS = re.compile(
    rf"https://sns\.{REGION}\.amazonaws\.com(?:\.cn)?/SimpleNotificationService-[A-Za-z0-9]{{1,64}}\.pem"
)
TOKEN = re.compile(r"[A-Za-z0-9]{1,2048}")
KEPT = 16  #: certificates
LONGEST_CERTIFICATE = 32_768  #: bytes
FETCHING = TimeLimits(connect=2.0, read=3.0, total=4.0)
NOTIFICATION, CONFIRMATIONS = "Notification", ("SubscriptionConfirmation", "UnsubscribeConfirmation")
SIGNED_FIELDS = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    **dict.fromkeys(CONFIRMATIONS, ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")),
}
_HASHES: Mapping[str, Callable[[], hashes.HashAlgorithm]] = {
    "1": hashes.SHA1,  # What version 1 is; the topic's owner may choose version 2.
    "2": hashes.SHA256,
}


class Topics:
    """The topics that are ours, and the certificates by which their messages are known."""

    def __init__(self, ours: Collection[str], *, provider: str, window: timedelta, fetch: Fetch | None = None) -> None:
        self._ours = frozenset(ours)
        self._provider = provider
        self._window = window  #: how old a message may be
        self._fetch = fetch or self._fetch_page
        self._certificates: OrderedDict[str, x509.Certificate] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, body: bytes, *, now: datetime) -> str | None:
        """Return the words of a notification that is truly one of ours; None: it was about the subscription.

        A subscription to one of our topics is confirmed.

        Raises:
            CallbackRefused: it is not signed by Amazon, not for our topics, or too old.
            CallbackUnverified: Amazon could not be asked about it.
        """
        said = self._envelope(body)
        self._check_age(said["Timestamp"], now)
        self._check_signature(said, now)
        if said["Type"] == "SubscriptionConfirmation":
            self._confirm(said)
        return said["Message"] if said["Type"] == NOTIFICATION else None

    def _envelope(self, body: bytes) -> Mapping[str, str]:
        read = read_json(body, self._provider)
        said = {name: value for name, value in read.items() if isinstance(value, str)} if isinstance(read, dict) else {}
        needed = set(SIGNED_FIELDS.get(said.get("Type", ""), ())) - {"Subject"}
        if not needed or not said.keys() >= needed | {"Signature", "SignatureVersion", "SigningCertURL"}:
            raise self._refused("the callback is not a message of SNS")
        if said["TopicArn"] not in self._ours:
            raise self._refused("the topic is not one of ours")
        return said

    def _check_age(self, said: str, now: datetime) -> None:
        at = moment(said) if said.endswith("Z") else None
        if not is_fresh(at, now=now, window=self._window):
            raise self._refused("the message is too old, or from the future")

    def _check_signature(self, said: Mapping[str, str], now: datetime) -> None:
        hashing = _HASHES.get(said["SignatureVersion"])
        if hashing is None:
            raise self._refused("the signature is of a version we do not know")
        key = self._certificate(said["SigningCertURL"], now).public_key()
        try:
            signature = base64.b64decode(said["Signature"], validate=True)
            if isinstance(key, RSAPublicKey):
                key.verify(signature, string_to_sign(said).encode(), padding.PKCS1v15(), hashing())
                return
        except (InvalidSignature, binascii.Error, UnicodeEncodeError):
            pass
        raise self._refused("the signature is not Amazon's")

    def _certificate(self, address: str, now: datetime) -> x509.Certificate:
        if not CERTIFICATE_ADDRESS.fullmatch(address):
            raise self._refused("the certificate does not lie with Amazon")
        with self._lock:  # One fetch at a time: whoever waits finds what the first one fetched.
            found = self._certificates.get(address)
            if found is None:
                found = self._load(address)
                self._certificates[address] = found
                if len(self._certificates) > KEPT:
                    self._certificates.popitem(last=False)
        if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
            raise self._refused("the certificate is not valid now")
        return found

    def _load(self, address: str) -> x509.Certificate:
        page = self._get(address)
        try:
            return x509.load_pem_x509_certificate(page[:LONGEST_CERTIFICATE])
        except ValueError:
            raise self._refused("the certificate cannot be read") from None

    def _confirm(self, said: Mapping[str, str]) -> None:
        topic, token = said["TopicArn"], said["Token"]
        if not TOKEN.fullmatch(token):
            raise self._refused("the confirmation's token is no token")
        self._get(f"{sns_address(topic)}/?Action=ConfirmSubscription&TopicArn={quote(topic, safe='')}&Token={token}")

    def _get(self, address: str) -> bytes:
        try:
            return self._fetch(address)
        except DeliveryError:
            raise self._unverified() from None

    def _fetch_page(self, address: str) -> bytes:
        host, _, target = address.removeprefix("https://").partition("/")
        http = Http(f"https://{host}", provider=self._provider, limits=FETCHING)
        try:
            answer = http.get(f"/{target}", headers={}, deadline=time.monotonic() + FETCHING.total)
        finally:
            http.close()
        if answer.status != 200:
            raise self._unverified()
        return answer.body

    def _refused(self, sentence: str) -> CallbackRefused:
        return CallbackRefused(sentence, provider=self._provider)

    def _unverified(self) -> CallbackUnverified:
        sentence = "Amazon could not be asked; the callback cannot be verified now"
        return CallbackUnverified(sentence, provider=self._provider)


def string_to_sign(said: Mapping[str, str]) -> str:
    """Return what SNS signs of a message: names and values by turns, each on a line."""
    return "".join(f"{name}\n{said[name]}\n" for name in SIGNED_FIELDS[said["Type"]] if name in said)


def sns_address(topic: str) -> str:
    """Return where Amazon answers for a topic, which lies in the topic's own region."""
    found = TOPIC.fullmatch(topic)
    if found is None:
        raise ValueError("this is not the name of a topic")
    return f"https://sns.{found[1]}.amazonaws.com{'.cn' if topic.startswith('arn:aws-cn:') else ''}"
