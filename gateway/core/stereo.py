"""StereoTape: what caller and agent said, side by side on one clock, as the caller heard it.

Owns the assembly of the two channels: the caller's audio comes in real time and is the clock; the
agent's is put where it was heard, and what was cleared before that is taken off again. Positions
are bytes of mu-law (eight per millisecond) on the carrier's clock. Pure.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.core.g711 import BYTES_PER_MS, FRAME_BYTES, SILENCE

LONGEST_GAP_MS = 10_000
"""A greater step of the caller's positions is no gap but another beginning of the clock."""
_SILENCE = bytes([SILENCE])


class Ear(Protocol):
    """What is told of both sides as they come."""

    def caller(self, payload: bytes, position: int) -> None:
        """The caller's audio that begins at this position of the stream."""

    def agent(self, payload: bytes, begins_at: float, *, continues: bool) -> None:
        """The agent's next audio."""

    def take_back(self, n_bytes: int) -> None:
        """The last so many bytes of the agent's were cleared."""


class Ears:
    """Two and more: each is told everything. One alone is asked without this between."""

    __slots__ = ("_ears",)

    def __init__(self, ears: Sequence[Ear]) -> None:
        self._ears = tuple(ears)

    def caller(self, payload: bytes, position: int) -> None:
        """The caller's audio that begins at this position of the stream."""
        for ear in self._ears:
            ear.caller(payload, position)

    def agent(self, payload: bytes, begins_at: float, *, continues: bool) -> None:
        """The agent's next audio."""
        for ear in self._ears:
            ear.agent(payload, begins_at, continues=continues)

    def take_back(self, n_bytes: int) -> None:
        """The last so many bytes of the agent's were cleared."""
        for ear in self._ears:
            ear.take_back(n_bytes)


class _Run:
    """Agent audio that is heard without a break."""

    __slots__ = ("audio", "begins_at", "start")

    def __init__(self, begins_at: float) -> None:
        self.begins_at = begins_at
        self.start: int | None = None
        """Position of its first byte that is left; None until that has to be known."""
        self.audio = bytearray()


class StereoTape:
    """The two channels from ``origin`` on; what has been taken is not kept."""

    __slots__ = ("_base", "_heard", "_left", "_runs", "end")

    def __init__(self, origin: int, base: int = 0) -> None:
        self.end = origin
        """Up to where the channels were taken."""
        self._base = base
        self._heard: list[tuple[bytes, int]] = []
        self._left = bytearray()
        self._runs: list[_Run] = []

    @property
    def base(self) -> int:
        """Where the carrier's own clock begins; each of its streams has a clock of its own."""
        self._place()
        return self._base

    @base.setter
    def base(self, base: int) -> None:
        self._place()
        self._base = base

    @property
    def caller_end(self) -> int:
        """Up to where the caller's audio reaches."""
        self._place()
        return self.end + len(self._left)

    def caller(self, payload: bytes, position: int) -> None:
        """The caller's audio that begins at this position of the stream.

        Less than a frame off is jitter of the carrier's timestamps. What comes late, or twice, goes
        where it belongs as long as that was not taken; what is too late for that is left out.
        """
        self._heard.append((payload, position))  # a frame costs no more than this; see _place

    def pad(self, position: int) -> None:
        """The caller's audio is silence up to this position, if it does not reach it."""
        self._left += _SILENCE * (position - self.caller_end)

    def agent(self, payload: bytes, begins_at: float, *, continues: bool) -> None:
        """The agent's next audio, heard from ``begins_at`` (s), or right behind what was sent
        before when it ``continues``.
        """
        if not (continues and self._runs):
            self._runs.append(_Run(begins_at))
        self._runs[-1].audio += payload

    def take_back(self, n_bytes: int) -> None:
        """The last so many bytes of the agent's were cleared before they were heard."""
        while n_bytes and self._runs:
            audio = self._runs[-1].audio
            cut = min(n_bytes, len(audio))
            del audio[len(audio) - cut :]
            n_bytes -= cut
            if not audio:
                self._runs.pop()

    def forget(self) -> None:
        """What the agent said and was not taken is not heard any more: its stream is over."""
        self._runs.clear()

    def take(self, position_of: Callable[[float], int]) -> bytes:
        """Both channels as far as the caller's reaches, interleaved: caller, agent, caller, …

        ``position_of`` tells where in the stream a moment (s) lies. It is asked as late as
        possible: how long the way to the carrier takes is known only after audio has gone it.
        """
        until, free = self.caller_end, self.end
        right = bytearray(_SILENCE) * (until - free)
        while self._runs:
            run = self._runs[0]
            if run.start is None:
                start = max(free, self.base + position_of(run.begins_at))
                if start >= until:
                    break
                run.start = start
            run.start = max(run.start, free)
            part = run.audio[: until - run.start]
            right[run.start - self.end : run.start - self.end + len(part)] = part
            del run.audio[: len(part)]
            free = run.start = run.start + len(part)
            if run.audio or len(self._runs) == 1:
                break
            self._runs.pop(0)
        stereo = bytearray(2 * len(right))
        stereo[0::2], stereo[1::2] = self._left, right
        self.end = until
        self._left = bytearray()
        return bytes(stereo)

    def _place(self) -> None:
        """Puts what the caller said where it belongs, many frames at a time."""
        if not self._heard:
            return
        heard, self._heard = self._heard, []
        left, end = self._left, self.end
        first = heard[0][1]
        together = b"".join([payload for payload, _ in heard])
        if self._base + first - end == len(left) and len(together) == FRAME_BYTES * len(heard):
            expected = range(first, first + len(together), FRAME_BYTES)
            if [position for _, position in heard] == list(expected):
                left += together
                return
        for payload, position in heard:
            at = self._base + position - end
            missing = at - len(left)
            if abs(missing) >= FRAME_BYTES:
                if abs(missing) > LONGEST_GAP_MS * BYTES_PER_MS:
                    self._base -= missing
                elif missing < 0:
                    late = payload[max(0, -at) :]
                    left[max(0, at) : max(0, at) + len(late)] = late
                    continue
                else:
                    left += _SILENCE * missing
            left += payload
