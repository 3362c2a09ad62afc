"""A pretend Twilio: Messages of the version of 2010-04-01, strict about login, form and fields.

It checks logins, reads forms and signs callbacks by code of its own, so that a mistake in ours cannot hide.
"""

import base64
import binascii
import hmac
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from email.utils import format_datetime
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from channels.simulator.faults import REFUSALS, Fault
from channels.simulator.misbehaving import answered, fault_of
from channels.simulator.receipts import Push, Receipt
from channels.simulator.record import RecordedMessage
from channels.simulator.settings import SimulatorSettings
from channels.simulator.world import World

PROVIDER = "sms.twilio"
REFUSED_WITH = {Fault.ADDRESS_REFUSED: 21211, Fault.MEMBER_REFUSED: 21610, Fault.CONTENT_REFUSED: 21617}
STATUS_OF = {20003: 401, 20404: 404, 20503: 503, 21408: 403}  #: every other code comes with 400
KNOWN = frozenset({"To", "From", "MessagingServiceSid", "Body", "StatusCallback", "ValidityPeriod", "MaxPrice"})
#: Numbers with which the real service lets its test credentials meet each refusal.
MAGIC_TO = {"+15005550001": 21211, "+15005550002": 21612, "+15005550003": 21408, "+15005550004": 21610}
MAGIC_TO["+15005550009"] = 21614
MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
UNDELIVERED = ("30003", "30005", "30006", "30008")
WORDS_KEPT = 100_000  #: messages whose words are remembered for who lists them


class TwilioDesk:
    """Takes messages, and lists them by number."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._words: OrderedDict[str, str] = OrderedDict()
        world.receipts.word(PROVIDER, self._word, batch=1)

    def routes(self) -> list[Route]:
        """Return the addresses at which it answers."""
        place = "/2010-04-01/Accounts/{account}/Messages.json"
        return [Route(place, self.send, methods=["POST"]), Route(place, self.listing, methods=["GET"])]

    async def send(self, request: Request) -> Response:
        """Take one message."""
        if not self._known(request):
            return _refused(20003)
        fault, away = await fault_of(self._world.faults, request)
        if away is not None:
            return away
        if fault is Fault.UNAVAILABLE:
            return _refused(20503)
        form = _form(request.headers.get("content-type", ""), await request.body())
        code = REFUSED_WITH[fault] if fault in REFUSALS else _refusal(form)
        return await self._take(form, code, fault)

    async def listing(self, request: Request) -> Response:
        """List what went to a number, newest first."""
        if not self._known(request):
            return _refused(20003)
        asked = request.query_params
        said = asked.get("PageSize", "50"), asked.get("Page", "0")
        if not (asked.get("To") and set(asked) <= {"To", "PageSize", "Page"} and all(each.isdecimal() for each in said)):
            return _refused(20404)
        size, page = min(1000, int(said[0])), int(said[1])
        entries = self._world.record.find(PROVIDER, asked["To"])[::-1]
        more = len(entries) > (page + 1) * size
        further = urlencode({"To": asked["To"], "PageSize": size, "Page": page + 1})
        return JSONResponse(
            {
                "messages": [self._listed(each) for each in entries[page * size : (page + 1) * size]],
                "next_page_uri": f"{request.url.path}?{further}" if more else None,
            }
        )

    async def _take(self, form: dict[str, str], code: int | None, fault: Fault) -> Response:
        record = self._world.record
        sid = f"SM{record.next_seq:032x}" if code is None else None
        entry = record.append(
            provider=PROVIDER,
            reference=_reference(form.get("StatusCallback", "")),
            address=form.get("To", ""),
            text=form.get("Body", ""),
            accepted=code is None,
            answered=fault is Fault.NONE or fault in REFUSALS,
            provider_ref=sid,
            code=None if code is None else str(code),
        )
        if sid is None:
            return _refused(code or 0)
        self._words[sid] = form["Body"]
        if len(self._words) > WORDS_KEPT:
            self._words.popitem(last=False)
        if "StatusCallback" in form:
            self._world.receipts.expect_of(entry, callback=form["StatusCallback"])
        status = "accepted" if "MessagingServiceSid" in form else "queued"
        taken = {**self._listed(entry), "status": status, "num_segments": "0" if status == "accepted" else "1"}
        return await answered(fault, JSONResponse(taken, status_code=201), self._world.faults)

    def _known(self, request: Request) -> bool:
        """Say whether the login is the account's own."""
        settings = self._world.settings
        kind, _, coded = request.headers.get("authorization", "").partition(" ")
        try:
            login = base64.b64decode(coded, validate=True)
        except binascii.Error:
            return False
        right = f"{settings.account_sid}:{settings.auth_token}".encode()
        return (
            kind == "Basic"
            and hmac.compare_digest(login, right)
            and request.path_params["account"] == settings.account_sid
        )

    def _listed(self, entry: RecordedMessage) -> dict[str, object]:
        sid = entry.provider_ref or ""
        status, code = "sent", None
        if self._world.receipts.told(sid):
            arrived = self._world.receipts.arrives(sid)
            status, code = ("delivered", None) if arrived else ("undelivered", int(_undelivered(sid)))
        return {
            "sid": sid,
            "account_sid": self._world.settings.account_sid,
            "to": entry.address,
            "body": self._words.get(sid, ""),
            "status": status,
            "direction": "outbound-api",
            "date_created": format_datetime(entry.at),
            "error_code": code,
            "num_segments": "1",
            "price": None,
        }

    def _word(self, receipts: Sequence[Receipt]) -> Push:
        (told,) = receipts
        form = {
            "MessageSid": told.provider_ref,
            "SmsSid": told.provider_ref,
            "MessageStatus": "delivered" if told.arrived else "undelivered",
            "SmsStatus": "delivered" if told.arrived else "undelivered",
            "To": told.address,
            "AccountSid": self._world.settings.account_sid,
            "ApiVersion": "2010-04-01",
        }
        if not told.arrived:
            form["ErrorCode"] = _undelivered(told.provider_ref)
        return push_of(form, told.callback, self._world.settings, receipts=(told,))


