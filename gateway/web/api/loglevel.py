"""``/api/log-level``: how much the gateway logs, and more of it for a while."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway.observe.loglevel import MOST_MINUTES, USUAL_MINUTES, Level, LogLevel
from gateway.store.audit import AuditLog
from gateway.web.api.answers import body_of
from gateway.web.api.endpoint import Endpoint, who_asks

_PATH = "/api/log-level"
_NONE = "the log of this gateway is not its own"


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be logged from now on, and for how long."""

    level: Level
    minutes: Annotated[float, msgspec.Meta(gt=0, le=MOST_MINUTES)] = USUAL_MINUTES


class Logged(msgspec.Struct):
    """What is logged."""

    level: Level
    usual: Level
    """Of the settings."""
    until: datetime | None
    """When the usual one is back; null = it is."""


class LogLevelHandlers:
    """``/api/log-level``."""

    def __init__(self, level: LogLevel | None, audit: AuditLog | None = None) -> None:
        """``level`` = None: there is nothing to be changed."""
        self._level = level
        self._audit = audit

    def endpoints(self) -> list[Endpoint]:
        """The addresses."""
        return [
            Endpoint(
                "GET", _PATH, "admin", self.show, "The least level that is logged", answer=Logged
            ),
            Endpoint(
                "PUT",
                _PATH,
                "admin",
                self.set,
                "Another one for a while; it goes back by itself",
                body=Wanted,
                answer=Logged,
            ),
        ]

    async def show(self, _request: Request) -> Any:
        """The level, the usual one, and until when."""
        return _shown(self._there())

    async def set(self, request: Request) -> Any:
        """Logs from that level on, so many minutes."""
        level = self._there()
        wanted = _wanted(await body_of(request))
        level.set(wanted.level, wanted.minutes)
        if self._audit is not None:
            limit = "" if level.until is None else f" for {wanted.minutes:g} minutes"
            self._audit.note(who_asks(request), "log_level", detail=f"{wanted.level}{limit}")
        return _shown(level)

    def _there(self) -> LogLevel:
        if self._level is None:
            raise HTTPException(503, _NONE)
        return self._level


def _shown(level: LogLevel) -> Any:
    return msgspec.to_builtins(Logged(level.level, level.usual, level.until))


def _wanted(body: bytes) -> Wanted:
    try:
        return msgspec.json.decode(body, type=Wanted)
    except ValueError as error:
        expected = (
            '{"level": "debug", "info", "warning" or "error", '
            f'"minutes": above 0, at most {MOST_MINUTES:g}}}'
        )
        raise HTTPException(400, f"{error}; expected {expected}") from None
