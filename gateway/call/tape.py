"""What a call knows of its recording: it hands on audio, and hears when the disk fails.

Where and how it is kept is none of its business.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Closed:
    """How a recording ended."""

    audio_ms: float
    incomplete: str
    """``disk_full``, ``disk_error`` or ``disk_slow`` when a part is missing (of a discarded one:
    when it could not be deleted); else empty.
    """


class Tape(Protocol):
    """One recording. Nothing here waits for the disk, and nothing raises."""

    file: str
    """Where, inside the folder of recordings; known before anything is written."""

    def write(self, stereo: bytes) -> None:
        """Hands on interleaved mu-law, the caller's byte first."""

    def close(self) -> "Future[Closed]":
        """Ends the recording; the result comes when it is whole on the disk."""

    def discard(self) -> "Future[Closed]":
        """Deletes the recording, ended or not; the result comes when it is gone."""


class Taping(Protocol):
    """Where recordings are begun."""

    def open(self, call_sid: str, on_fault: Callable[[str], None]) -> Tape:
        """Begins a recording.

        ``on_fault`` is called once if the disk ends it early, with the word of
        :attr:`Closed.incomplete`; from the disk's thread, or from within ``write``.
        """
