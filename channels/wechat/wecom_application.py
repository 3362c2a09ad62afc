"""WeCom: messages of an application to staff.

Source: https://developer.work.weixin.qq.com/document/path/90236, read in November 2026.
"""

from collections.abc import Sequence

from pydantic import Field

from channels.concurrency import Crew
from channels.errors import OutcomeUnknown
from channels.message import Blame, Callback, CallbackRequest, Channel, Message, Outcome, OutcomeKind
from channels.provider import Provider
from channels.wechat.callbacks import open_gate
from channels.wechat.requests import plain_text
from channels.wechat.tokens import TokenStore
from channels.wechat.wecom_account import AT_ONCE, WecomAccount, WecomSettings, same_words

MOST_STAFF = 1000  #: in one call
REMEMBERED = 1800  #: seconds in which WeCom turns the very same call down as a repetition


class WecomApplicationSettings(WecomSettings):
    """The application whose messages staff see."""

    agent_id: int = Field(ge=0)


class WecomApplication(Provider):
    """Sends all messages with the same words in one call; addresses are the staff's user ids."""

    channel = Channel.WECHAT
    name = "wechat.wecom_application"
    window = 200
    can_look_up = False

    def __init__(self, settings: WecomApplicationSettings, tokens: TokenStore | None = None) -> None:
        self._settings = settings
        about = f"application {settings.agent_id}"
        self._account = WecomAccount(settings, provider=self.name, tokens=tokens, about=about)
        self._gate = open_gate(settings, provider=self.name, receive_id=settings.corp_id, all_sealed=True)
        self._crew = Crew(AT_ONCE, name=self.name)

    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        words = [plain_text(each) for each in messages]
        calls = same_words(messages, words, MOST_STAFF)

        def send(turn: int, group: Sequence[Message], deadline: float) -> list[Outcome]:
            return self._send(words[calls[turn][0]], group, deadline)

        return self._crew.carry_groups(messages, calls, send, deadline=deadline)

    def read_callback(self, request: CallbackRequest) -> Callback:
        return self._gate.read(request)

    def close(self) -> None:
        self._crew.close()
        self._account.close()

    def _send(self, words: str, group: Sequence[Message], deadline: float) -> list[Outcome]:
        # A line between two ids parts them, and @all is everybody: neither is one person's id.
        good = [each.address for each in group if _is_an_id(each.address)]
        if not good:
            return [_refused("no id", "this is no id of one member of staff")] * len(group)
        asked = {
            "touser": "|".join(good),
            "msgtype": "text",
            "agentid": self._settings.agent_id,
            "text": {"content": words},
            "enable_duplicate_check": 1,
            "duplicate_check_interval": REMEMBERED,
        }
        said = self._account.call("/cgi-bin/message/send", asked, deadline)
        job = said.get("msgid")
        if not isinstance(job, str) or not job:
            raise OutcomeUnknown("the answer names no message", provider=self.name)
        invalid, unlicensed = _ids(said.get("invaliduser")), _ids(said.get("unlicenseduser"))
        return [_outcome(each.address, job, invalid, unlicensed) for each in group]


def _outcome(who: str, job: str, invalid: set[str], unlicensed: set[str]) -> Outcome:
    if not _is_an_id(who):
        return _refused("no id", "this is no id of one member of staff")
    if who.lower() in invalid:
        return _refused(
            "invaliduser", "WeCom knows nobody by this id, or this application may not see them", Blame.ADDRESS
        )
    if who.lower() in unlicensed:
        return _refused("unlicenseduser", "this member of staff has no licence in WeCom")
    return Outcome(kind=OutcomeKind.ACCEPTED, provider_ref=job, code="0")


def _is_an_id(who: str) -> bool:
    return "|" not in who and who.lower() != "@all"


def _ids(said: object) -> set[str]:
    """Read ids that WeCom names with lines between them, in small letters."""
    return {each.lower() for each in str(said).split("|") if each} if said else set()


def _refused(code: str, detail: str, blame: Blame = Blame.NOBODY) -> Outcome:
    return Outcome(kind=OutcomeKind.REJECTED, code=code, detail=detail, blame=blame)
