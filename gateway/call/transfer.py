"""A caller who is being sent to somebody else, and may come back.

Owns which destination, and how long the call waits for the answer: the model stays connected (it
says nothing and hears nothing, so it costs nothing) until the destination must have answered.
"""

import asyncio
from collections.abc import Callable, Mapping

from gateway.call.context import Destination

ANSWER_GRACE_S = 10.0
"""The carrier reports an unanswered call soon after its ringing time; later than this it was
answered, and the report comes when that conversation is over.
"""


class Transfer:
    """The transfer of one call, if there is one."""

    def __init__(
        self, directory: Mapping[str, Destination], on_answered: Callable[[], None]
    ) -> None:
        self.key: str | None = None
        """The destination that was asked for; None while nobody is being transferred."""
        self.away = False
        """True while the carrier rings the destination."""
        self._directory = directory
        self._on_answered = on_answered
        self._timer: asyncio.TimerHandle | None = None

    @property
    def destination(self) -> Destination | None:
        """Where the carrier should connect the caller to, while that is to be done."""
        return self._directory[self.key] if self.away and self.key is not None else None

    def leave(self) -> None:
        """The stream is given up for the destination."""
        assert self.key is not None
        self.away = True
        limit_s = self._directory[self.key].timeout_s + ANSWER_GRACE_S
        self._timer = asyncio.get_running_loop().call_later(limit_s, self._on_answered)

    def come_back(self) -> str:
        """The destination did not take the call; returns its key."""
        key, self.key, self.away = self.key, None, False
        self.stop()
        return key or ""

    def stop(self) -> None:
        """Nobody waits any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
