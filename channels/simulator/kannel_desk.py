"""A pretend Kannel: the send-SMS interface of its smsbox, with its login, its texts and its traps."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from channels.simulator.faults import REFUSALS, Fault
from channels.simulator.misbehaving import answered, fault_of
from channels.simulator.receipts import Push, Receipt
from channels.simulator.record import RecordedMessage
from channels.simulator.world import World

PROVIDER = "sms.kannel"
HEADER = "x-kannel-"
DENIED = "Number(s) has/have been denied by white- and/or black-lists."
REFUSED_WITH = {
    Fault.ADDRESS_REFUSED: "Missing receiver number, rejected",
    Fault.MEMBER_REFUSED: DENIED,
    Fault.CONTENT_REFUSED: "Charset or body misformed, rejected",
}
#: The alphabet that coding=0 has room for; what is not in it becomes a question mark.
SEVEN_BITS = re.compile(r"[^\n\r -Z_a-z@£$¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà^{}\\\[\]~|€\f]")
MOST = {"0": 10 * 153, "2": 10 * 67}  #: the room of ten parts; the rest is cut off without a word


class KannelDesk:
    """Takes ``/cgi-bin/sendsms`` in both of its forms."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.receipts.word(PROVIDER, self._word, batch=1)

    def routes(self) -> list[Route]:
        """Return the address at which it answers."""
        return [Route("/cgi-bin/sendsms", self.send, methods=["GET", "POST"])]

    async def send(self, request: Request) -> Response:
        """Take one message."""
        asked = await _asked(request)
        settings = self._world.settings
        if asked is None:
            return PlainTextResponse("Invalid content-type", 400)
        if (asked.get("username"), asked.get("password")) != (settings.kannel_username, settings.kannel_password):
            return PlainTextResponse("Authorization failed for sendsms", 403)
        fault, away = await fault_of(self._world.faults, request)
        if away is not None:
            return away
        if fault is Fault.UNAVAILABLE:
            return PlainTextResponse("Temporal failure, try again later.", 503)
        refused = REFUSED_WITH[fault] if fault in REFUSALS else _refusal(asked)
        return await self._take(asked, refused, fault)

    async def _take(self, asked: Mapping[str, str], refused: str | None, fault: Fault) -> Response:
        calls = asked.get("dlr-url", "")
        entry = self._world.record.append(
            provider=PROVIDER,
            reference=dict(parse_qsl(urlsplit(_filled(calls, {})).query)).get("reference", ""),
            address=asked.get("to", ""),
            text=_shown(asked),
            accepted=refused is None,
            answered=fault is Fault.NONE or fault in REFUSALS,
            code=refused,
        )
        if refused is not None:
            return PlainTextResponse(refused, 400)
        if calls and int(asked.get("dlr-mask", "0")):
            self._expect(entry, calls, int(asked["dlr-mask"]))
        return await answered(fault, PlainTextResponse("0: Accepted for delivery", 202), self._world.faults)

    def _expect(self, entry: RecordedMessage, calls: str, mask: int) -> None:
        name = f"{PROVIDER}:{entry.seq}"
        arrived = self._world.receipts.arrives(name)
        if not mask & (1 if arrived else 2):
            return
        self._world.receipts.expect(
            Receipt(
                provider=PROVIDER,
                address=entry.address,
                reference=entry.reference,
                provider_ref=name,
                template="",
                sent_at=entry.at,
                arrived=arrived,
                callback=calls,
            )
        )

    def _word(self, receipts: Sequence[Receipt]) -> Push:
        (told,) = receipts
        at = str(int(told.sent_at.timestamp()))
        # The member's number is in %p and ours in %P, against what one expects.
        facts = {"d": "1" if told.arrived else "2", "p": told.address, "A": "", "T": at, "i": "SIMULATED"}
        query = urlsplit(_filled(told.callback, facts)).query
        receipt = tuple(receipts)
        return Push(provider=PROVIDER, query=query, content_type="", body=b"", receipts=receipt, method="GET")


def _filled(address: str, facts: Mapping[str, str]) -> str:
    """Fill in an address's escapes, a percent sign and a letter each; two percent signs are one."""
    whole = {name: quote(value, safe="") for name, value in facts.items()}
    return re.sub(r"%(.)", lambda found: "%" if found[1] == "%" else whole.get(found[1], found[0]), address)


async def _asked(request: Request) -> dict[str, str] | None:
    """Return the parameters of either form; None: it is a POST of something else than text."""
    if request.method == "GET":
        pairs = parse_qsl(request.scope["query_string"].decode("ascii"), keep_blank_values=True, encoding="latin-1")
        return dict(pairs)
    kind, _, rest = request.headers.get("content-type", "").partition(";")
    if kind.strip() != "text/plain":
        return None
    said = {name.removeprefix(HEADER): value for name, value in request.headers.items() if name.startswith(HEADER)}
    charset = rest.partition("charset=")[2].strip()
    return {**said, **({"charset": charset} if charset else {}), "text": (await request.body()).decode("latin-1")}


def _refusal(asked: Mapping[str, str]) -> str | None:
    """Return the words for parameters the real gateway would not take; None: they are good."""
    if not asked.get("to"):
        return "Missing receiver number, rejected"
    if asked.get("coding", "0") not in {"0", "1", "2"}:
        return "Coding field misformed, rejected"
    if not asked.get("dlr-mask", "0").isdecimal():
        return "DLR-Mask field misformed, rejected"
    if not re.fullmatch(r"https?://\S+|", asked.get("dlr-url", "")):
        return "DLR-URL field misformed, rejected"
    if not asked.get("validity", "0").isdecimal():
        return "Validity field misformed, rejected"
    if asked.get("charset", "UTF-8").upper() not in {"UTF-8", "UTF-16BE", "ISO-8859-1"}:
        return "Charset or body misformed, rejected"
    return None if re.fullmatch(r"[0-9+ ]+", asked["to"]) else DENIED


def _shown(asked: Mapping[str, str]) -> str:
    """Return the words as a phone would show them, also where the sender would be sorry."""
    coding = asked.get("coding", "0")
    charset = asked.get("charset", "UTF-16BE" if coding == "2" else "UTF-8")
    try:
        words = asked.get("text", "").encode("latin-1").decode(charset, "replace")
    except LookupError:
        return ""
    return (words if coding == "2" else SEVEN_BITS.sub("?", words))[: MOST.get(coding, 1400)]
