"""How a simulator is watched and steered while it runs."""

import dataclasses
import json
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from channels.simulator.aliyun_desk import AliyunDesk
from channels.simulator.faults import Fault
from channels.simulator.kannel_desk import KannelDesk
from channels.simulator.mailgun_desk import MailgunDesk
from channels.simulator.page_routes import PageRoutes
from channels.simulator.receipts import Push
from channels.simulator.sendgrid_desk import SendGridDesk
from channels.simulator.ses_desk import SesDesk
from channels.simulator.tencent_desk import TencentDesk
from channels.simulator.twilio_desk import TwilioDesk
from channels.simulator.wechat_desk import WechatDesk
from channels.simulator.wecom_desk import WecomDesk
from channels.simulator.world import World


class Control:
    """Answers under ``/_simulator``."""

    def __init__(self, world: World, wechat: WechatDesk) -> None:
        self._world = world
        self._wechat = wechat

    def routes(self) -> list[BaseRoute]:
        """Return where it is watched and steered."""
        return [
            Route("/_simulator/status", self.status, methods=["GET"]),
            Route("/_simulator/faults", self.faults, methods=["POST"]),
            Route("/_simulator/release", self.release, methods=["POST"]),
            Route("/_simulator/expire-token", self.expire_token, methods=["POST"]),
        ]

    async def status(self, request: Request) -> Response:
        """Say how many messages were taken, refused and left unanswered, and where the reports stand."""
        return JSONResponse(
            {
                "messages": dict(self._world.record.counts),
                "receipts": self._world.receipts.status(),
                "tokens_made": self._wechat.tokens_made,
                "rules": dataclasses.asdict(self._world.faults.rules),
            }
        )

    async def faults(self, request: Request) -> Response:
        """Change rules, ``{"answer_lost": 0.01}``, or order the next faults, ``{"next": ["hang"]}``."""
        try:
            asked = dict(json.loads(await request.body()))
            ordered = [Fault(each) for each in asked.pop("next")] if "next" in asked else None
            self._world.faults.change(asked)
        except (ValueError, TypeError) as error:
            return JSONResponse({"problem": str(error)}, status_code=400)
        if ordered is not None:
            self._world.faults.order(ordered)
        return JSONResponse(dataclasses.asdict(self._world.faults.rules))

    async def release(self, request: Request) -> Response:
        """Tell every held report; answer once they are told, or with them where there is nobody to tell."""
        before = self._world.receipts.status()["held"]
        pushes = await self._world.receipts.release()
        return JSONResponse({"released": before, "callbacks": [*map(_as_json, pushes)]})

    async def expire_token(self, request: Request) -> Response:
        """End the WeChat access tokens in use."""
        self._wechat.expire_tokens()
        return JSONResponse({})


async def _hang_up(_request: Request, _error: Exception) -> Response:
    """Answer whom nobody hears any more: a worker that was killed in the middle of its request."""
    return Response(status_code=400)


def build(world: World) -> Starlette:
    """Return the application with every pretend provider that speaks HTTP."""
    sms, wechat = AliyunDesk(world), WechatDesk(world)
    # The Tencent desk comes first: it shares an address, and takes only what names one of its actions.
    texts = (TencentDesk(world), sms, TwilioDesk(world), KannelDesk(world))
    mails = (SesDesk(world), SendGridDesk(world), MailgunDesk(world))
    desks = (*texts, *mails, wechat, WecomDesk(world), PageRoutes(world, wechat), Control(world, wechat))
    return Starlette(
        routes=[route for desk in desks for route in desk.routes()],
        exception_handlers={ClientDisconnect: _hang_up},
    )


def _as_json(push: Push) -> Mapping[str, object]:
    return {
        "provider": push.provider,
        "method": push.method,
        "headers": dict(push.headers),
        "query": push.query,
        "content_type": push.content_type,
        "body": push.body.decode(),
    }
