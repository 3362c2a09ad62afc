"""Tokens that processes share in a file, for tests of sharing; it keeps secrets in clear and is no part of the product."""

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator
from pathlib import Path

from channels.wechat.tokens import KeptToken


class FileTokens:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, account: str) -> KeptToken:
        try:
            kept = json.loads(self._path(account).read_text())
        except FileNotFoundError:
            return KeptToken()
        return KeptToken(token=kept["token"], good_until=kept["good_until"], forced_at=tuple(kept["forced_at"]))

    def put(self, account: str, kept: KeptToken) -> None:
        whole = {"token": kept.token, "good_until": kept.good_until, "forced_at": kept.forced_at}
        beside = self._path(account).with_suffix(".new")
        beside.write_text(json.dumps(whole))
        beside.replace(self._path(account))

    @contextlib.contextmanager
    def lock(self, account: str, *, patience: float) -> Iterator[bool]:
        until = time.monotonic() + patience
        with self._path(account).with_suffix(".lock").open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() >= until:
                        yield False
                        return
                    time.sleep(0.02)
                else:
                    yield True
                    return

    def _path(self, account: str) -> Path:
        return self._folder / account.replace("/", "_")
