"""Structured logs on stderr: readable on a terminal, JSON otherwise. A line written inside an RPC carries its
ids."""

import logging
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, Literal, Protocol, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from services.foundation.redaction import Redaction

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("turnout")


class Identified(Protocol):
    """What a log line takes from the call that it was written in."""

    @property
    def request_id(self) -> str: ...
    @property
    def trace_id(self) -> str: ...
    @property
    def span_id(self) -> str: ...


# Set once per RPC, read only when a line is written: binding a logger per RPC would cost more than the RPC's
# own chain.
CURRENT_CALL: ContextVar[Identified | None] = ContextVar("turnout_current_call", default=None)


def add_call_ids(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Name the call in whose course the line is written."""
    call = CURRENT_CALL.get()
    if call is not None:
        event.setdefault("request_id", call.request_id)
        event.setdefault("trace_id", call.trace_id)
        event.setdefault("span_id", call.span_id)
    return event


def configure(
    process: str,
    *,
    level: str = "INFO",
    form: Literal["auto", "json", "console"] = "auto",
    worker: int = 0,
    stream: TextIO | None = None,
    secrets: Iterable[str] = (),
) -> None:
    """Send every logger of this process, those of libraries included, to `stream` (standard error) in one
    form, without what looks like a secret or is one of `secrets`."""
    readable = form == "console" or (form == "auto" and sys.stderr.isatty())

    def add_process(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        event.setdefault("process", process)
        event.setdefault("worker", worker)
        return event

    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_process,
        add_call_ids,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(stream)
    handler.addFilter(without_headers)
    redacted = Redaction(secrets)
    finish = [*_rendering(readable), lambda _logger, _name, line: redacted(line)]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=finish))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)


def without_headers(record: logging.LogRecord) -> bool:
    """grpc writes a header that is no text into the log, as it is: also one with somebody's key in it."""
    if record.name.startswith("grpc") and str(record.msg).startswith("Invalid encoding"):
        record.msg, record.args, record.exc_info = "a header is no text (not shown)", (), None
    return True


def _rendering(readable: bool) -> list[Any]:
    finish = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if readable:
        # Plain: the pretty tracebacks print local variables, and with them requests and passwords.
        return [finish, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [finish, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
