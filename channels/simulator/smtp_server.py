"""A pretend mail server on a port of its own, sharing record and faults with the other pretend providers."""

import asyncio

from channels.simulator.faults import Faults
from channels.simulator.record import Record
from channels.simulator.smtp_conversation import MailConversation
from channels.simulator.smtp_session import SmtpServerSettings, SmtpSession


class SmtpServer:
    """A listening server; it answers while the loop it was started in runs."""

    def __init__(self, server: asyncio.Server, sessions: set[SmtpSession]) -> None:
        self._server = server
        self._sessions = sessions
        self.port: int = server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and hang up on everybody."""
        self._server.close()
        for session in tuple(self._sessions):
            session.abort()
        await self._server.wait_closed()


async def start(settings: SmtpServerSettings, record: Record, faults: Faults) -> SmtpServer:
    """Begin to listen.

    Raises:
        OSError: the port is taken.
    """
    sessions: set[SmtpSession] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: MailConversation(settings, sessions, record, faults),
        settings.host,
        settings.port,
        ssl=settings.tls if settings.implicit_tls else None,
        backlog=512,
    )
    return SmtpServer(server, sessions)
