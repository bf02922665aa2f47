"""Where the carrier's playout stands, seen from this side of the wire.

Owns one estimate: how many bytes of the current generation the caller has heard at the moment a
message written *now* reaches the carrier. Knows nothing of items, messages or sockets.

The reasoning, in the frame of send times (an event here counts as if the outbound way took its
usual time, and that were none):

* Audio written into an empty carrier buffer starts playing when it arrives, and so does a ``clear``
  act when it arrives; with equal travel times the heard position at the ``clear`` is plain elapsed
  time since the write. No round trip is needed. This is the plan, and it is exact until something
  delays the audio on its way.
* What delays it makes the playout late against the plan. A carrier cannot catch up while it plays,
  so lateness never shrinks but in the silence between two pieces of audio.
* A mark comes back when the audio before it has been played (or at once from an empty buffer: Media
  Streams docs, websocket messages). Planned end + round trip is when it is due; what it comes later
  than that is lateness, plus whatever the inbound way added. The round trip is measured with marks
  sent into an empty buffer (probes).
* A mark stands between two caller frames, and their timestamps are the carrier's own clock. So it
  left the carrier after the frame before it and before the frame behind it, whatever delay the
  inbound way added to all three. Each mark thus brackets the lateness within a frame; an estimate
  inside the bracket stands, one outside moves into it.
* A mark that has not come although a later frame has, is late at least up to that frame. That is
  how a stall of the outbound way is seen while it lasts. It is believed for the heard position
  only, never for sending: a lost mark stops nothing.
"""

from collections import deque
from itertools import takewhile

from gateway.core.g711 import FRAME_MS, SAMPLE_RATE

_RTT_SAMPLES = 3
"""Enough that one delayed probe does not matter, few enough to follow a changed route."""
_WINDOW_S = 10.0
_FLOWING_S = 0.1
"""Caller frames come every 20 ms; after this long without one they have been muted."""
_BLIND_S = 0.03
"""Inbound delay a mark may have when no caller frames tell how much it was."""
_STALLED_S = 0.25
"""A mark overdue by more is no single lost mark: the next one should have come by now as well."""
_PACED_LATENESS_S = 0.15
"""Lateness the sending makes allowance for; less than the least lead (200 ms)."""
_GIVEN_UP_S = 2.0
"""A mark overdue by more is lost, or this carrier returns none."""
_LONG_S = 3600.0
"""Stands for the endless silence before the first audio; longer than any lateness."""
_MARKS_KEPT = 256
"""Far more than any lead holds; a carrier that returns no marks must not cost memory."""


class CarrierClock:
    """Maps the carrier's media timestamps (ms) to our clock (s), free of inbound jitter.

    The offset is the smallest seen ``arrival - timestamp`` of the last 10 to 20 s (two windows, so
    that clock drift of an hour-long call is followed).
    """

    __slots__ = ("_arrived", "_offset", "_previous", "_window_end", "last_timestamp_s")

    def __init__(self) -> None:
        self.last_timestamp_s: float | None = None
        self._arrived = float("-inf")
        self._offset = float("inf")
        self._previous = float("inf")
        self._window_end = float("-inf")

    def frame(self, timestamp_ms: int, now: float) -> bool:
        """A caller frame with this carrier timestamp arrived. False when it is no newer than the
        last one: such timestamps are no clock and are left out.
        """
        at = timestamp_ms / 1000.0
        if self.last_timestamp_s is not None and at <= self.last_timestamp_s:
            return False
        self.last_timestamp_s = at
        self._arrived = now
        offset = now - at
        if now >= self._window_end:
            self._previous, self._offset = self._offset, offset
            self._window_end = now + _WINDOW_S
        elif offset < self._offset:
            self._offset = offset
        return True

    def latest_arrival(self) -> float:
        """When the newest frame would have arrived without inbound jitter (s); ``inf`` before the
        first frame.
        """
        if self.last_timestamp_s is None:
            return float("inf")
        return min(self._offset, self._previous) + self.last_timestamp_s

    def timestamp_s(self, at: float) -> float | None:
        """The timestamp of a frame that arrives at ``at`` without jitter; None before the first
        frame.
        """
        if self.last_timestamp_s is None:
            return None
        return at - min(self._offset, self._previous)

    def flowing(self, now: float) -> bool:
        """True while caller frames come; the carrier may stop sending them (mute)."""
        return now - self._arrived <= _FLOWING_S


