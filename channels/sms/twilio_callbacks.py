"""What Twilio tells us by itself: the status of a message, and what a member wrote.

The signature is made over the address exactly as Twilio called it, followed by every
field of the form in order of their names.  There is no time in it, so a replayed request
passes; it has the keys it had the first time and changes nothing.

Source: https://www.twilio.com/docs/usage/security and
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status, read in November 2026.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, parse_qsl, urlsplit

from channels.errors import CallbackRefused
from channels.message import Callback, CallbackRequest, Channel, DeliveryReport, Reply, ReportStatus
from channels.sms.twilio_codes import DEAD

REFERENCE = "m"  #: the part of our callback address that holds the message's reference
#: An answer without words: whatever else is said to an incoming message is sent to the member.
RECEIVED = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
MOST_FIELDS = 200
ALGORITHMS = {"HMAC_SHA1": hashlib.sha1, "HMAC_SHA256": hashlib.sha256}
PORTS = {"https": 443, "http": 80}
#: A status that is not here, were there a new one, is a step on the way and settles nothing.
STATUSES: Mapping[str, ReportStatus] = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending", "sent"), ReportStatus.ACCEPTED),
    **dict.fromkeys(("delivered", "read"), ReportStatus.DELIVERED),
    **dict.fromkeys(("undelivered", "failed", "canceled"), ReportStatus.FAILED),
}

#: The form as it came, names repeated where they were.
Fields = Sequence[tuple[str, str]]


def signature(url: str, fields: Fields, secret: str, *, algorithm: str = "HMAC_SHA1") -> str:
    """Return what proves that whoever made a request knows the secret."""
    said = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.digest(secret.encode(), said.encode(), ALGORITHMS[algorithm])
    return base64.b64encode(digest).decode()


def read_request(
    request: CallbackRequest, *, provider: str, account: str, token: str, shared_keys: Mapping[str, str]
) -> Callback:
    """Verify a request and translate what it says.

    ``token`` is the account's; ``shared_keys`` are the secrets of newer signatures by the key's name.

    Raises:
        CallbackRefused: it is not Twilio's, is meant for another account, or is not to be understood.
    """
    try:
        form = dict(_verified(request, provider, token, shared_keys))
    except ValueError:  # An address or a form that is not even text.
        raise CallbackRefused("the callback is not a form", provider=provider) from None
    if form.get("AccountSid") != account:
        raise CallbackRefused("the callback is about another account", provider=provider)
    if not form.get("MessageSid"):
        raise CallbackRefused("the callback names no message", provider=provider)
    status = form.get("MessageStatus", "")
    if status:
        reference = dict(parse_qsl(urlsplit(request.url).query)).get(REFERENCE)
        report = message_report(form["MessageSid"], status, form.get("ErrorCode"), provider, reference, form)
        return Callback(reports=(report,), body=RECEIVED, content_type="text/xml")
    if "Body" in form and form.get("From"):
        return Callback(replies=(_reply(form, provider),), body=RECEIVED, content_type="text/xml")
    raise CallbackRefused("the callback is neither a status nor a message", provider=provider)


def message_report(
    sid: str, status: str, code: str | None, provider: str, reference: str | None, raw: Mapping[str, object]
) -> DeliveryReport:
    """Say in our words what a message's status is; ``code`` is the error's, where there is one."""
    said = STATUSES.get(status, ReportStatus.ACCEPTED)
    return DeliveryReport(
        provider=provider,
        key=f"{sid}:{status}:{code or ''}",
        status=ReportStatus.BOUNCED if said is ReportStatus.FAILED and code in DEAD else said,
        reference=reference,
        provider_ref=sid,
        code=code or status,
        # The only moment in it, RawDlrDoneDate, is the carrier's own and in nobody knows which zone.
        occurred_at=None,
        raw=raw,
    )


def _verified(request: CallbackRequest, provider: str, token: str, shared_keys: Mapping[str, str]) -> Fields:
    """Return the form of a request whose signature is right."""
    asked = parse_qs(urlsplit(request.url).query)
    hashed = "bodySHA256" in asked  # Then the form is not signed by its fields, but whole by its hash.
    fields = _form(request, provider)
    algorithm, secret = _key(request.headers, token, shared_keys)
    shown = request.headers.get("x-twilio-signature", "").encode()
    right = [
        hmac.compare_digest(signature(url, [] if hashed else fields, secret, algorithm=algorithm).encode(), shown)
        for url in _spellings(request.url)
    ]
    if hashed:
        digest = hashlib.sha256(request.body).hexdigest().encode()
        right = [each and hmac.compare_digest(digest, asked["bodySHA256"][0].encode()) for each in right]
    if not (secret and any(right)):
        raise CallbackRefused("the signature is not the provider's", provider=provider)
    return fields


def _form(request: CallbackRequest, provider: str) -> Fields:
    if request.method != "POST":
        raise CallbackRefused("the callback is not a POST", provider=provider)
    return parse_qsl(request.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)


def _key(headers: Mapping[str, str], token: str, shared_keys: Mapping[str, str]) -> tuple[str, str]:
    """Return the algorithm and the secret a request says it was signed with; no secret: we do not have it."""
    said = headers.get("x-twilio-webhooks-signature-settings", "")
    settings = {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in said.split(","))}
    algorithm = settings.get("algorithm", "HMAC_SHA1").upper()
    if algorithm == "HMAC_SHA1":
        return algorithm, token
    return "HMAC_SHA256", shared_keys.get(settings.get("key", ""), "") if algorithm in ALGORITHMS else ""


def _spellings(url: str) -> list[str]:
    """Return the address as it is, and with and without its port: Twilio signs now one, now the other."""
    scheme, _, rest = url.partition("://")
    place = urlsplit(url)
    tail = rest[len(place.netloc) :]
    host = place.netloc.removesuffix(f":{place.port}") if place.port else place.netloc
    return [url, f"{scheme}://{host}{tail}", f"{scheme}://{host}:{place.port or PORTS.get(scheme, 80)}{tail}"]


def _reply(form: Mapping[str, str], provider: str) -> Reply:
    # With Advanced Opt-Out the account chooses its own words; what they mean is then said beside them.
    stops = form.get("OptOutType", "").upper() == "STOP"
    return Reply(
        provider=provider,
        key=f"up:{form['MessageSid']}",
        channel=Channel.SMS,
        address=form["From"],
        text="STOP" if stops else form["Body"],
    )