def push_of(form: Mapping[str, str], url: str, settings: SimulatorSettings, *, receipts: tuple[Receipt, ...] = ()) -> Push:
    """Return a form's push to an address, signed over both."""
    said = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    digest = hmac.new(settings.auth_token.encode(), said.encode("utf-8", "surrogatepass"), "sha1").digest()
    return Push(
        provider=PROVIDER,
        query=urlsplit(url).query,
        content_type="application/x-www-form-urlencoded; charset=utf-8",
        body="&".join(f"{name}={quote_plus(value)}" for name, value in form.items()).encode(),
        receipts=receipts,
        headers={"X-Twilio-Signature": base64.b64encode(digest).decode()},
    )


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """Read a form; anything else has no fields at all, as far as the real service is concerned."""
    if content_type.partition(";")[0].strip() != "application/x-www-form-urlencoded":
        return {}
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict"))
    except ValueError:
        return {}


def _refusal(form: dict[str, str]) -> int | None:
    """Return the code for fields the real service would not take; None: they are good."""
    to, sender, service = form.get("To", ""), form.get("From", ""), form.get("MessagingServiceSid", "")
    callback, price = form.get("StatusCallback"), form.get("MaxPrice", "1")
    validity = form.get("ValidityPeriod", "36000")
    checks = (
        (bool(form) and form.keys() <= KNOWN, 20001),
        (bool(to), 21604),
        (bool(sender or service), 21603),
        (bool(form.get("Body")), 21602),
        (not service or re.fullmatch(r"MG[0-9a-f]{32}", service), 21703),
        (re.fullmatch(r"\+[1-9]\d{6,14}", to), 21211),
        (len(form.get("Body", "")) <= 1600, 21617),
        (callback is None or re.fullmatch(r"https?://[^/\s]+/\S*", callback), 21609),
        (validity.isdecimal() and 1 <= int(validity) <= 36_000, 20001),
        (re.fullmatch(r"\d+(\.\d+)?", price), 20001),
    )
    wrong = next((code for fine, code in checks if not fine), None)
    return wrong or MAGIC_FROM.get(sender) or MAGIC_TO.get(to)


def _reference(callback: str) -> str:
    """Return what the sender wrote into the address it wants to be called at."""
    pairs = parse_qsl(urlsplit(callback).query)
    return pairs[-1][1] if pairs else ""


def _undelivered(sid: str) -> str:
    return UNDELIVERED[int(sid[2:], 16) % len(UNDELIVERED)]


def _refused(code: int) -> Response:
    status = STATUS_OF.get(code, 400)
    said = {"code": code, "message": f"refused with {code}", "status": status}
    return JSONResponse({**said, "more_info": f"https://www.twilio.com/docs/errors/{code}"}, status_code=status)
