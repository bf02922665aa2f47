"""Structured logs: event name first, one line per turn, none per frame.

Never logs what people said, digits, tickets or secrets: fields of call events that carry words are
left out here, and the vocabulary has no place for the rest.
"""

import contextlib
import json
import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TextIO, cast

import structlog

from gateway.core.events import (
    AgentSpoke,
    AgentStarted,
    AgentStopped,
    CallerSpoke,
    CallEvent,
    Listener,
    ModelLost,
    UsageCounted,
)
from gateway.core.shown import event_name, masked_number, shown_fields
from gateway.observe.traceids import trace_ids
from gateway.settings import Settings

_SPOKEN = (AgentSpoke, CallerSpoke)
_DETAILS = (AgentStarted, AgentStopped, UsageCounted)
"""Of turns that have a line of their own: for debugging."""
_UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""What moves a terminal's cursor, colours it or ends a line, other than a line feed."""

_encode = json.JSONEncoder(default=repr).encode


def configure_logs(settings: Settings) -> None:
    """Sets up structlog and quietens libraries that log per connection."""
    console = settings.log_format == "console" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    first: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    if settings.otel:
        first.append(_traced)
    last: list[Any] = [_event_first, _json]
    if console:
        last = [_event_first, _printable, structlog.dev.ConsoleRenderer(timestamp_key="at")]
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _Unbreakable(sys.stderr))),
    )
    # Libraries write through the standard library's logging: the same lines, so that whatever a
    # stranger made them quote stays inside one.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *first],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler])


def set_level(level: str) -> None:
    """The least level from now on, of every logger but those that hold what they once looked up:
    such listeners are told by ``again`` of :func:`event_log`.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    wrapper = structlog.make_filtering_bound_logger(number)
    structlog.configure(**{**structlog.get_config(), "wrapper_class": wrapper})
    logging.getLogger().setLevel(max(number, logging.WARNING))


class _Unbreakable:
    """Writes to a stream that may be gone: a log nobody can read must not end a call."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Writes, or drops what cannot be written."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        """Flushes, or does not."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def _event_first(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {"event": line.pop("event"), "at": line.pop("timestamp"), **line}


def _traced(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Lines of a call name its trace, and the span of all of it."""
    call_sid = line.get("call_sid")
    if isinstance(call_sid, str):
        line["trace_id"], line["span_id"] = trace_ids(call_sid)
    return line


def _json(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> str:
    return _encode(line)  # non-ASCII escaped: some of it ends a line for some readers


def _printable(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """For terminals: fields are quoted by the renderer, event names and tracebacks are not."""
    line["event"] = _escaped(str(line["event"])).replace("\n", "\\n")
    if "exception" in line:
        line["exception"] = _escaped(line["exception"])
    return line


def _escaped(text: str) -> str:
    return _UNSAFE.sub(lambda found: repr(found.group())[1:-1], text)


def event_log(
    on_level: Callable[[Callable[[], None]], None] = lambda again: None,
) -> Listener:
    """A listener that writes one line for a call event, if there is to be one.

    Made once logs are set up: it looks them up no more, which is half of what a line costs.
    ``on_level`` is given what has it look once more, for whenever the level has changed.
    """
    log = structlog.get_logger().bind()

    def again() -> None:
        nonlocal log
        log = structlog.get_logger().bind()

    on_level(again)

    def write(call_sid: str, event: CallEvent) -> None:
        if isinstance(event, _SPOKEN):
            return
        if isinstance(event, _DETAILS):
            if log.is_enabled_for(logging.DEBUG):
                log.debug(event_name(event), call_sid=call_sid, **_fields(event))
        elif isinstance(event, ModelLost):
            log.error(event_name(event), call_sid=call_sid, **_fields(event))
        else:
            log.info(event_name(event), call_sid=call_sid, **_fields(event))

    return write


def _fields(event: CallEvent) -> dict[str, Any]:
    return {name: _masked(name, value) for name, value in shown_fields(event).items()}


def _masked(name: str, value: Any) -> Any:
    if name in ("caller", "called") and isinstance(value, str):
        return masked_number(value)
    return value
