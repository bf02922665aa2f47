"""The recording of one call: whether it may be, from when on, and when it ends.

Owns the state of consent. Before it allows a recording nothing of the call goes to a disk; after it
is withdrawn nothing stays there. What is on the tape is :class:`gateway.core.stereo.StereoTape`'s
business, the disk is the store's.
"""

import asyncio
from collections.abc import Callable

import structlog

from gateway.call.context import Route
from gateway.call.dialogue import ANNOUNCEMENT
from gateway.call.tape import Closed, Tape, Taping
from gateway.call.taps import Reel, Taps
from gateway.core.events import (
    AgentSpoke,
    AgentStopped,
    CallAnswered,
    CallEvent,
    ConsentChanged,
    RecordingEnded,
    RecordingStarted,
)

ROLL_S = 0.5
"""How often what was said goes to the disk's thread."""
_BEAT_S = 0.125
"""It goes at multiples of this: calls that wake the loop together do so for the price of one."""
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
        taps: Taps,
        emit: Callable[[CallEvent], None],
    ) -> None:
        """``taping=None``: nothing is recorded whatever the route says."""
        self._call_sid = call_sid
        self._route = route
        self._taping = taping if route.recording != "off" else None
        self._taps = taps
        self._dialogue = taps.dialogue
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._answer = ""
        self._reel: Reel | None = None
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

    async def close(self) -> None:
        """The call is over."""
        if self._closing is not None:
            await asyncio.wait({self._closing})
        await self._end(keep=True)

    # Inside

    def _stream_opened(self) -> None:
        if self._reel is not None:
            return
        if self._route.recording == "consent" and not self._answer:
            self._tell("asked")
        elif not self._route.announcement:
            self._begin_if_announced()

    def _begin_if_announced(self) -> None:
        if self._route.recording == "on":
            self._begin()

    def _begin(self) -> None:
        if self._tape is not None or self._taping is None or self._fault:
            return
        self._tape = self._taping.open(self._call_sid, self._faulty)
        self._reel = self._taps.open()
        self._emit(RecordingStarted(self._tape.file, self._dialogue.since_open_ms()))
        self._roll_again()

    def _tick(self) -> None:
        self._roll_again()
        self._roll()

    def _roll_again(self) -> None:
        at = self._loop.time() + ROLL_S
        self._timer = self._loop.call_at(at - at % _BEAT_S, self._tick)

    def _roll(self) -> None:
        if self._reel is None or self._tape is None:
            return
        if stereo := self._reel.take():
            self._tape.write(stereo)

    def _faulty(self, fault: str) -> None:
        self._loop.call_soon_threadsafe(self._note_fault, fault)

    def _note_fault(self, fault: str) -> None:
        self._fault = fault
        _log.error("recording.failed", call_sid=self._call_sid, fault=fault)

    def _tell(self, state: str) -> None:
        self._answer = state
        self._emit(ConsentChanged(state, self._dialogue.since_open_ms()))  # type: ignore[arg-type]

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _end(self, *, keep: bool) -> None:
        self._stop_timer()
        if keep:
            self._roll()
        reel, self._reel = self._reel, None
        tape, self._tape = self._tape, None
        if tape is None or reel is None:
            return
        self._taps.close(reel)
        ending = asyncio.wrap_future(tape.close() if keep else tape.discard())
        done, _ = await asyncio.wait({ending}, timeout=_CLOSE_LIMIT_S)
        closed = ending.result() if done else Closed(0.0, "disk_slow")
        at_ms = self._dialogue.since_open_ms()
        from_ms = reel.from_ms if keep else None
        self._emit(RecordingEnded(closed.audio_ms, closed.incomplete, keep, at_ms, from_ms))
