"""The caller's turn: where it lies in time, and the telling of it.

Owns the way from the model's clock to the call's. The model counts the audio appended to it; ours
streams in real time, so a byte's age is its distance from the newest.
"""

from collections.abc import Callable

from gateway.call.inbound import Inbound
from gateway.core.events import CallerStarted, CallerStopped, CallEvent
from gateway.core.g711 import BYTES_PER_MS


class CallerTurn:
    """The newest turn of one caller."""

    def __init__(
        self,
        inbound: Inbound,
        since_open_ms: Callable[[], float],
        emit: Callable[[CallEvent], None],
    ) -> None:
        self._inbound = inbound
        self._since_open_ms = since_open_ms
        self._emit = emit
        self._item_id = ""
        self._from_ms = 0.0
        self._to_ms = 0.0

    def began(self, item_id: str, audio_start_ms: float) -> None:
        """The model heard a voice begin; in ms of its clock."""
        self._item_id = item_id
        self._from_ms = self._to_ms = self._when(audio_start_ms)

    def ended(self, voiced_ms: float, now: float) -> float:
        """The model heard it end, in ms of its clock. Returns when its last frame came (s)."""
        self._to_ms = max(self._from_ms, self._when(voiced_ms))
        return now - self._age_ms(voiced_ms) / 1000

    def tell_started(self) -> None:
        """It is a turn."""
        self._emit(CallerStarted(self._since_open_ms(), self._item_id, self._from_ms))

    def tell_stopped(self) -> None:
        """The turn is over."""
        self._emit(CallerStopped(self._since_open_ms(), self._item_id, self._to_ms))

    def _age_ms(self, at_ms: float) -> float:
        return max(0.0, self._inbound.appended / BYTES_PER_MS - at_ms)

    def _when(self, at_ms: float) -> float:
        return max(0.0, self._since_open_ms() - self._age_ms(at_ms))
