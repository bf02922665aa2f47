"""The caller's key presses: the asyncio shell of the digit grouping. Never shows a digit."""

import asyncio
import math
import time
from collections.abc import Callable

from gateway.core.dtmf import DigitGroup


class Keys:
    """Turns key presses into groups; a pause or ``#`` ends one."""

    def __init__(self, on_group: Callable[[str], None]) -> None:
        self._group = DigitGroup()
        self._on_group = on_group
        self._timer: asyncio.TimerHandle | None = None

    def press(self, digit: str) -> None:
        """One key was pressed."""
        self._tell(self._group.press(digit, time.monotonic()))

    def take(self) -> str:
        """The digits of the group that is not finished; nobody else is told of them."""
        digits = self._group.expire(math.inf) or ""
        self.stop()
        return digits

    def stop(self) -> None:
        """No more keys; what was not finished is forgotten."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expired(self) -> None:
        self._timer = None
        self._tell(self._group.expire(time.monotonic()))

    def _tell(self, digits: str | None) -> None:
        if digits:
            self._on_group(digits)
        self.stop()
        due = self._group.due()
        if due is not None:
            delay_s = max(0.0, due - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._expired)
