"""Mass sends: one text or article for a list of followers, or for everybody who bears a tag.

Source: https://developers.weixin.qq.com/doc/service/api/notify/message/api_masssend.html and
https://developers.weixin.qq.com/doc/service/guide/product/message/Batch_Sends.html, read in November 2026.
"""

import re
from collections.abc import Mapping, Sequence

from channels.errors import MessageRefused, OutcomeUnknown
from channels.message import Message, Outcome, OutcomeKind
from channels.wechat.account import Account
from channels.wechat.errcodes import errcode, refusal
from channels.wechat.requests import own_id, plain_text

FEWEST, MOST = 2, 10_000  #: members in one list
TAG = re.compile(r"tag:([0-9]{1,9})")  #: the address that stands for everybody under one of the account's tags
ALREADY = 45065  #: this very send was taken before


def groups(messages: Sequence[Message], articles: Mapping[str, str]) -> list[list[int]]:
    """Return the places of messages that may share a call; everybody is in a list once at most."""
    calls: list[list[int]] = []
    lists: dict[tuple[str, int], dict[str, int]] = {}
    for place, message in enumerate(messages):
        if TAG.fullmatch(message.address):
            calls.append([place])
            continue
        turn = 0  # Who is meant twice, is meant by two calls.
        content = articles.get(message.template) or plain_text(message, page=False)
        while message.address in lists.setdefault((content, turn), {}):
            turn += 1
        lists[(content, turn)][message.address] = place
    for members in lists.values():
        places = list(members.values())
        # The last list never holds one member alone, who could not be reached.
        size = MOST if len(places) % MOST != 1 else MOST - 1
        calls += [places[start : start + size] for start in range(0, len(places), size)]
    return calls


def send(
    account: Account, group: Sequence[Message], articles: Mapping[str, str], *, provider: str, deadline: float
) -> Outcome:
    """Carry one group and return the outcome that stands for everybody in it.

    Raises:
        DeliveryError: it was not taken, or nobody knows.
    """
    tag = TAG.fullmatch(group[0].address)
    if tag is None and len(group) < FEWEST:
        raise MessageRefused("a mass send needs two members or more with the very same words", provider=provider)
    asked: dict[str, object] = {
        **_content(group[0], articles),
        "clientmsgid": own_id(*sorted(each.reference for each in group)),
    }
    if tag is not None:
        asked["filter"] = {"is_to_all": False, "tag_id": int(tag[1])}
    else:
        asked["touser"] = [each.address for each in group]
    said = account.call(f"/cgi-bin/message/mass/{'send' if tag is None else 'sendall'}", asked, deadline)
    return _read(said, provider)


def _content(message: Message, articles: Mapping[str, str]) -> dict[str, object]:
    if (article := articles.get(message.template)) is not None:
        return {"msgtype": "mpnews", "mpnews": {"media_id": article}, "send_ignore_reprint": 0}
    return {"msgtype": "text", "text": {"content": plain_text(message, page=False)}}


def _read(said: Mapping[str, object], provider: str) -> Outcome:
    """Return the outcome that stands for everybody in the call."""
    code, job = errcode(said), said.get("msg_id")
    if code != ALREADY and (error := refusal(said, provider=provider)) is not None:
        raise error
    if not isinstance(job, str | int) or isinstance(job, bool):
        raise OutcomeUnknown("the answer names no job", provider=provider, code=str(code))
    return Outcome(kind=OutcomeKind.ACCEPTED, provider_ref=str(job), code=str(code))
