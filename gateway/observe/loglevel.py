"""The least level that is logged: the settings' one, or for a while another one.

Owns the time after which it goes back by itself, so that nobody's debugging fills a disk. Lives on
one event loop; the log itself (:mod:`gateway.observe.logs`) is changed through a callable.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

import structlog

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = get_args(Level)
USUAL_MINUTES = 10.0
MOST_MINUTES = 24 * 60.0

_log = structlog.get_logger()


class LogLevel:
    """The level of one process."""

    def __init__(self, usual: Level, apply: Callable[[Level], None]) -> None:
        """``usual`` is what the log has now; ``apply`` gives it another one."""
        self.usual = usual
        self.level = usual
        self.until: datetime | None = None
        """When it goes back; None = it is the usual one."""
        self.on_change: list[Callable[[], None]] = []
        """Who is told when the log has another level."""
        self._apply = apply
        self._timer: asyncio.TimerHandle | None = None

    def set(self, level: Level, minutes: float = USUAL_MINUTES) -> None:
        """Logs from that level on, so long, whatever was set before; the usual one stays."""
        self._stop()
        self._change(level)
        if level != self.usual:
            self.until = datetime.now(UTC) + timedelta(minutes=minutes)
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(minutes * 60, self.set, self.usual)

    def _change(self, level: Level) -> None:
        if level == self.level:
            return
        # Told where more is logged: the other level may hide it.
        before, self.level = self.level, level
        less = LEVELS.index(before) < LEVELS.index(level)
        if less:
            _tell(level, before)
        self._apply(level)
        for told in self.on_change:
            told()
        if not less:
            _tell(level, before)

    def _stop(self) -> None:
        self.until = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _tell(level: Level, before: Level) -> None:
    _log.warning("log.level_changed", now=level, before=before)
