"""What is missing in the caller's audio: how much silence stands for frames that never came.

Owns the arithmetic only. A carrier that stops sending (mute, DTX, loss) would stop the model's
clock: no turn could end, and every offset after the gap would be wrong. Two sources tell of a gap:
the carrier's own timestamps, exactly but only with the frame behind it (Twilio: "presentation
timestamp in milliseconds from the start of the stream", Media Streams docs, websocket messages),
and the time without a frame, at once but only nearly. What the second one padded the first one
leaves out. Amounts are bytes of mu-law, times are seconds of a monotonic clock.
"""

from typing import Final

from gateway.core.g711 import BYTES_PER_MS, FRAME_BYTES, SAMPLE_RATE, whole_frames

AWAY_MS: Final = 60
"""Frames come every 20 ms; after this long without one they are taken to stay away."""
SLACK_MS: Final = 40
"""Padding stays this far behind the clock: a frame that was only late still finds its place."""
LONGEST_MS: Final = 10_000
"""A greater step of the timestamps, or a longer sleep of this machine, is a new beginning."""

_LONGEST: Final = LONGEST_MS * BYTES_PER_MS


class Gaps:
    """The gaps of one stream. Never says to leave a frame out, so no frame is ever lost to it."""

    __slots__ = ("_end", "_padded", "arrived")

    def __init__(self) -> None:
        self._end = 0
        """Up to where on the carrier's clock audio or silence has been passed on."""
        self.arrived: float | None = None
        """When the newest frame came; None before the first one."""
        self._padded = 0
        """Silence since the newest frame."""

    def before(self, timestamp_ms: int, n_bytes: int, now: float) -> int:
        """A frame of ``n_bytes`` arrived: how much silence goes before it, 0 to ten seconds.

        Timestamps that are late, doubled or run backward pad nothing. Less than a frame is no gap
        but jitter of the timestamps, and is made up for with the next one.
        """
        begin = timestamp_ms * BYTES_PER_MS
        if begin == self._end and self.arrived is not None:  # nearly every frame
            self._end = begin + n_bytes
            self.arrived = now
            self._padded = 0
            return 0
        missing = 0 if self.arrived is None else begin - self._end
        silence = min(missing, _LONGEST) if missing >= FRAME_BYTES else 0
        if self.arrived is None or abs(missing) > _LONGEST:
            self._end = begin
        else:
            self._end += silence
        self._end += n_bytes
        self.arrived = now
        self._padded = 0
        return silence

    def due(self, now: float) -> int:
        """How much silence is to be passed on now, in whole frames; at most ten seconds."""
        if not self.away(now):
            return 0
        missing = whole_frames(self._quiet(now) - SLACK_MS * BYTES_PER_MS) - self._padded
        self._padded += missing
        self._end += missing
        return min(missing, _LONGEST)

    def away(self, now: float) -> bool:
        """True while frames stay away; false before the first one."""
        return self._quiet(now) > AWAY_MS * BYTES_PER_MS

    def _quiet(self, now: float) -> int:
        """Time without a frame, in bytes."""
        return 0 if self.arrived is None else int((now - self.arrived) * SAMPLE_RATE)
