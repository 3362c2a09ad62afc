"""A public side that listens, as tests see it."""

from dataclasses import dataclass, field

import requests

from config.wiring import Application


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
