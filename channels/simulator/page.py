"""The page that shows what the pretend phones and mailboxes have received."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from channels.simulator.faults import Fault
from channels.simulator.mail_shown import ShownMail, read_shown_mail
from channels.simulator.members_acts import WECHAT_EVENTS, WECHAT_GRANTS, acts_of
from channels.simulator.page_words import words_for
from channels.simulator.record import SHOWN, ShownMessage
from channels.simulator.world import World
from language.lengths import sms_parts

PAGES = Path(__file__).parent / "pages"
CHANNELS = ("sms", "email", "wechat")
WHOLE_TEXTS = frozenset({"sms.twilio", "sms.kannel"})  #: the others are told what stands in their own text, and no more
#: What a member may write with one tap, by channel.
QUICK_REPLIES: Mapping[str, Sequence[str]] = {"sms": ("退订", "TD", "STOP", "START"), "wechat": ("退订", "STOP")}
_LINK = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+[A-Za-z0-9/=_-]")
_SIGNATURE = re.compile(r"【[^】\n]{1,40}】")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What somebody who looks at the page wants to see."""

    channel: str = ""  #: empty: all
    wanted: str = ""  #: a part of an address
    provider: str = ""  #: with ``address``: the conversation chosen; empty: the newest
    address: str = ""
    mail: str = ""  #: the number of the mail chosen
    said: str = ""  #: the word for what the last button came to
    languages: str = ""  #: as the browser accepts them

    def at(self, **changes: object) -> str:
        """Return the page's address with some of this changed."""
        asked = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in ("languages", "said")}
        return "/?" + urlencode({name: value for name, value in (asked | changes).items() if value})


@dataclass(frozen=True, kw_only=True)
class Item:
    """One message, or one act of the member, as it is shown."""

    shown: ShownMessage
    parts: int = 0  #: short messages it takes; 0: nobody can tell
    kind: str = "text"  #: text, card, article or act
    rows: Sequence[tuple[str, str]] = ()  #: a card's fields
    template: str = ""
    link: str = ""


@dataclass(kw_only=True)
class Conversation:
    """Everything between a provider and an address, or one mail."""

    provider: str
    address: str
    newest: ShownMessage
    items: list[ShownMessage] = field(default_factory=list)

    @property
    def channel(self) -> str:
        """sms, email or wechat."""
        return self.provider.partition(".")[0]

    @property
    def preview(self) -> str:
        """The words that stand in the list."""
        last = self.items[-1]
        return " ".join((last if last.act == "reply" else self.newest).text.split())[:90]


def page_html(world: World, asked: Asked) -> str:
    """Return the whole page; whatever came in messages stands in it as text, and HTML of mails in a frame that runs nothing."""
    messages = world.record.shown()
    found = _conversations(messages, asked)
    chosen = _chosen(found, asked)
    words = words_for(asked.languages)
    return _pages.get_template("page.html").render(
        words=words,
        asked=asked,
        channels=CHANNELS,
        conversations=found,
        chosen=chosen,
        items=[_item(each) for each in chosen.items] if chosen and chosen.channel != "email" else [],
        mail=_mail(chosen),
        unsubscribed=[
            each for each in messages if chosen and each.act == "unsubscribe" and each.address == chosen.address
        ],
        acts=acts_of(chosen.provider) if chosen else (),
        account_acts=tuple(WECHAT_EVENTS),
        grant_acts=tuple(WECHAT_GRANTS),
        templates=_templates(chosen),
        quick=QUICK_REPLIES.get(chosen.channel, ()) if chosen else (),
        faults=[each for each in Fault if each is not Fault.NONE],
        rules={name: value for name, value in vars(world.faults.rules).items() if value and name != "hang_for"},
        counts=sorted(world.record.counts.items()),
        reports=world.receipts.status(),
        seen=world.record.seen,
        empty=not messages,
        record=world.record.path.name,
        memory=words["memory"].format(shown=SHOWN),
    )


def _conversations(messages: Iterable[ShownMessage], asked: Asked) -> list[Conversation]:
    """Return what stands in the list, newest first: a conversation by address, and each mail by itself."""
    found: dict[tuple[str, str, int], Conversation] = {}
    for each in messages:
        channel = each.provider.partition(".")[0]
        if asked.channel not in ("", channel) or asked.wanted.lower() not in each.address.lower():
            continue
        if channel == "email" and each.act:
            continue
        key = each.provider, each.address, each.number if channel == "email" else 0
        talk = found.setdefault(key, Conversation(provider=each.provider, address=each.address, newest=each))
        talk.items.append(each)
        talk.newest = each if not each.act else talk.newest
    return sorted(found.values(), key=lambda talk: -talk.items[-1].number)


def _chosen(found: Sequence[Conversation], asked: Asked) -> Conversation | None:
    """Return the conversation asked for, else the newest."""
    for each in found:
        if asked.mail and each.channel == "email" and str(each.newest.number) == asked.mail:
            return each
        if not asked.mail and (each.provider, each.address) == (asked.provider, asked.address):
            return each
    return found[0] if found else None


def _mail(chosen: Conversation | None) -> ShownMail | None:
    if chosen is None or chosen.channel != "email":
        return None
    return read_shown_mail(chosen.newest.source, chosen.newest.text)


def _item(shown: ShownMessage) -> Item:
    if shown.act:
        return Item(shown=shown, kind="text" if shown.act == "reply" else "act")
    if shown.provider.startswith("sms."):
        return Item(
            shown=shown, parts=sms_parts(shown.text, market="intl").parts if shown.provider in WHOLE_TEXTS else 0
        )
    return _wechat_item(shown)


def _wechat_item(shown: ShownMessage) -> Item:
    asked = _posted(shown)
    article, data = asked.get("mpnews"), asked.get("data")
    if isinstance(article, dict):
        return Item(shown=shown, kind="article", rows=[("media_id", str(article.get("media_id", "")))])
    if isinstance(data, dict):
        rows = [(str(name), str(each.get("value", ""))) for name, each in data.items() if isinstance(each, dict)]
        link = next((str(asked[name]) for name in ("url", "page") if name in asked), "")
        return Item(shown=shown, kind="card", rows=rows, template=str(asked.get("template_id", "")), link=link)
    return Item(shown=shown)


def _posted(shown: ShownMessage) -> Mapping[str, object]:
    try:
        said = json.loads(shown.source or b"{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _templates(chosen: Conversation | None) -> list[str]:
    """Return the templates this member was sent something of, the latest first."""
    items = chosen.items[::-1] if chosen is not None else ()
    found = (str(_posted(each).get("template_id", "")) for each in items)
    return [*dict.fromkeys(each for each in found if each)]


def _linked(text: str) -> Markup:
    """Return words with their web addresses to be followed and their signature set apart; all else is plain text."""
    pieces: list[Markup] = []
    start = 0
    for found in _LINK.finditer(text):
        address = escape(found[0])
        link = Markup('<a href="{}" target="_blank" rel="noreferrer noopener">{}</a>').format(address, address)
        pieces += [escape(text[start : found.start()]), link]
        start = found.end()
    whole = Markup().join([*pieces, escape(text[start:])])
    signed = _SIGNATURE.match(text)
    if signed is None or not whole.startswith(escape(signed[0])):
        return whole
    return Markup("<b>{}</b>").format(signed[0]) + whole[len(escape(signed[0])) :]


def _is_web(address: str) -> bool:
    return _LINK.fullmatch(address) is not None


def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.filters["linked"] = _linked
    made.tests["web"] = _is_web
    return made


_pages = _environment()
