"""A finished recording as a WAV file that is read piece by piece, from any place in it.

Reads from the disk, and decrypts, only what is asked for: of an encrypted file it first learns
where its chunks lie. Blocks; for threads.
"""

import os
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from gateway.errors import GatewayError
from gateway.store.recordings.tapefile import HEADER_BYTES, header_audio_bytes, wav_header
from gateway.store.recordings.vault import MAGIC, Sealed, Vault, recognise

PIECE_BYTES: Final = 64 * 1024
"""Read at most at a time: 4 seconds of sound."""


class Playback:
    """One recording, open for reading: stereo mu-law behind the head of a WAV file."""

    def __init__(self, path: Path, vault: Vault | None) -> None:
        """Raises GatewayError when it is missing, damaged, none of ours, or lacks its key."""
        self.name = path.name
        try:
            self._file: BinaryIO = path.open("rb")
        except FileNotFoundError:
            raise GatewayError(f"{path.name}: there is no such recording") from None
        except OSError as error:
            raise GatewayError(f"{path.name}: {error.strerror}") from None
        try:
            self._sealed, self._ends, self._places = self._laid_out(vault)
        except (OSError, GatewayError) as error:
            self._file.close()
            if isinstance(error, GatewayError):
                raise
            raise GatewayError(f"{path.name}: {error.strerror}") from None
        self.audio_bytes = self._ends[-1] if self._ends else 0
        """Of sound, 16 bytes a millisecond."""
        self.size = HEADER_BYTES + self.audio_bytes
        """Of the WAV file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is read any more."""
        self._file.close()

    def read(self, start: int, most: int = PIECE_BYTES) -> bytes:
        """Bytes of the WAV file from a place on, so many at most; none behind its end.

        Raises GatewayError for damage.
        """
        if start < HEADER_BYTES:
            return wav_header(self.audio_bytes)[start : start + most]
        return self.audio(start - HEADER_BYTES, most)

    def audio(self, start: int, most: int = PIECE_BYTES) -> bytes:
        """The same of the sound alone: interleaved mu-law, caller first."""
        number = bisect_right(self._ends, start)
        if number == len(self._ends):
            return b""
        begin = self._ends[number - 1] if number else 0
        try:
            if self._sealed is None:
                return self._bytes(
                    self._places[number] + start, min(most, self.audio_bytes - start)
                )
            audio = self._chunk(self._sealed, number)
        except OSError as error:
            raise GatewayError(f"{self.name}: {error.strerror}") from None
        return audio[start - begin : start - begin + most]

    def _laid_out(self, vault: Vault | None) -> tuple[Sealed | None, list[int], list[int]]:
        """How it is encrypted; where its chunks end in the sound, and begin in the file."""
        head = self._file.read(HEADER_BYTES)
        if not head.startswith(MAGIC):
            size = os.fstat(self._file.fileno()).st_size - HEADER_BYTES
            promised = header_audio_bytes(head)
            if promised is None:
                raise GatewayError(f"{self.name}: is no recording of this gateway")
            if promised != size:
                raise GatewayError(f"{self.name}: is damaged: {size} of {promised} bytes of audio")
            return None, [size] if size else [], [HEADER_BYTES]
        self._file.seek(0)
        sealed = recognise(self._file, self.name, vault)
        places = sealed.places(self._file, self.name)
        return sealed, list(accumulate(length for _, length in places)), [at for at, _ in places]

    def _chunk(self, sealed: Sealed, number: int) -> bytes:
        begin = self._ends[number - 1] if number else 0
        length = sealed.sealed_length(self._ends[number] - begin)
        audio = sealed.opened(number, self._bytes(self._places[number], length))
        if audio is None:
            raise GatewayError(f"{self.name}: is damaged in part {number} of {len(self._ends)}")
        return audio

    def _bytes(self, at: int, length: int) -> bytes:
        return os.pread(self._file.fileno(), length, at)
