"""The outbound clock's rule: how much audio leaves now, and when to look again. Pure arithmetic.

The first audio of an answer goes at once, whatever whole frames exist; then the carrier is kept
``lead_ms`` ahead of the caller's ear. Time drives it, marks only correct the position it is given
(a lost mark stops nothing).
"""

from dataclasses import dataclass

from gateway.core.g711 import BYTES_PER_MS, FRAME_BYTES

MESSAGE_MS = 200
"""Longest audio per media message. A mark follows each, so the heard position is confirmed five
times a second.
"""
_PAST_LEAD_MS = 1


@dataclass(frozen=True, slots=True)
class Pacing:
    """Keeps ``lead_ms`` ahead in messages of at most ``message_ms``."""

    lead_ms: int = 600
    message_ms: int = MESSAGE_MS

    def grant(self, ahead_ms: float, available: int) -> int:
        """Bytes that may leave now, given what the carrier still holds (ms) and what could be sent
        (bytes).

        Never lets the carrier hold more than the lead plus one message; whole frames only.
        """
        if available <= 0 or ahead_ms >= self.lead_ms:
            return 0
        largest = self.message_ms * BYTES_PER_MS
        return min(available - available % FRAME_BYTES, largest - largest % FRAME_BYTES)

    def wait_s(self, ahead_ms: float) -> float:
        """Seconds until more may leave, while audio is waiting: just past the lead, not onto it,
        where a rounding error would ask for a second look.
        """
        return max(0.0, (ahead_ms - self.lead_ms + _PAST_LEAD_MS) / 1000.0)
