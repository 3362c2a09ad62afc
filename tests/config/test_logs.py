"""Whatever is logged is one line of JSON, and nothing in it can pass for another line."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from config.logs import log_for, set_up_logs

FORGERIES = (
    'x\n{"event": "send accepted", "level": "info"}', "x\r\n2026-01-01 ERROR fake", "\x1b[2J\x1b[31mfake", "a\0b", "a\u2028b\u2029c", "\x85x", '"}\n{"',
    "\ud800", "\u202efake\u202c",
)  # fmt: skip


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root, stream = logging.getLogger(), io.StringIO()
    level, handlers = root.level, root.handlers[:]
    set_up_logs("debug", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("words", FORGERIES, ids=range(len(FORGERIES)))
def test_no_value_can_pass_for_a_line_or_steer_a_terminal(lines: io.StringIO, words: str) -> None:
    log_for("public").info("send accepted", reason=words, route=[words][0])
    log_for("public").info(words)
    logging.getLogger("somebody").warning("a library says %s", words)
    try:
        raise ValueError(words)
    except ValueError as error:
        log_for("public").error("failed", exc_info=error)

    written = lines.getvalue()
    assert len(written.split("\n")) == 5 and written.endswith("\n")
    assert all(isinstance(json.loads(line), dict) for line in written.splitlines() if line)
    assert not set(written) & {"\x1b", "\0", "\r", "\x85", "\u2028", "\u2029", "\u202e", "\ud800"}
