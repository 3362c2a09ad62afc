"""WeCom: tasks by which staff write to many of their customers.

Source: https://developer.work.weixin.qq.com/document/path/92135 and 93338, read in November 2026.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from channels.concurrency import Crew
from channels.errors import DeliveryError, OutcomeUnknown, ProviderMisconfigured, ProviderUnavailable
from channels.message import (
    Blame,
    Callback,
    CallbackRequest,
    Channel,
    DeliveryReport,
    Message,
    Outcome,
    OutcomeKind,
    ReportStatus,
)
from channels.provider import Provider
from channels.wechat.callbacks import open_gate
from channels.wechat.requests import plain_text
from channels.wechat.tokens import TokenStore
from channels.wechat.wecom_account import AT_ONCE, WecomAccount, WecomSettings, list_in, same_words

MOST_CUSTOMERS = 10_000  #: in one task
PAGE = 500  #: results asked for at once
MOST_PAGES = 200  #: of one answer; more would be an endless one
SEPARATOR = "#"  #: between the task and the mark of a customer in a message's id
#: What a customer's result means; 0, which is left out, says that the member of staff has not confirmed yet.
RESULTS: Mapping[object, tuple[ReportStatus, str]] = {
    1: (ReportStatus.DELIVERED, "sent"),
    2: (ReportStatus.FAILED, "no contact any more"),
    3: (ReportStatus.FAILED, "has received as many as WeCom allows"),
}


class WecomContactSettings(WecomSettings):
    """The application that may write to customers, and who of the staff does."""

    sender: str | None = None  #: the member of staff who writes; None: whoever last wrote to the customer


class WecomContacts(Provider):
    """Makes one task of all messages with the same words; addresses are WeCom's external user ids.

    A task sends nothing by itself: a member of staff confirms it in the app.  So an accepted message may
    wait for days, and what became of it is asked for again and again.  There is no key by which a lost
    call could be repeated safely.
    """

    channel = Channel.WECHAT
    name = "wechat.wecom"
    window = 500
    can_look_up = False
    can_ask_after = True

    def __init__(self, settings: WecomContactSettings, tokens: TokenStore | None = None) -> None:
        self._settings = settings
        self._account = WecomAccount(settings, provider=self.name, tokens=tokens, about="contacts")
        self._gate = open_gate(settings, provider=self.name, receive_id=settings.corp_id, all_sealed=True)
        self._crew = Crew(AT_ONCE, name=self.name)

    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        words = [plain_text(each) for each in messages]
        calls = same_words(messages, words, MOST_CUSTOMERS)

        def send(turn: int, group: Sequence[Message], deadline: float) -> list[Outcome]:
            return self._make_task(words[calls[turn][0]], group, deadline)

        return self._crew.carry_groups(messages, calls, send, deadline=deadline)

    def ask_after(self, provider_refs: Sequence[str], *, deadline: float) -> list[DeliveryReport]:
        wanted, told = {*provider_refs}, list[DeliveryReport]()
        trouble, answered = None, False
        for task in dict.fromkeys(each.partition(SEPARATOR)[0] for each in provider_refs):
            try:
                found = [
                    each
                    for staff in self.staff(task, deadline=deadline)
                    for each in self.results(task, staff, deadline=deadline)
                ]
            except DeliveryError as error:
                trouble = error
                if isinstance(error, ProviderUnavailable | ProviderMisconfigured):
                    break  # The others would fare no better; what was said so far is worth keeping.
                continue  # WeCom may have no such task any more, and others may be there.
            answered = True
            told += [each for each in found if each.provider_ref in wanted]
        if trouble is not None and not answered:
            raise trouble
        return told

    def results(self, task: str, staff: str, *, deadline: float) -> list[DeliveryReport]:
        """Ask what became of one task's messages in the hands of one member of staff.

        A task is the part of a ``provider_ref`` before its ``SEPARATOR``.  Customers whose message still waits are left out.

        Raises:
            DeliveryError: WeCom could not say.
        """
        asked = {"msgid": task, "userid": staff}
        rows = self._pages("/cgi-bin/externalcontact/get_groupmsg_send_result", asked, "send_list", deadline)
        return [report for row in rows if (report := self._result(task, row)) is not None]

    def staff(self, task: str, *, deadline: float) -> list[str]:
        """Ask which members of staff were given a task.

        Raises:
            DeliveryError: WeCom could not say.
        """
        rows = self._pages("/cgi-bin/externalcontact/get_groupmsg_task", {"msgid": task}, "task_list", deadline)
        return [str(row["userid"]) for row in rows if "userid" in row]

    def read_callback(self, request: CallbackRequest) -> Callback:
        return self._gate.read(request)

    def close(self) -> None:
        self._crew.close()
        self._account.close()

    def _make_task(self, words: str, group: Sequence[Message], deadline: float) -> list[Outcome]:
        asked: dict[str, object] = {
            "chat_type": "single",
            "external_userid": [each.address for each in group],
            "text": {"content": words},
        }
        if self._settings.sender is not None:
            asked["sender"] = self._settings.sender
        said = self._account.call("/cgi-bin/externalcontact/add_msg_template", asked, deadline)
        task, failed = said.get("msgid"), {*map(str, list_in(said, "fail_list", self.name))}
        if not isinstance(task, str) or not task:
            raise OutcomeUnknown("the answer names no task", provider=self.name)
        return [_refused() if each.address in failed else _taken(task, each.address) for each in group]

    def _pages(
        self, path: str, asked: Mapping[str, object], name: str, deadline: float
    ) -> Iterator[Mapping[str, object]]:
        cursor = ""
        for _ in range(MOST_PAGES):
            if time.monotonic() >= deadline:
                raise ProviderUnavailable("there was no time left to ask", provider=self.name)
            said = self._account.call(path, {**asked, "limit": PAGE, "cursor": cursor}, deadline)
            yield from (row for row in list_in(said, name, self.name) if isinstance(row, dict))
            cursor = str(said.get("next_cursor") or "")
            if not cursor:
                return

    def _result(self, task: str, row: Mapping[str, object]) -> DeliveryReport | None:
        meaning, who, at = RESULTS.get(row.get("status")), row.get("external_userid"), row.get("send_time")
        if meaning is None or not isinstance(who, str):
            return None
        status, code = meaning
        return DeliveryReport(
            provider=self.name,
            key=f"{reference(task, who)}:{row.get('status')}",
            status=status,
            provider_ref=reference(task, who),
            code=code,
            occurred_at=datetime.fromtimestamp(at, UTC) if isinstance(at, int) and 0 < at < 10**10 else None,
            raw=row,
        )


def reference(task: str, customer: str) -> str:
    """Return what stands for one customer's message of a task."""
    return f"{task}{SEPARATOR}{hashlib.sha256(customer.encode()).hexdigest()[:16]}"


def _taken(task: str, customer: str) -> Outcome:
    return Outcome(kind=OutcomeKind.ACCEPTED, provider_ref=reference(task, customer), code="0")


def _refused() -> Outcome:
    said = "WeCom left this customer out: no contact of the staff, or sent as many as it allows"
    return Outcome(kind=OutcomeKind.REJECTED, code="fail_list", detail=said, blame=Blame.NOBODY)
