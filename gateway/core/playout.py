"""Where the carrier's playout stands, seen from this side of the wire.

Owns one estimate: how many bytes of the current generation the caller has heard at the moment a
message written *now* reaches the carrier. Knows nothing of items, messages or sockets.

The reasoning, in the frame of send times (an event here counts as if the outbound way took no
time):

* Audio written into an empty carrier buffer starts playing when it arrives, and so does a ``clear``
  act when it arrives; with equal travel times the heard position at the ``clear`` is plain elapsed
  time since the write. No round trip is needed. This is the model, and it is exact until something
  delays the audio on its way.
* A mark comes back when the audio before it has been played (or at once from an empty buffer: Media
  Streams docs, websocket messages). Model end + round trip is when it is due; what it comes later
  than that is lateness of the playout, which can only grow while a run of audio plays (a carrier
  cannot catch up).
* The round trip is measured with marks sent into an empty buffer (probes).
* A returned mark stands between two caller frames whose timestamps are the carrier's own clock, so
  that delay on the inbound way, which hits mark and frames alike, can be taken out of it.
"""

from collections import deque

from gateway.core.g711 import BYTES_PER_MS, FRAME_MS, SAMPLE_RATE

_RTT_SAMPLES = 8
_LATENESS_SAMPLES = 3
_WINDOW_S = 10.0


class CarrierClock:
    """Maps the carrier's media timestamps (ms) to our clock (s), free of inbound jitter.

    The offset is the smallest seen ``arrival - timestamp`` of the last 10 to 20 s (two windows, so
    that clock drift of an hour-long call is followed).
    """

    __slots__ = ("_offset", "_previous", "_window_end", "last_timestamp_s")

    def __init__(self) -> None:
        self.last_timestamp_s: float | None = None
        self._offset = float("inf")
        self._previous = float("inf")
        self._window_end = 0.0

    def frame(self, timestamp_ms: int, now: float) -> None:
        """A caller frame with this carrier timestamp arrived."""
        at = timestamp_ms / 1000.0
        self.last_timestamp_s = at
        offset = now - at
        if now >= self._window_end:
            self._previous, self._offset = self._offset, offset
            self._window_end = now + _WINDOW_S
        elif offset < self._offset:
            self._offset = offset

    def latest_arrival(self) -> float:
        """When the newest frame would have arrived without inbound jitter (s); ``inf`` before the
        first frame.
        """
        if self.last_timestamp_s is None:
            return float("inf")
        return min(self._offset, self._previous) + self.last_timestamp_s


class _Mark:
    __slots__ = ("due", "position", "probe", "run")

    def __init__(self, position: int, due: float, run: int, probe: bool) -> None:
        self.position = position
        self.due = due
        self.run = run
        self.probe = probe


