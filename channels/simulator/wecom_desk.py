"""A pretend WeCom: one company's application, tasks for its staff, and what their customers received."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from channels.simulator.faults import REFUSALS, Fault
from channels.simulator.misbehaving import answered, drawn, turned_away
from channels.simulator.wechat_desk import said
from channels.simulator.wechat_rules import Refusal, read_object
from channels.simulator.wechat_tokens import Tokens
from channels.simulator.world import World

CONTACTS, APPLICATION = "wechat.wecom", "wechat.wecom_application"
REFUSED_WITH = {Fault.ADDRESS_REFUSED: 40096, Fault.MEMBER_REFUSED: 84061, Fault.CONTENT_REFUSED: 45002}
STAFF = "zhangsan"

Asked = dict[str, object]


class WecomDesk:
    """Takes ``/cgi-bin/gettoken``, ``/cgi-bin/message/send`` and ``/cgi-bin/externalcontact/…``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tokens = Tokens(world.settings.token_lasts)
        self._tasks: dict[str, list[str]] = {}

    def routes(self) -> list[BaseRoute]:
        """Return where it is asked."""
        contacts = "/cgi-bin/externalcontact"
        return [
            Route("/cgi-bin/gettoken", self.token, methods=["GET"]),
            Route("/cgi-bin/message/send", self._checked(self._application_message), methods=["POST"]),
            Route(f"{contacts}/add_msg_template", self._checked(self._add_task), methods=["POST"]),
            Route(f"{contacts}/get_groupmsg_task", self._checked(self._task), methods=["POST"]),
            Route(f"{contacts}/get_groupmsg_send_result", self._checked(self._results), methods=["POST"]),
        ]

    async def token(self, request: Request) -> Response:
        """Hand out the application's token, the same one while it is good."""
        settings = self._world.settings
        await asyncio.sleep(settings.token_delay)
        if request.query_params.get("corpid") != settings.corp_id:
            return said(40013, "invalid corpid")
        if request.query_params.get("corpsecret") != settings.corp_secret:
            return said(40001, "invalid credential")
        handed = self._tokens.hand_out()
        return said(0, "ok", access_token=handed[0] if handed else "", expires_in=handed[1] if handed else 0)

    def _checked(
        self, answer: Callable[[Request, Asked], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            bad = self._tokens.refusal(request.query_params.get("access_token", ""))
            if bad is not None:
                # WeCom keeps 40001 for a wrong secret.
                return said(40014 if bad[0] == 40001 else bad[0], bad[1])
            asked = read_object(await request.body())
            return said(47001, "data format error") if asked is None else await answer(request, asked)

        return serve

    async def _add_task(self, request: Request, asked: Asked) -> Response:
        people = asked.get("external_userid")
        if asked.get("chat_type") != "single" or not isinstance(people, list) or not 1 <= len(people) <= 10_000:
            return said(40058, "invalid parameter")
        task = f"msg{self._world.record.next_seq:012d}"

        def answer(taken: Sequence[str], refused: Mapping[str, int]) -> Response:
            self._tasks[task] = list(taken)
            return said(0, "ok", fail_list=list(refused), msgid=task)

        return await self._carry(CONTACTS, request, asked, [*map(str, people)], task, answer)

    async def _application_message(self, request: Request, asked: Asked) -> Response:
        people = str(asked.get("touser", "")).split("|")
        if asked.get("agentid") != self._world.settings.agent_id:
            return said(301002, "not allow operate another agent with this accesstoken")
        if asked.get("msgtype") != "text" or not 1 <= len(people) <= 1000 or not all(people):
            return said(40058, "invalid parameter")
        job = f"app{self._world.record.next_seq:012d}"

        def answer(taken: Sequence[str], refused: Mapping[str, int]) -> Response:
            return said(0, "ok", invaliduser="|".join(each.lower() for each in refused), unlicenseduser="", msgid=job)

        return await self._carry(APPLICATION, request, asked, people, job, answer)

    async def _carry(
        self,
        provider: str,
        request: Request,
        asked: Asked,
        people: Sequence[str],
        job: str,
        answer: Callable[[Sequence[str], Mapping[str, int]], Response],
    ) -> Response:
        """Meet one fault for each person: a refusal is that person's alone, anything else is the whole call's."""
        faults = self._world.faults
        met = dict(zip(people, await drawn(faults, len(people)), strict=True))
        fault = next((each for each in met.values() if each is not Fault.NONE and each not in REFUSALS), Fault.NONE)
        if (away := turned_away(fault, request)) is not None:
            return away
        if fault is Fault.UNAVAILABLE:
            return said(-1, "system busy")
        text = asked.get("text")
        words = str(text.get("content")) if isinstance(text, dict) else ""
        refused = {who: REFUSED_WITH[what] for who, what in met.items() if what in REFUSALS}
        problem: Refusal | None = None if 0 < len(words.encode()) <= 4000 else (45002, "content size out of limit")
        if problem is None and len(refused) == len(people):
            problem = next(iter(refused.values())), "refused to order"
        for each in people:
            code = problem[0] if problem else refused.get(each)
            self._note(provider, each, words, job, code, fault)
        if problem is not None:
            return said(*problem)
        taken = [each for each in people if each not in refused]
        return await answered(fault, answer(taken, refused), faults)

    def _note(self, provider: str, who: str, words: str, job: str, code: int | None, fault: Fault) -> None:
        mark = hashlib.sha256(who.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        own = f"{job}#{mark}" if provider == CONTACTS else job
        self._world.record.append(
            provider=provider,
            reference="",  # This provider is never told one.
            address=who,
            text=words,
            accepted=code is None,
            answered=fault is Fault.NONE or fault in REFUSALS,
            provider_ref=own if code is None else None,
            code=str(code) if code else None,
        )

    async def _task(self, request: Request, asked: Asked) -> Response:
        if asked.get("msgid") not in self._tasks:
            return said(41063, "invalid msgid")
        staff = [{"userid": STAFF, "status": 2, "send_time": 1_760_000_900}]
        return said(0, "ok", next_cursor="", task_list=staff)

    async def _results(self, request: Request, asked: Asked) -> Response:
        people = self._tasks.get(str(asked.get("msgid")))
        if people is None or asked.get("userid") != STAFF:
            return said(41063, "invalid msgid")
        limit, start = int(str(asked.get("limit", 500))), int(str(asked.get("cursor") or 0))
        rows = [self._result(str(asked.get("msgid")), each) for each in people[start : start + limit]]
        following = str(start + limit) if start + limit < len(people) else ""
        return said(0, "ok", next_cursor=following, send_list=rows)

    def _result(self, task: str, who: str) -> dict[str, object]:
        arrived = self._world.receipts.arrives(f"{task}#{who}")
        row: dict[str, object] = {"external_userid": who, "userid": STAFF, "status": 1 if arrived else 3}
        return {**row, "send_time": 1_760_000_901} if arrived else row
