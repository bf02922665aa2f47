"""Owns one call as the carrier sees it: who, in which state, what was said and heard, how it ended.

`TwinCall` is what tests and users hold. How a call proceeds is in `lifecycle.py` and the verbs; how
audio moves is in `stream.py`. Times are on the monotonic clock, stamps for people are UTC.
"""

import asyncio
import secrets
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.sim.twilio.caller import AgentEar, Caller
from gateway.sim.twilio.clock import PERIOD_S, FrameClock
from gateway.sim.twilio.debugger import Debugger
from gateway.sim.twilio.flow import Callbacks, Ending
from gateway.sim.twilio.interrupts import Bridge, Interrupts
from gateway.sim.twilio.mixing import Mixer, Seat
from gateway.sim.twilio.network import Network
from gateway.sim.twilio.options import TwilioOptions
from gateway.sim.twilio.playout import ClearTruth, MarkTruth
from gateway.sim.twilio.steps import Drop, Dtmf, HangUp, Step
from gateway.sim.twilio.stream import TwinStream
from gateway.sim.twilio.timeline import Timeline, TimelineEntry
from gateway.sim.twilio.tracks import joined, write_stereo


@dataclass(frozen=True, slots=True)
class CallIdentity:
    """What never changes about a call."""

    to: str
    from_: str
    direction: str
    ordinal: int
    """Counts the calls of a twin; part of the seed of the call's network."""
    parent_sid: str = ""


