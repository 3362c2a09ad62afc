"""Log lines as JSON: a fixed sentence and named fields, with no place for personal data.

Only the fields in ``ALLOWED`` are written, only as short plain values.  Of an
exception its class and the places it passed are written and never its words, since
those may quote a row or an answer.  Lines from libraries keep their sentence, with every
filled-in text left out.
"""

import logging
import re
import sys
import traceback
from typing import TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

#: The only names that may stand in a line.
ALLOWED = frozenset(
    ["event", "level", "logger", "timestamp", "exception", "places", "account", "actor", "after", "arm", "attempt", "batch", "campaign", "channel", "claimed", "code", "committed", "count", "delay", "delivered", "duplicates", "enrolment", "error", "experiment", "failed", "finished", "folder", "held", "journey", "kind", "launch", "lag", "lease", "lines", "listening", "member", "message_id", "number", "outcome", "pid", "port", "process", "provider", "queue", "reason", "received", "refused", "revision", "route", "seconds", "send", "settled", "shard", "share", "source", "state", "status", "step", "stored", "taken", "thread", "threads", "version", "waiting"]
)
LONGEST = 200  #: characters of one value
#: What JSON leaves as it is and yet may end a line, turn its letters round, or be no letter at all.
UNSAFE = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_JSON = structlog.processors.JSONRenderer(ensure_ascii=False)
LOUD = ("apscheduler", "urllib3", "alembic", "asyncio", "mail.log", "aiosmtpd", "matplotlib", "fontTools")


def set_up_logs(level: str = "info", *, stream: TextIO | None = None) -> None:
    """Send every log line of this process, ours and the libraries', to ``stream`` (None: standard error) as JSON."""
    ours: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*ours, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *ours],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                told_exception,
                only_allowed,
                written,
            ],
        )
    )
    handler.addFilter(without_filled_in_texts)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)


def log_for(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of one module: ``log.info("send accepted", send=7, provider="…")``."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def without_filled_in_texts(record: logging.LogRecord) -> bool:
    """Let numbers into a library's sentence and nothing else, since an address is a text too."""
    if isinstance(record.msg, str) and record.args:
        arguments = record.args.values() if isinstance(record.args, dict) else record.args
        numbers = all(isinstance(value, int | float) for value in arguments)
        record.msg = record.getMessage() if numbers else record.msg
        record.args = ()
    return True


def told_exception(_logger: WrappedLogger, _name: str, line: EventDict) -> EventDict:
    """Replace an exception by its class and the places it passed."""
    given = line.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        line["exception"] = type(error).__name__
        line["places"] = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
    return line


def only_allowed(_logger: WrappedLogger, _name: str, line: EventDict) -> EventDict:
    """Drop every field that is not on the list, and cut what is long."""
    return {name: _short(value) for name, value in line.items() if name in ALLOWED and value is not None}


def written(logger: WrappedLogger, name: str, line: EventDict) -> str:
    """Return the line as JSON, with whatever could pass for its end, or steer whoever shows it, spelt out."""
    whole = str(_JSON(logger, name, line))
    return UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", whole)


def _short(value: object) -> object:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list):
        return [str(each)[:LONGEST] for each in value]
    return str(value)[:LONGEST]
