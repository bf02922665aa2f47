"""Structured logs: event name first, one line per turn, none per frame.

Never logs what people said, digits, tickets or secrets: call events that carry words are left out
here, and the vocabulary has no place for the rest.
"""

import dataclasses
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from gateway.core.events import (
    AgentSpoke,
    CallerSpoke,
    CallEvent,
    ModelLost,
    TurnDone,
)
from gateway.settings import Settings

_NAMES = {"DtmfGroup": "dtmf", "BargeIn": "barge_in"}
_SPOKEN = (AgentSpoke, CallerSpoke)
_PHONE = re.compile(r"\+?\d{4,}(?=\d{2})")

_log = structlog.get_logger()


def configure_logs(settings: Settings) -> None:
    """Sets up structlog and quietens libraries that log per connection."""
    console = settings.log_format == "console" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, format="%(message)s")
    renderer: Any = structlog.processors.JSONRenderer()
    if console:
        renderer = structlog.dev.ConsoleRenderer(timestamp_key="at")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _event_first,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def _event_first(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {"event": line.pop("event"), "at": line.pop("timestamp"), **line}


def log_event(call_sid: str, event: CallEvent) -> None:
    """A listener: writes one line for a call event."""
    if isinstance(event, _SPOKEN):
        return
    fields = _fields(event)
    if isinstance(event, ModelLost):
        _log.error(event_name(event), call_sid=call_sid, **fields)
    else:
        _log.info(event_name(event), call_sid=call_sid, **fields)


def event_name(event: CallEvent) -> str:
    """``CallStarted`` -> ``call.started``: the first word is the thing, the rest what happened."""
    name = type(event).__name__
    words = [word.lower() for word in re.findall(r"[A-Z][a-z]+", name)]
    return _NAMES.get(name) or ".".join(filter(None, (words[0], "_".join(words[1:]))))


def _fields(event: CallEvent) -> dict[str, Any]:
    fields = dataclasses.asdict(event)
    if isinstance(event, TurnDone):
        fields |= fields.pop("turn")
    return {name: _shown(name, value) for name, value in fields.items()}


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 2)
    if name in ("caller", "called") and isinstance(value, str):
        return _PHONE.sub(lambda found: "*" * len(found.group()), value)
    return value
