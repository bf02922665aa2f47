"""The recording of one call: whether it may be, from when on, and when it ends.

Owns the state of consent. Before it allows a recording nothing of the call goes to a disk; after it
is withdrawn nothing stays there. What is on the tape is :class:`gateway.core.stereo.StereoTape`'s
business, the disk is the store's.
"""

import asyncio
import time
from collections.abc import Callable

import structlog

from gateway.call.context import Route
from gateway.call.dialogue import ANNOUNCEMENT, Dialogue
from gateway.call.inbound import Microphone
from gateway.call.tape import Closed, Tape, Taping
from gateway.core.events import (
    AgentSpoke,
    AgentStopped,
    CallAnswered,
    CallEvent,
    ConsentChanged,
    RecordingEnded,
    RecordingStarted,
)
from gateway.core.g711 import BYTES_PER_MS, FRAME_BYTES, SAMPLE_RATE
from gateway.core.stereo import StereoTape

ROLL_S = 0.5
"""How often what was said goes to the disk's thread."""
_SILENT_S = 1.0
"""A caller whose frames stay away is silent; so far behind the clock that is written."""
_CLOSE_LIMIT_S = 5.0
"""How long the end of the call waits for the disk."""

_log = structlog.get_logger()


class Recorder:
    """One call's recording, if there is to be one."""

    def __init__(
        self,
        call_sid: str,
        route: Route,
        taping: Taping | None,
        dialogue: Dialogue,
        microphone: Microphone,
        emit: Callable[[CallEvent], None],
    ) -> None:
        """``taping=None``: nothing is recorded whatever the route says."""
        self._call_sid = call_sid
        self._route = route
        self._taping = taping if route.recording != "off" else None
        self._dialogue = dialogue
        self._microphone = microphone
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._answer = ""
        self._stream_at = 0
        """Where the newest stream begins, on the clock of the call (bytes)."""
        self._stream_since = time.monotonic()
        self._stereo: StereoTape | None = None
        self._origin = 0
        """Where the tape begins, on the clock of the stream it began in (bytes)."""
        self._from_ms: float | None = None
        self._tape: Tape | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None
        self._fault = ""

    # What happens

    def offered(self) -> None:
        """Before anything else is said, the caller hears that the call is recorded."""
        if self._taping is not None and self._route.announcement:
            self._dialogue.outbound.play_own(ANNOUNCEMENT, self._route.announcement)
            if self._route.announcement_text:
                self._emit(AgentSpoke(ANNOUNCEMENT, self._route.announcement_text))

    def hear(self, event: CallEvent) -> None:
        """One event of the call, in the callback that told it."""
        if self._taping is None:
            return
        if isinstance(event, CallAnswered):
            self._stream_opened()
        elif isinstance(event, AgentStopped) and event.item_id == ANNOUNCEMENT and not event.cut:
            self._begin_if_announced()

    def consent(self, *, granted: bool) -> bool:
        """The caller agrees, or does not (any more). False when nobody asked."""
        if self._taping is None or self._route.recording != "consent":
            return False
        withdrawn = self._answer == "granted" and not granted
        self._tell("granted" if granted else "withdrawn" if withdrawn else "declined")
        if granted:
            self._begin()
        elif self._tape is not None:
            self._closing = self._loop.create_task(self._end(keep=False))
        return True

    def parted(self) -> None:
        """The stream is given up, another one may come: until then both sides are silent."""
        self._roll()
        self._stop_timer()
        self._stereo_off()
        if self._stereo is not None:
            self._stereo.forget()

    async def close(self) -> None:
        """The call is over."""
        if self._closing is not None:
            await asyncio.wait({self._closing})
        await self._end(keep=True)

    # Inside

    def _stream_opened(self) -> None:
        self._stream_since = time.monotonic()
        self._stream_at = round(self._dialogue.since_open_ms() * BYTES_PER_MS)
        if self._stereo is not None:
            self._stereo.pad(self._stream_at)
            self._stereo.base = self._stream_at
            self._roll_on()
        elif self._route.recording == "consent" and not self._answer:
            self._tell("asked")
        elif not self._route.announcement:
            self._begin_if_announced()

    def _begin_if_announced(self) -> None:
        if self._route.recording == "on":
            self._begin()

    def _begin(self) -> None:
        if self._tape is not None or self._taping is None or self._fault:
            return
        last_s = self._dialogue.outbound.ledger.playout.carrier_clock.last_timestamp_s
        self._origin = 0 if last_s is None else round(last_s * SAMPLE_RATE) + FRAME_BYTES
        self._tape = self._taping.open(self._call_sid, self._faulty)
        self._stereo = StereoTape(self._stream_at + self._origin, self._stream_at)
        playout = self._dialogue.outbound.ledger.playout
        unheard = self._dialogue.outbound.ledger.unheard(time.monotonic())
        begins_at = playout.planned_at(0.0) - len(unheard) / SAMPLE_RATE
        self._stereo.agent(unheard, begins_at, continues=False)
        self._emit(RecordingStarted(self._tape.file, self._dialogue.since_open_ms()))
        self._roll_on()

    def _roll_on(self) -> None:
        self._dialogue.outbound.tape = self._microphone.tape = self._stereo
        self._timer = self._loop.call_later(ROLL_S, self._tick)

    def _tick(self) -> None:
        self._timer = self._loop.call_later(ROLL_S, self._tick)
        self._roll()

    def _roll(self) -> None:
        if self._stereo is None or self._tape is None:
            return
        self._stereo.pad(self._stereo.base + self._quiet_until())
        if self._from_ms is None:
            self._from_ms = self._first_heard_ms()
        stereo = self._stereo.take(self._heard_at)
        if stereo:
            self._tape.write(stereo)

    def _first_heard_ms(self) -> float | None:
        """When the tape's first byte was heard: the carrier begins its clock some time before or
        after we learn of its stream, and only its frames tell how much.
        """
        playout = self._dialogue.outbound.ledger.playout
        timestamp_s = playout.carrier_clock.timestamp_s(time.monotonic())
        if timestamp_s is None:
            return None
        age_ms = (timestamp_s + playout.rtt_s / 2) * 1000 - self._origin / BYTES_PER_MS
        return self._dialogue.since_open_ms() - age_ms

    def _quiet_until(self) -> int:
        """Where in the stream nothing comes any more of the caller's: frames that are not here by
        now were never sent, or are lost.
        """
        now = time.monotonic() - _SILENT_S
        timestamp_s = self._dialogue.outbound.ledger.playout.carrier_clock.timestamp_s(now)
        if timestamp_s is None:  # not a frame yet: time is the only clock
            timestamp_s = now - self._stream_since
        return round(timestamp_s * SAMPLE_RATE)

    def _heard_at(self, planned: float) -> int:
        """Where in the stream audio belongs that is heard from a moment on by plan: later by what
        delays the carrier's playout, by the way there, and by the way back of the caller's frames.
        """
        playout = self._dialogue.outbound.ledger.playout
        timestamp_s = playout.carrier_clock.timestamp_s(planned + playout.lateness_s) or 0.0
        return round((timestamp_s + playout.rtt_s) * SAMPLE_RATE)

    def _faulty(self, fault: str) -> None:
        self._loop.call_soon_threadsafe(self._note_fault, fault)

    def _note_fault(self, fault: str) -> None:
        self._fault = fault
        _log.error("recording.failed", call_sid=self._call_sid, fault=fault)

    def _tell(self, state: str) -> None:
        self._answer = state
        self._emit(ConsentChanged(state, self._dialogue.since_open_ms()))  # type: ignore[arg-type]

    def _stereo_off(self) -> None:
        self._dialogue.outbound.tape = None
        self._microphone.tape = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _end(self, *, keep: bool) -> None:
        self._stop_timer()
        self._stereo_off()
        if keep:
            self._roll()
        tape, self._tape, self._stereo = self._tape, None, None
        if tape is None:
            return
        ending = asyncio.wrap_future(tape.close() if keep else tape.discard())
        done, _ = await asyncio.wait({ending}, timeout=_CLOSE_LIMIT_S)
        closed = ending.result() if done else Closed(0.0, "disk_slow")
        at_ms = self._dialogue.since_open_ms()
        from_ms = self._from_ms if keep else None
        self._emit(RecordingEnded(closed.audio_ms, closed.incomplete, keep, at_ms, from_ms))
