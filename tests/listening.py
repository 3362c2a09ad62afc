"""A public side that listens, as tests see it."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import requests
import uvicorn

from campaigns.accounts import Account
from channels.provider import Provider
from config.carriers import carriers
from config.foundation import planning_rules
from config.settings import Settings
from config.wiring import Application, open_account
from console.api_keys import create_key
from console.public import build_app
from console.public_side import public_side
from database.engine import Database
from templates.library import load_library
from tests.makers import SECRET


@dataclass
class ListeningSide:
    """A public side and a client that holds a key to it."""

    url: str
    application: Application
    key: str
    key_id: str
    rung: list[str] = field(default_factory=list)

    def post(self, path: str, body: object, **options: object) -> requests.Response:
        return requests.post(self.url + path, json=body, auth=(self.key, ""), timeout=30, **options)  # type: ignore[arg-type]


@contextlib.contextmanager
def a_listening_side(database: Database, redis_url: str) -> Iterator[ListeningSide]:
    """Let the public side of an installation with the simulated accounts listen on a free port."""
    settings = Settings()
    application = Application(
        settings=settings,
        database=database,
        redis_url=redis_url,
        secret=SECRET,
        library=load_library(),
        rules=planning_rules(settings),
        accounts={
            channel: [open_account(settings, choice, SECRET) for choice in choices] for channel, choices in carriers(settings).items()
        },
        public_url="https://crm.example",
    )
    with database.transaction() as connection:
        made = create_key(connection, "shop")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        found = ListeningSide(url=url, application=application, key=made.key, key_id=made.id)
        app = build_app(public_side(application, found.rung.append))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield found
        server.should_exit = True
        thread.join(timeout=10)
    for account in application.every_account:
        account.provider.close()


@contextlib.contextmanager
def told_by(side: ListeningSide, *providers: Provider) -> Iterator[ListeningSide]:
    """Let only these providers' accounts call the public side, for a while; they are closed at the end."""
    accounts = cast(MutableMapping[str, Sequence[Account]], side.application.accounts)
    before = dict(accounts)
    accounts.clear()
    for provider in providers:
        accounts[provider.channel.value] = [*accounts.get(provider.channel.value, ()), Account(name=provider.name, provider=provider)]
    try:
        yield side
    finally:
        accounts.clear()
        accounts.update(before)
        for provider in providers:
            provider.close()
