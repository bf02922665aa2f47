"""A Media Streams carrier in simulated time, and the call's outbound side against it.

Owns the truth of the tests in this folder: which byte was heard when. No clock, no socket: all
times are seconds of one simulated clock. The rules are those of the Media Streams documentation
(websocket messages): audio plays in the order received, a mark returns when the audio before it has
ended or at once from an empty buffer, ``clear`` empties the buffer and returns the marks that wait.
"""

import heapq
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.core.g711 import BYTES_PER_MS, FRAME_BYTES, FRAME_MS, SAMPLE_RATE
from gateway.core.ledger import Cut, Item, PlaybackLedger
from gateway.core.pacing import Pacing

_FRAME_S = FRAME_MS / 1000
_LEAST_WAIT_S = 0.001
_ROUNDING = 1e-6
"""Of a sample; far above what floating point loses."""


@dataclass(frozen=True, slots=True)
class Way:
    """One direction of the connection. It is TCP: delay never changes the order."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    """On top, evenly distributed between 0 and this, drawn for each message."""
    stalls: Sequence[tuple[float, float]] = ()
    """Nothing arrives between these times (s)."""
    steps: Sequence[tuple[float, float]] = ()
    """From this time (s) on the way takes so many ms more."""


class Lane:
    """Says when what is sent now arrives: never before what was sent earlier."""

    def __init__(self, way: Way, rng: random.Random) -> None:
        self._way = way
        self._rng = rng
        self._last = float("-inf")

    def arrival(self, now: float) -> float:
        """When a message sent at ``now`` arrives."""
        way = self._way
        delay_ms = way.delay_ms + self._rng.uniform(0, way.jitter_ms)
        delay_ms += sum(more for begin, more in way.steps if now >= begin)
        at = max(self._last, now + delay_ms / 1000)
        for begin, end in way.stalls:
            if begin <= at < end:
                at = end
        self._last = at
        return at


@dataclass(frozen=True, slots=True)
class Habits:
    """What carriers do differently."""

    ticks: bool = False
    """Plays whole 20 ms frames on its own clock; a frame begun is a frame heard."""
    early_marks: bool = False
    """Returns a mark when the last 20 ms before it begin, not when they end."""
    returns_cleared: bool = True
    """Twilio returns marks of cleared audio; some simulators drop them."""
    mark_loss: float = 0.0
    mark_doubling: float = 0.0
    marks_late_ms: float = 0.0
    """Each mark waits up to this long before it leaves."""
    drift_ppm: float = 0.0
    """Its clock (playout and timestamps) runs faster by this."""
    first_timestamp_ms: int = 155
    mute: Sequence[tuple[float, float]] = ()
    """Between these times (s) it sends no caller frames; timestamps run on."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A caller frame reaches the gateway."""

    at: float
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Returned:
    """A mark reaches the gateway."""

    at: float
    name: str


@dataclass(frozen=True, slots=True)
class Cleared:
    """What was true when a ``clear`` reached the carrier."""

    at: float
    heard: int
    """Bytes heard since the call began."""
    lost: int
    """Bytes thrown away."""


