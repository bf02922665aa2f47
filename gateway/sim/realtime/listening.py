"""Owns what the server has of the caller: the input buffer, its clock, and the detector. Pure.

`audio_start_ms` and `audio_end_ms` count audio appended since the session began: a client that
stalls stalls the clock, and neither a commit nor a clear resets it.
"""

from collections.abc import Iterator
from typing import Final

from gateway.sim.realtime import errors
from gateway.sim.realtime.formats import PCM, AudioFormat
from gateway.sim.realtime.vad import Vad, VadEvent, VadSettings, level_dbfs

_SHORTEST_COMMIT_MS: Final = 100
_KEPT_QUIET_MS: Final = 60_000
"""While a detector waits for speech, older audio is forgotten: it could only become prefix."""


class Listener:
    """The input audio buffer of one session."""

    def __init__(self) -> None:
        self.form: AudioFormat = PCM
        self.announced: str | None = None
        """Item id of the speech that was announced and is not committed yet."""
        self._vad: Vad | None = None
        self._buffer = bytearray()
        self._clock_ms = 0
        self._clock_bytes = 0
        self._frame = bytearray()
        self._skip = 0

    @property
    def clock_ms(self) -> int:
        """Audio appended since the session began."""
        return self._clock_ms + int(self.form.ms_of(self._clock_bytes))

    @property
    def buffered_ms(self) -> float:
        return self.form.ms_of(len(self._buffer))

    def set_format(self, form: AudioFormat) -> None:
        """From here on audio comes in `form`; what is buffered in another format is dropped."""
        if form is not self.form:
            self._clock_ms, self._clock_bytes = self.clock_ms, 0
            self._buffer.clear()
            self.form = form
            self._align()

    def set_vad(self, settings: VadSettings | None) -> None:
        """Detect with these settings, or not at all; speech under way stays announced."""
        if settings is None:
            self._vad = None
        elif self._vad is None:
            self._vad = Vad(settings)
            self._vad.speaking = self.announced is not None
            self._align()
        elif settings != self._vad.settings:
            regrid = settings.frame_ms != self._vad.settings.frame_ms
            self._vad.settings = settings
            if regrid:
                self._align()

    def append(self, data: bytes) -> Iterator[VadEvent]:
        """Takes audio; yields what the detector hears, to be dealt with one by one."""
        self._buffer += data
        self._clock_bytes += len(data)
        if self._vad is not None:
            self._frame += data
            yield from self._heard()

    def _heard(self) -> Iterator[VadEvent]:
        if self._skip:
            skipped = min(self._skip, len(self._frame))
            del self._frame[:skipped]
            self._skip -= skipped
        while (vad := self._vad) is not None:
            size = self.form.bytes_of(vad.settings.frame_ms)
            if len(self._frame) < size:
                return
            level = level_dbfs(self.form.linear(bytes(self._frame[:size])))
            del self._frame[:size]
            end_ms = self.clock_ms - int(self.form.ms_of(len(self._frame)))
            event = vad.feed(level, end_ms)
            if event is not None:
                yield event
            elif not vad.speaking:
                self._forget()

    def take(self, start_ms: int, end_ms: int) -> bytes:
        """Audio between two times, as far as it is still there; what came before is dropped."""
        first = self.clock_ms - self.buffered_ms
        start = self.form.bytes_of(max(0.0, start_ms - first))
        end = self.form.bytes_of(max(0.0, end_ms - first))
        taken = bytes(self._buffer[start:end])
        del self._buffer[:end]
        return taken

    def take_all(self) -> bytes:
        """A client's commit: everything, at least 100 ms of it; speech under way is cut here."""
        if self.buffered_ms < _SHORTEST_COMMIT_MS:
            raise errors.commit_empty(self.buffered_ms)
        taken = bytes(self._buffer)
        self._buffer.clear()
        if self._vad is not None:
            self._vad.rest()
        return taken

    def clear(self) -> None:
        self._buffer.clear()

    def _align(self) -> None:
        """Frames lie on a grid that began with the session."""
        self._frame.clear()
        frame_ms = self._vad.settings.frame_ms if self._vad else 1
        self._skip = self.form.bytes_of(-self.clock_ms % frame_ms)

    def _forget(self) -> None:
        excess = len(self._buffer) - self.form.bytes_of(_KEPT_QUIET_MS)
        if excess > self.form.bytes_of(1000):
            del self._buffer[:excess]