class _Mark:
    __slots__ = ("due", "position", "probe", "silence_s")

    def __init__(self, position: int, due: float, silence_s: float, probe: bool) -> None:
        self.position = position
        self.due = due
        self.silence_s = silence_s
        self.probe = probe


class Playout:
    """The carrier's playout of one stream: what is sent, what is heard, in bytes of the current
    generation.
    """

    __slots__ = (
        "_end_s",
        "_heard",
        "_marks",
        "_next_mark",
        "_returned",
        "_rtt",
        "_silence_s",
        "carrier_clock",
        "confirmed",
        "generation",
        "lateness_s",
        "sent",
    )

    def __init__(self) -> None:
        self.generation = 0
        self.sent = 0
        """Bytes sent in this generation."""
        self.confirmed = 0
        """Bytes of this generation that a returned mark has proved heard."""
        self.lateness_s = 0.0
        """How far the playout is behind the plan, never negative."""
        self.carrier_clock = CarrierClock()
        self._heard = 0
        self._end_s = float("-inf")
        """When what was sent is heard to its end, by plan."""
        self._silence_s = 0.0
        """All silences between planned pieces of audio; lateness is made up for in them."""
        self._marks: dict[int, _Mark] = {}
        self._next_mark = 0
        self._rtt: deque[float] = deque(maxlen=_RTT_SAMPLES)
        self._returned: _Mark | None = None
        """The mark that came back last, until the caller frame behind it."""

    # What the gateway does

    def idle(self, now: float) -> bool:
        """True when by our reckoning the carrier has nothing left to play."""
        return now >= self._end_s + self.lateness_s

    def audio_sent(self, n_bytes: int, now: float) -> None:
        """Audio was written to the carrier."""
        silence_s = min(_LONG_S, now - self._end_s)
        if silence_s > 0:
            self._silence_s += silence_s
            self.lateness_s = max(0.0, self.lateness_s - silence_s)
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
        self._marks[number] = _Mark(self.sent, due, self._silence_s, probe)
        if len(self._marks) > _MARKS_KEPT:
            del self._marks[next(iter(self._marks))]
        return number

    def cleared(self, now: float) -> int:
        """A ``clear`` is being written. Returns the bytes heard of the generation that ends; its
        marks are void.
        """
        heard = self.heard(now)
        self.generation += 1
        self.sent = self._heard = self.confirmed = 0
        self._end_s = now
        self.lateness_s = 0.0
        self._marks.clear()
        self._returned = None
        return heard

    # What the carrier says

    def frame(self, timestamp_ms: int, now: float) -> None:
        """A caller frame arrived; it also bounds when a mark just before it really left the
        carrier.
        """
        clock = self.carrier_clock
        if clock.frame(timestamp_ms, now):
            mark, self._returned = self._returned, None
            if mark is not None:
                self._returned_before(mark, clock.latest_arrival())

    def mark_returned(self, number: int, now: float) -> bool:
        """A mark of this generation came back. False (and no effect) when it is unknown, doubled or
        void.
        """
        mark = self._marks.pop(number, None)
        if mark is None:
            return False
        before = takewhile(lambda n: self._marks[n].position < mark.position, self._marks)
        for lost in list(before):  # on the way: later audio was played, so was theirs
            del self._marks[lost]
        self.confirmed = max(self.confirmed, mark.position)
        took = max(0.0, now - mark.due)
        if mark.probe or not self._rtt or took < self.rtt_s:
            self._rtt.append(took)
        self._returned = mark
        if not mark.probe:
            clock = self.carrier_clock
            after = clock.latest_arrival() if clock.flowing(now) else now - _BLIND_S
            self._bracket(self._lateness(mark, after), self._lateness(mark, now))
        return True

    # What follows

    @property
    def rtt_s(self) -> float:
        """Round trip to the carrier, seconds; 0 while unknown."""
        return min(self._rtt) if self._rtt else 0.0

    def heard(self, now: float) -> int:
        """Bytes of this generation heard when a message written now arrives. Never falls, never
        exceeds sent.
        """
        late_s = max(self.lateness_s, self._overdue_s())
        ahead = (self._end_s + late_s - now) * SAMPLE_RATE
        estimate = self.sent if ahead <= 0 else self.sent - int(ahead + 0.999)
        self._heard = min(self.sent, max(self._heard, self.confirmed, estimate))
        return self._heard

    def ahead_ms(self, now: float) -> float:
        """Milliseconds of audio the carrier still holds, as far as sending goes.

        Only so much lateness counts here: a carrier that holds more than its lead harms nobody, but
        marks that come late for reasons of their own must not let it run dry.
        """
        planned_s = max(0.0, self._end_s - now)
        return 1000.0 * (planned_s + min(self.lateness_s, _PACED_LATENESS_S))

    def planned_at(self, now: float) -> float:
        """When audio written now would be heard by plan, did the way take no time (s): after what
        is buffered. What delays it is :attr:`lateness_s`, which marks tell later.
        """
        return max(now, self._end_s)

    def starts_at(self, now: float) -> float:
        """When audio written now would be heard by the caller (s): after what is buffered and half
        a round trip.
        """
        return max(now, self._end_s + self.lateness_s) + self.rtt_s / 2

    @property
    def ends_at(self) -> float:
        """When the caller hears the end of what was sent (s), past or to come; ``-inf`` before any
        audio. After a ``clear`` it is when that was written.
        """
        return self._end_s + self.lateness_s + self.rtt_s / 2

    @property
    def uncertainty_ms(self) -> float:
        """Honest width of the estimate: one carrier frame, plus how much the round trip varies,
        plus what the oldest mark is overdue.
        """
        spread_s = max(self._rtt) - min(self._rtt) if self._rtt else 0.0
        overdue_s = max(0.0, self._overdue_s() - self.lateness_s)
        return FRAME_MS + 1000.0 * (spread_s / 2 + overdue_s)

    @property
    def marks_outstanding(self) -> int:
        """Marks sent and not come back: about as many as the lead has messages, at most 256."""
        return len(self._marks)

    # Inside

    def _returned_before(self, mark: _Mark, at: float) -> None:
        """A mark that came back had left the carrier by ``at``."""
        if not mark.probe:
            self.lateness_s = min(self.lateness_s, self._lateness(mark, at))
        else:
            self._rtt[-1] = min(self._rtt[-1], max(0.0, at - mark.due))

    def _bracket(self, low_s: float, high_s: float) -> None:
        """The lateness is known to lie between these two."""
        if self.lateness_s < low_s:
            self.lateness_s = (low_s + high_s) / 2
        elif self.lateness_s > high_s:
            self.lateness_s = high_s

    def _lateness(self, mark: _Mark, returned: float) -> float:
        """How late the playout is now if this mark came back at that time."""
        made_up_s = self._silence_s - mark.silence_s
        return max(0.0, returned - self.rtt_s - mark.due - made_up_s)

    def _overdue_s(self) -> float:
        """Lateness that the oldest outstanding mark shows by not having come back yet."""
        if not self._marks or not self._rtt or self.carrier_clock.last_timestamp_s is None:
            return 0.0
        oldest = self._marks[next(iter(self._marks))]
        late_s = self._lateness(oldest, self.carrier_clock.latest_arrival())
        overdue_s = late_s - self.lateness_s
        return late_s if _STALLED_S < overdue_s < _GIVEN_UP_S else 0.0
