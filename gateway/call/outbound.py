"""The outbound clock of one call: the asyncio shell of ledger and pacing.

The only place that writes audio, marks and ``clear`` to the carrier. One timer at most, no task, no
queue besides the ledger's. Time drives it; marks correct the position and never gate the sending.
"""

import asyncio
import time
from collections.abc import Callable

from gateway.call.carrier import CarrierSocket
from gateway.core import mediastreams
from gateway.core.ledger import Cut, Item, PlaybackLedger
from gateway.core.pacing import Pacing
from gateway.core.stereo import Ear

FILLER = "gateway:filler"
"""The gateway's own audio that only fills a silence: whatever is to be heard replaces it."""
_LEAST_WAIT_S = 0.001
_FROM_BORDER_MS = 5
"""How exactly the heard position is known, with a margin: 1 ms without jitter (measured)."""


class Outbound:
    """Plays the agent's audio to the carrier, a lead ahead of the caller's ear."""

    def __init__(
        self,
        pacing: Pacing,
        on_started: Callable[[Item, float, float], None],
        on_over: Callable[[Item], None],
    ) -> None:
        """``on_started(item, sent_at, heard_at)`` is called when an item's first byte leaves,
        ``on_over(item)`` when it was heard to its end or cut off.
        """
        self.ledger = PlaybackLedger()
        self.tape: Ear | None = None
        """What is recorded or listened to, while it is."""
        self.cleared_at = float("-inf")
        """When the ``clear`` was written that silenced the agent last (monotonic, s)."""
        self._pacing = pacing
        self._on_started = on_started
        self._on_over = on_over
        self._loop = asyncio.get_running_loop()
        self._socket: CarrierSocket | None = None
        self._encoder: mediastreams.Outbound | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._held_back = False
        self._all_heard: asyncio.Future[None] | None = None

    def attach(self, socket: CarrierSocket, stream_sid: str) -> None:
        """The stream is open: what waits (a greeting made before) leaves at once."""
        self._encoder = mediastreams.Outbound(stream_sid)
        self._socket = socket
        self.pump()

    def detach(self) -> None:
        """Nothing can be sent any more; frees the timer and whoever waits for the end."""
        self._socket = None
        self._stop_timer()
        self._settle_waiter()

    def park(self) -> None:
        """The stream is given up, another one may be attached; nothing of the old one is kept."""
        self.detach()
        self._paused = self._held_back = False
        self.ledger.next_stream(time.monotonic())
        self._tell_over()

    def close(self, now: float) -> None:
        """The call is over: audio nobody heard is let go."""
        self.detach()
        self.ledger.cut(now)
        self._tell_over()

    # Audio

    def play(self, item: Item, audio: bytes) -> None:
        """Audio of an item arrived from the model (mu-law, any length)."""
        self.ledger.receive(item, audio)
        if self._timer is None:
            self.pump()

    def play_own(self, name: str, payload: bytes) -> Item:
        """Plays audio of the gateway's own (mu-law) after what is being said."""
        self.hush()
        item = self.ledger.item(name)
        self.play(item, payload)
        self.finish(item)
        return item

    def finish(self, item: Item) -> None:
        """The item is complete: its last part-frame may leave, padded with silence."""
        self.ledger.finish(item)
        if self._timer is None:
            self.pump()

    def pump(self) -> None:
        """Sends what may leave now and sets the timer for the rest."""
        self._stop_timer()
        if self._socket is None or self._paused:
            return
        now = time.monotonic()
        while available := self.ledger.sendable():
            ahead_ms = self.ledger.playout.ahead_ms(now)
            granted = self._pacing.grant(ahead_ms, available)
            if not granted:
                wait_s = max(_LEAST_WAIT_S, self._pacing.wait_s(ahead_ms))
                self._timer = self._loop.call_later(wait_s, self.pump)
                return
            self._send(granted, now)

    def pause(self) -> None:
        """Holds the agent back: ``clear`` is written, and what was not heard waits here.

        Telephone networks play packets of 20 ms. So that it is beyond doubt which one was heard
        last, the ``clear`` keeps away from their borders: it leaves up to 10 ms later.
        """
        self._paused = True
        self._stop_timer()
        wait_s = self.ledger.to_mid_frame_s(time.monotonic(), _FROM_BORDER_MS)
        if wait_s:
            self._timer = self._loop.call_later(wait_s, self._hold_back)
        else:
            self._hold_back()

    def _hold_back(self) -> None:
        now, cleared = time.monotonic(), self.ledger.cleared_bytes
        self._stop_timer()
        self._send_clear(now)
        self._held_back = True
        self.ledger.take_back(now)
        self._erase(self.ledger.cleared_bytes - cleared)

    def resume(self) -> None:
        """Plays on from the frame the caller heard last."""
        self._paused = self._held_back = False
        self.pump()

    def clear(self) -> Cut:
        """Cuts the agent off: ``clear`` is written first, then the books are made."""
        now = time.monotonic()
        self._send_clear(now)
        cut = self.ledger.cut(now)
        self._erase(cut.cleared_bytes)
        self._paused = self._held_back = False
        self._stop_timer()
        self._settle_waiter()
        self._tell_over()
        return cut

    def hush(self) -> None:
        """Stops what only fills a silence. It plays alone, so a ``clear`` takes nothing else."""
        if self.ledger.find(FILLER) is not None:
            self.clear()

    def holds(self, *names: str) -> bool:
        """True while audio of the gateway's own of one of these names is not heard to its end."""
        self.ledger.settle(time.monotonic())
        return any(self.ledger.find(name) is not None for name in names)

    # The carrier

    def mark_returned(self, name: str) -> bool:
        """A mark came back; False when it is void (cleared), doubled or unknown."""
        generation, _, number = name.partition(":")
        if not number.isdecimal() or generation != f"g{self.ledger.playout.generation}":
            return False
        now = time.monotonic()
        genuine = self.ledger.playout.mark_returned(int(number), now)
        if genuine:
            self.ledger.settle(now)
            self._tell_over()
            self._settle_waiter_if_heard()
        return genuine

    async def heard_to_end(self, grace_s: float) -> bool:
        """Waits until the caller heard everything there is; False when the marks did not say so.

        Bounded by the audio outstanding plus ``grace_s``: a carrier that returns no marks delays
        the end, it cannot prevent it.
        """
        if self._socket is None or not self._outstanding():
            return True
        if self._all_heard is None:
            self._all_heard = self._loop.create_future()
        outstanding_s = self.ledger.outstanding_bytes(time.monotonic()) / 8000
        try:
            async with asyncio.timeout(outstanding_s + grace_s):
                await asyncio.shield(self._all_heard)  # others may wait for it too
        except TimeoutError:
            return False
        return True

    async def played(self, item: Item, grace_s: float) -> bool:
        """Waits until such audio was heard; False when it was cut off, or no mark says it was."""
        await self.heard_to_end(grace_s)
        self.ledger.settle(time.monotonic())
        return item.fully_heard

    # Inside

    def _send(self, n_bytes: int, now: float) -> None:
        assert self._socket is not None
        assert self._encoder is not None
        playout = self.ledger.playout
        idle = playout.idle(now)
        planned_at, heard_at = playout.planned_at(now), playout.starts_at(now)
        if idle:
            self._socket.send(self._mark(now))  # into an empty buffer: measures the round trip
        payload, started = self.ledger.take(n_bytes, now)
        self._socket.send(self._encoder.media(payload))
        self._socket.send(self._mark(now))
        if self.tape is not None:
            self.tape.agent(payload, planned_at, continues=not idle)
        self._tell_over()
        for item in started:
            self._on_started(item, now, heard_at)

    def _erase(self, n_bytes: int) -> None:
        """What was sent last and is not heard is not recorded either."""
        if self.tape is not None:
            self.tape.take_back(n_bytes)

    def _tell_over(self) -> None:
        while self.ledger.over:
            item = self.ledger.over.pop(0)
            if item.received:
                self._on_over(item)

    def _send_clear(self, now: float) -> None:
        if self._socket is not None and self.ledger.outstanding_bytes(now):
            assert self._encoder is not None
            self._socket.send(self._encoder.clear())
            if not self._held_back:  # else the caller hears nothing by now
                self.cleared_at = time.monotonic()

    def _mark(self, now: float) -> bytes:
        assert self._encoder is not None
        playout = self.ledger.playout
        number = playout.mark_sent(now)
        return self._encoder.mark(f"g{playout.generation}:{number}")

    def _outstanding(self) -> bool:
        return bool(self.ledger.queued or self.ledger.playout.marks_outstanding)

    def _settle_waiter_if_heard(self) -> None:
        if not self._outstanding():
            self._settle_waiter()

    def _settle_waiter(self) -> None:
        if self._all_heard is not None:
            self._all_heard.set_result(None)
            self._all_heard = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