def new_sid(prefix: str) -> str:
    """An id as Twilio makes them: two letters and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


class TwinCall:
    """A call. Read its truth at any time; `hang_up`, `drop`, `press` and `say` are the caller's
    hands."""

    def __init__(
        self,
        identity: CallIdentity,
        *,
        script: Sequence[Step],
        network: Network,
        options: TwilioOptions,
        debugger: Debugger,
        clock: FrameClock,
    ) -> None:
        self.sid = new_sid("CA")
        self.identity = identity
        self.status = "queued"
        self.interrupts = Interrupts()
        self.answered_by = ""
        self.queue_ms = 0
        self.callbacks = Callbacks()
        self.callback_number = 0
        self.fallback: tuple[str, str] | None = None
        self.streams: list[TwinStream] = []
        self.stream: TwinStream | None = None
        self.seat: Seat | None = None
        """Among the calls it is connected to."""
        self.digits: asyncio.Queue[str] | None = None
        """Keys pressed, while a `<Gather>` collects them."""
        self.prompting = False
        """Whether a `<Say>` or `<Play>` is heard."""
        self.script_runs = False
        self.created_at = datetime.now(UTC)
        self.answered_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.created_s = time.monotonic()
        self.answered_s: float | None = None
        self.time_limit_s = options.time_limit_s
        self.time_limit: asyncio.TimerHandle | None = None
        self.bridge = Bridge()
        self._ended = asyncio.Event()
        self.options = options
        self.network = network
        self._debugger = debugger
        self._clock = clock
        self._caller = Caller(script)
        self._ear = AgentEar()
        self._timeline = Timeline()
        self._next_tick_s = 0.0
        self._background: set[asyncio.Task[None]] = set()
        self._parts: list[TwinStream | Seat] = []

    # The truth

    @property
    def end_reason(self) -> str:
        """Why it ended; empty while it lasts."""
        return self.ending.reason if self.ending and self._ended.is_set() else ""

    @property
    def timeline(self) -> list[TimelineEntry]:
        """What happened, in order."""
        clears = [
            (clear.at_s, "clear", f"heard {clear.heard_bytes_total} cleared {clear.cleared_bytes}")
            for clear in self.clears
        ]
        zero_s = self.answered_s if self.answered_s is not None else self.created_s
        return self._timeline.entries(zero_s, clears)

    @property
    def heard(self) -> bytes:
        """What was heard: mu-law with all silence, from the first stream or meeting on."""
        return joined([(part.start_s, part.heard) for part in self._parts])

    @property
    def said(self) -> bytes:
        """The caller's track on the same clock, lost frames included."""
        return joined([(part.start_s, part.said) for part in self._parts])

    @property
    def clears(self) -> list[ClearTruth]:
        """Every `clear` that arrived; byte counts begin anew with each stream."""
        return [clear for stream in self.streams for clear in stream.playout.clears]

    @property
    def marks(self) -> list[MarkTruth]:
        """Every mark that arrived."""
        return [mark for stream in self.streams for mark in stream.playout.marks]

    @property
    def duration_s(self) -> int:
        """Seconds from answer to end (or now), as Twilio counts them: begun ones count."""
        if self.answered_at is None:
            return 0
        end = self.ended_at or datetime.now(UTC)
        return max(1, -int(-(end - self.answered_at).total_seconds() // 1))

    def write_wav(self, path: str | Path) -> None:
        """Writes both tracks as stereo PCM16 at 8 kHz: caller left, agent as heard right."""
        write_stereo(Path(path), self.said, self.heard)

    async def wait(self, timeout_s: float) -> None:
        """As `until_over`; `TimeoutError` when that takes longer."""
        async with asyncio.timeout(timeout_s):
            await self._ended.wait()

    async def until(self, kind: str, timeout_s: float) -> None:
        """Returns when the timeline has an entry of this kind; `TimeoutError` otherwise."""
        async with asyncio.timeout(timeout_s):
            await self._timeline.until(kind)

    async def until_over(self) -> None:
        """Returns when the call is over and everything about it is done."""
        await self._ended.wait()

    # The caller's hands

    def hang_up(self) -> None:
        """The caller puts the receiver down."""
        status = "completed" if self.answered_s is not None else "no-answer"
        self.end(Ending("caller-hangup", status))

    def drop(self) -> None:
        """The carrier vanishes: the stream's TCP connection is reset without a `stop`."""
        if self.stream is not None:
            self.stream.abort()
        self.end(Ending("dropped"))

    def press(self, digits: str) -> None:
        """The caller presses keys, at once."""
        for digit in digits:
            self.note("dtmf", digit)
            if self.stream is not None:
                self.stream.dtmf(digit)
            elif self.digits is not None:
                self.digits.put_nowait(digit)

    def say(self, payload: bytes) -> None:
        """The caller says this next (mu-law); the script waits meanwhile."""
        self._caller.say(payload)

    # The exchange's side

    def note(self, kind: str, detail: str = "", at_s: float | None = None) -> None:
        """Adds to the timeline."""
        self._timeline.note(time.monotonic() if at_s is None else at_s, kind, detail)

    def answer(self) -> None:
        """The line is open: time and the 20 ms clock begin."""
        self.answered_at = datetime.now(UTC)
        self.answered_s = time.monotonic()
        self._next_tick_s = self._clock.join(self)
        self.note("answered", at_s=self.answered_s)

    @property
    def ending(self) -> Ending | None:
        """How the call ends, as soon as that is decided."""
        return self.interrupts.ending

    def end(self, ending: Ending) -> None:
        """Ends the call from outside of its TwiML; the first reason counts."""
        self.interrupts.end(ending)

    def begin_stream(self, stream: TwinStream) -> None:
        """The stream is connected: audio flows from the next tick on."""
        stream.begin(self._next_tick_s)
        self.streams.append(stream)
        self._parts.append(stream)
        self.stream = stream
        self.script_runs = True
        self.note("stream-started", stream.sid, min(time.monotonic(), self._next_tick_s))

    def meet(self, mixer: Mixer) -> None:
        """Hears others from now on, and is heard by them, until it parts."""
        self.seat = mixer.seat(self._next_tick_s, keep_audio=self.options.keep_audio)
        self._parts.append(self.seat)
        self.script_runs = True

    def part(self) -> None:
        """Leaves them."""
        if self.seat is not None:
            self.seat.leave()
            self.seat = None

    def report(self, code: int, detail: str) -> None:
        """Puts something into the debugger and on the timeline."""
        self._debugger.log(code, self.sid, detail)
        self.note("refused", f"{code} {detail}")

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Does something beside the call that must be over before the call is."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def settled(self) -> None:
        """Returns when everything that was spawned is over."""
        while self._background:
            await asyncio.wait(self._background)

    def leave_clock(self) -> None:
        """No more ticks."""
        self._clock.leave(self)

    def over(self) -> None:
        """Releases whoever waits for the end."""
        self._ended.set()

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._ended.is_set()

    def tick(self, due_s: float) -> None:
        """One 20 ms period: listen, then act and speak."""
        self._next_tick_s = due_s + PERIOD_S
        self._listen(due_s)
        if not self.script_runs or self.ending is not None:
            return
        behaviour = self._caller.tick(self._ear)
        for kind, detail in behaviour.notes:
            self.note(kind, detail, due_s)
        if (line := self.stream or self.seat) is not None:
            if behaviour.muted:
                line.skip()
            else:
                line.frame(behaviour.payload)
        for action in behaviour.actions:
            self._act(action)

    def _listen(self, due_s: float) -> None:
        spoke, late_s = self._ear.utterance_ms, time.monotonic() - due_s
        if (line := self.stream or self.seat) is not None:
            self._ear.hear(line.listen(), late_s)
        else:
            self._ear.perceive(self.prompting, late_s)
        if self._ear.utterance_ms and not spoke:
            self.note("agent-speaks", at_s=due_s)
        elif spoke and not self._ear.utterance_ms:
            self.note("agent-quiet", at_s=due_s - self._ear.silent_ms / 1000)

    def _act(self, action: Dtmf | HangUp | Drop) -> None:
        match action:
            case Dtmf(digits):
                self.press(digits)
            case HangUp():
                self.hang_up()
            case Drop():
                self.drop()
