"""The public HTTP side, really listening, over a real database."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from listening import ListeningSide

from channels.registry import open_provider
from config.carriers import carriers
from config.settings import Settings
from config.wiring import Application, planning_rules
from console.api_keys import create_key
from console.public import build_app
from console.public_side import public_side
from database.engine import Database
from templates.library import load_library
from tests.makers import SECRET


@pytest.fixture
def side(database: Database, redis_url: str) -> Iterator[ListeningSide]:
    settings = Settings()
    application = Application(
        settings=settings,
        database=database,
        redis_url=redis_url,
        secret=SECRET,
        library=load_library(),
        rules=planning_rules(settings),
        providers={name: open_provider(choice.provider, choice.own_settings()) for name, choice in carriers(settings).items()},
        public_url="https://crm.example",
    )
    with database.transaction() as connection:
        made = create_key(connection, "shop")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        found = ListeningSide(
            url=f"http://127.0.0.1:{listening.getsockname()[1]}", application=application, key=made.key, key_id=made.id
        )
        app = build_app(public_side(application, found.rung.append))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield found
        server.should_exit = True
        thread.join(timeout=10)
    for provider in application.providers.values():
        provider.close()