class Playout:
    """The carrier's playout of one stream: what is sent, what is heard, in bytes of the current
    generation.
    """

    __slots__ = (
        "_confirmed",
        "_end_s",
        "_excess",
        "_heard",
        "_marks",
        "_next_mark",
        "_rtt",
        "_run",
        "_unrefined",
        "carrier_clock",
        "generation",
        "sent",
    )

    def __init__(self) -> None:
        self.generation = 0
        self.sent = 0
        """Bytes sent in this generation."""
        self.carrier_clock = CarrierClock()
        self._heard = 0
        self._confirmed = 0
        self._end_s = float("-inf")
        self._run = 0
        self._marks: dict[int, _Mark] = {}
        self._next_mark = 0
        self._rtt: deque[float] = deque(maxlen=_RTT_SAMPLES)
        self._excess: deque[float] = deque(maxlen=_LATENESS_SAMPLES)
        self._unrefined: float | None = None

    # What the gateway does

    def idle(self, now: float) -> bool:
        """True when by our reckoning the carrier has nothing left to play."""
        return now >= self._end_s + self.lateness_s

    def audio_sent(self, n_bytes: int, now: float) -> None:
        """Audio was written to the carrier."""
        if self.idle(now):
            self._run += 1
            self._excess.clear()
            self._end_s = now
        self._end_s += n_bytes / SAMPLE_RATE
        self.sent += n_bytes

    def mark_sent(self, now: float) -> int:
        """A mark is being written; returns its number. In an empty buffer it is a probe of the
        round trip.
        """
        number = self._next_mark
        self._next_mark += 1
        probe = self.idle(now)
        due = now if probe else self._end_s
        self._marks[number] = _Mark(self.sent, due, self._run, probe)
        return number

    def cleared(self, now: float) -> int:
        """A ``clear`` is being written. Returns the bytes heard of the generation that ends; its
        marks are void.
        """
        heard = self.heard(now)
        self.generation += 1
        self.sent = self._heard = self._confirmed = 0
        self._end_s = float("-inf")
        self._run += 1
        self._marks.clear()
        self._excess.clear()
        self._unrefined = None
        return heard

    # What the carrier says

    def frame(self, timestamp_ms: int, now: float) -> None:
        """A caller frame arrived; it also bounds when a mark just before it really left the
        carrier.
        """
        clock = self.carrier_clock
        clock.frame(timestamp_ms, now)
        if self._unrefined is not None:
            self._refine(clock.latest_arrival())

    def mark_returned(self, number: int, now: float) -> bool:
        """A mark of this generation came back. False (and no effect) when it is unknown, doubled or
        void.
        """
        mark = self._marks.pop(number, None)
        if mark is None:
            return False
        for earlier in [n for n, m in self._marks.items() if m.position < mark.position]:
            del self._marks[earlier]  # lost on the way: later audio was played, so was theirs
        self._confirmed = max(self._confirmed, mark.position)
        took = max(0.0, now - mark.due)
        if mark.probe or not self._rtt or took < self.rtt_s:
            self._rtt.append(took)
        if mark.run == self._run and not mark.probe:
            self._excess.append(took)
            self._unrefined = mark.due
        return True

    def _refine(self, not_later_than: float) -> None:
        assert self._unrefined is not None
        took = max(0.0, not_later_than - self._unrefined)
        if self._excess and took < self._excess[-1]:
            self._excess[-1] = took
        self._unrefined = None

    # What follows

    @property
    def rtt_s(self) -> float:
        """Round trip to the carrier, seconds; 0 while unknown."""
        return min(self._rtt) if self._rtt else 0.0

    @property
    def lateness_s(self) -> float:
        """How far the playout of this run is behind our model, seconds, never negative."""
        if not self._excess:
            return 0.0
        return max(0.0, min(self._excess) - self.rtt_s)

    def heard(self, now: float) -> int:
        """Bytes of this generation heard when a message written now arrives. Never falls, never
        exceeds sent.
        """
        ahead = (self._end_s + self.lateness_s - now) * SAMPLE_RATE
        estimate = self.sent if ahead <= 0 else self.sent - int(ahead + 0.999)
        self._heard = min(self.sent, max(self._heard, self._confirmed, estimate))
        return self._heard

    def ahead_ms(self, now: float) -> float:
        """Milliseconds of sent audio the caller has not heard yet."""
        return (self.sent - self.heard(now)) / BYTES_PER_MS

    def starts_at(self, now: float) -> float:
        """When audio written now would be heard by the caller (s): after what is buffered and half
        a round trip.
        """
        return max(now, self._end_s + self.lateness_s) + self.rtt_s / 2

    @property
    def uncertainty_ms(self) -> float:
        """Honest width of the estimate: one carrier frame, plus the spread of what the marks say.
        """
        spread = max(self._excess) - min(self._excess) if len(self._excess) > 1 else 0.0
        return FRAME_MS + spread * 1000.0

    @property
    def marks_outstanding(self) -> int:
        """Marks sent and not come back, bounded by the lead."""
        return len(self._marks)