class Carrier:
    """The far end: two ways, a playout buffer, the marks in it, and the caller's frames."""

    def __init__(
        self,
        outbound: Way | None = None,
        inbound: Way | None = None,
        habits: Habits | None = None,
        *,
        seed: int = 0,
        start: float = 0.0,
    ) -> None:
        self._rng = rng = random.Random(seed)
        self._there = Lane(outbound or Way(), rng)
        self._back = Lane(inbound or Way(), rng)
        self._habits = habits or Habits()
        self._speed = 1.0 + self._habits.drift_ppm / 1e6
        self._phase = rng.uniform(0, _FRAME_S)
        self._start = start
        self._frames = 0
        self._end = float("-inf")
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = 0
        self._inbound: list[tuple[float, int, Frame | Returned]] = []
        self._waiting: dict[int, str] = {}
        self.accepted = bytearray()
        """Every byte that arrived and was not cleared, in order."""
        self.clears: list[Cleared] = []
        self.dry: list[tuple[float, float]] = []
        """When the buffer was empty between two pieces of audio."""
        self.most_held_ms = 0.0
        """The most audio the buffer ever held."""
        self._at(start + self._phase, self._caller_frame)

    # What the gateway sends

    def send_audio(self, payload: bytes, now: float) -> None:
        """A media message leaves the gateway."""
        self._at(self._there.arrival(now), lambda at: self._audio(payload, at))

    def send_mark(self, name: str, now: float) -> None:
        """A mark leaves the gateway."""
        self._at(self._there.arrival(now), lambda at: self._mark(name, at))

    def send_clear(self, now: float) -> None:
        """A ``clear`` leaves the gateway."""
        self._at(self._there.arrival(now), self._clear)

    # What happens

    def advance(self, now: float) -> list[Frame | Returned]:
        """Lets time pass; what has reached the gateway by ``now``, in order."""
        while self._events and self._events[0][0] <= now:
            at, _, event = heapq.heappop(self._events)
            event(at)
        arrived: list[Frame | Returned] = []
        while self._inbound and self._inbound[0][0] <= now:
            arrived.append(heapq.heappop(self._inbound)[2])
        return arrived

    def heard_bytes(self, now: float) -> int:
        """Bytes heard since the call began (``now`` not before the last :meth:`advance`)."""
        left = (self._end - now) * self._speed
        if left <= 0:
            return len(self.accepted)
        if self._habits.ticks:
            return len(self.accepted) - FRAME_BYTES * math.floor(left / _FRAME_S + _ROUNDING)
        return len(self.accepted) - math.ceil(left * SAMPLE_RATE - _ROUNDING)

    def held_ms(self, now: float) -> float:
        """Audio in the buffer, ms."""
        return (len(self.accepted) - self.heard_bytes(now)) / BYTES_PER_MS

    # Inside

    def _at(self, when: float, event: Callable[[float], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, event))

    def _audio(self, payload: bytes, at: float) -> None:
        begin = self._next_tick(at) if self._habits.ticks else at
        if self._end < begin:
            if self.accepted:
                self.dry.append((self._end, at))
            self._end = begin
        self._end += len(payload) / SAMPLE_RATE / self._speed
        self.accepted += payload
        self.most_held_ms = max(self.most_held_ms, self.held_ms(at))

    def _next_tick(self, at: float) -> float:
        period = _FRAME_S / self._speed
        ticks = math.ceil((at - self._start - self._phase) / period - _ROUNDING)
        return max(self._start + self._phase + ticks * period, self._end)

    def _mark(self, name: str, at: float) -> None:
        habits = self._habits
        due = max(at, self._end - _FRAME_S if habits.early_marks else self._end)
        self._count += 1
        number = self._count
        self._waiting[number] = name
        self._at(due, lambda when: self._mark_due(number, when))

    def _mark_due(self, number: int, at: float) -> None:
        name = self._waiting.pop(number, None)
        if name is not None:
            self._return(name, at)

    def _return(self, name: str, at: float) -> None:
        habits, rng = self._habits, self._rng
        if rng.random() < habits.mark_loss:
            return
        for _ in range(2 if rng.random() < habits.mark_doubling else 1):
            leaves = at + rng.uniform(0, habits.marks_late_ms) / 1000
            self._at(leaves, lambda when: self._send(Returned(self._back.arrival(when), name)))

    def _clear(self, at: float) -> None:
        heard = self.heard_bytes(at)
        self.clears.append(Cleared(at, heard, len(self.accepted) - heard))
        del self.accepted[heard:]
        self._end = min(self._end, at)
        names, self._waiting = list(self._waiting.values()), {}
        if self._habits.returns_cleared:
            for name in names:
                self._return(name, at)

    def _caller_frame(self, at: float) -> None:
        habits = self._habits
        timestamp_ms = habits.first_timestamp_ms + FRAME_MS * self._frames
        self._frames += 1
        if not any(begin <= at < end for begin, end in habits.mute):
            self._send(Frame(self._back.arrival(at), timestamp_ms))
        behind_s = self._frames * _FRAME_S / self._speed
        self._at(self._start + self._phase + behind_s, self._caller_frame)

    def _send(self, message: Frame | Returned) -> None:
        self._count += 1
        heapq.heappush(self._inbound, (message.at, self._count, message))


@dataclass(slots=True)
class Desk:
    """The call's outbound side without sockets: ledger and pacing at one end of a carrier."""

    carrier: Carrier
    now: float
    pacing: Pacing = field(default_factory=Pacing)
    ledger: PlaybackLedger = field(default_factory=PlaybackLedger)
    messages: list[int] = field(default_factory=list)
    """Sizes of the media messages sent, bytes."""
    timer: float | None = None
    """When :meth:`pump` is due next."""

    def play(self, item: Item, audio: bytes) -> None:
        """Audio of an item arrives from the model."""
        self.ledger.receive(item, audio)
        if self.timer is None:
            self.pump()

    def finish(self, item: Item) -> None:
        """The item is complete."""
        self.ledger.finish(item)
        if self.timer is None:
            self.pump()

    def pump(self) -> None:
        """Sends what may leave now and says when to look again."""
        self.timer = None
        while available := self.ledger.sendable():
            ahead_ms = self.ledger.playout.ahead_ms(self.now)
            granted = self.pacing.grant(ahead_ms, available)
            if not granted:
                wait_s = max(_LEAST_WAIT_S, self.pacing.wait_s(ahead_ms))
                self.timer = self.now + wait_s
                return
            self._send(granted)

    def clear(self) -> Cut:
        """Cuts the agent off."""
        if self.ledger.outstanding_bytes(self.now):
            self.carrier.send_clear(self.now)
        self.timer = None
        return self.ledger.cut(self.now)

    def run(self, until: float) -> None:
        """Time passes: what arrives is handled when it arrives, the pump runs when it is due."""
        while self.timer is not None and self.timer <= until:
            self._handle(self.timer)
            self.pump()
        self._handle(until)

    def mark_returned(self, name: str) -> bool:
        """A mark came back; False when it is void, doubled or unknown."""
        generation, _, number = name.partition(":")
        if generation != f"g{self.ledger.playout.generation}":
            return False
        return self.ledger.playout.mark_returned(int(number), self.now)

    def mark_arrived(self, message: Returned) -> None:
        """The carrier returned a mark."""
        self.mark_returned(message.name)

    def _handle(self, until: float) -> None:
        for message in self.carrier.advance(until):
            self.now = message.at
            if isinstance(message, Frame):
                self.ledger.playout.frame(message.timestamp_ms, message.at)
            else:
                self.mark_arrived(message)
        self.now = until

    def _send(self, n_bytes: int) -> None:
        if self.ledger.playout.idle(self.now):
            self._send_mark()
        payload, _ = self.ledger.take(n_bytes, self.now)
        self.messages.append(len(payload))
        self.carrier.send_audio(payload, self.now)
        self._send_mark()

    def _send_mark(self) -> None:
        playout = self.ledger.playout
        number = playout.mark_sent(self.now)
        self.carrier.send_mark(f"g{playout.generation}:{number}", self.now)
