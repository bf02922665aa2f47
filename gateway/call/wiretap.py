"""People who listen to one call while it lasts: both sides, as the caller hears them.

Owns who listens and the rhythm in which they are told. The call waits for none of them: what a
listener does with what it is told must take no time, and what it does not take is its own loss.
"""

import asyncio
from typing import Literal, Protocol

from gateway.call.taps import Reel, Taps
from gateway.core.events import CallAnswered, CallEvent
from gateway.errors import GatewayError

ROLL_S = 0.1
"""How often listeners are told: as far behind the call they are."""
MOST = 8
"""Who may listen to one call at a time."""

News = Literal["away", "back"]
"""``away``: the caller is somewhere else, and nothing is heard; ``back``: it goes on."""


class TooMany(GatewayError):
    """As many listen as may."""

    def __init__(self) -> None:
        super().__init__(f"{MOST} people listen to this call already, and no more may")


class Listener(Protocol):
    """One who listens. Is told in the call's loop; must return at once and never raise."""

    def audio(self, stereo: bytes) -> None:
        """What was said since: interleaved mu-law at 8 kHz, the caller's byte first."""

    def told(self, news: News, at_ms: float) -> None:
        """Something happened to the sound; ``at_ms`` = where it stands on the clock of the call."""

    def ended(self, reason: str) -> None:
        """The call is over, and this was the last word."""


class Wiretap:
    """Everybody who listens to one call; tells all its taps of its streams."""

    def __init__(self, taps: Taps) -> None:
        self.taps = taps
        self._listeners: list[Listener] = []
        self._reel: Reel | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._listeners)

    @property
    def at_ms(self) -> float:
        """Where the next audio begins, on the clock of the call."""
        if self._reel is None or not self.taps.streaming:
            return self.taps.dialogue.since_open_ms()
        return self._reel.at_ms

    @property
    def away(self) -> bool:
        """True while the call has no stream, and nothing is heard."""
        return not self.taps.streaming

    def join(self, listener: Listener) -> None:
        """One more listens, from now on. Raises TooMany."""
        if len(self._listeners) >= MOST:
            raise TooMany
        if self._reel is None:
            self._reel = self.taps.open()
            self._timer = asyncio.get_running_loop().call_later(ROLL_S, self._tick)
        self._roll()  # what was said before is for those who were there
        self._listeners.append(listener)

    def leave(self, listener: Listener) -> None:
        """One listens no more; one who has left already is fine."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        if not self._listeners:
            self._stop()

    def hear(self, event: CallEvent) -> None:
        """One event of the call, in the callback that told it."""
        self.taps.hear(event)
        if isinstance(event, CallAnswered) and self._reel is not None:
            self._reel.take()  # the silence between the streams: nobody wants to hear it now
            self._tell("back")

    def part(self) -> None:
        """The stream is given up, another one may come."""
        self._roll()
        self._tell("away")
        self.taps.part()

    def close(self, reason: str) -> None:
        """The call is over."""
        self._roll()
        listeners, self._listeners = self._listeners, []
        self._stop()
        for listener in listeners:
            listener.ended(reason)

    def _tell(self, news: News) -> None:
        for listener in self._listeners:
            listener.told(news, self.at_ms)

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(ROLL_S, self._tick)
        self._roll()

    def _roll(self) -> None:
        if self._reel is None or not self.taps.streaming:
            return
        stereo = self._reel.take()
        if stereo:
            for listener in list(self._listeners):
                listener.audio(stereo)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._reel is not None:
            self.taps.close(self._reel)
            self._reel = None
