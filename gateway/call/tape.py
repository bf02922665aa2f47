"""What a call needs of a recording on disk; how it gets there is the store's business."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of a recording."""

    audio_ms: float
    incomplete: str
    """Why a part of it is missing; empty when it is whole."""


class Tape(Protocol):
    """One recording that is being made. Nothing here waits for a disk, and nothing raises."""

    @property
    def file(self) -> str:
        """Its name inside the folder of recordings; says nothing about the call."""

    def write(self, stereo: bytes) -> None:
        """The next audio: mu-law, caller and agent in turn."""

    def close(self) -> "Future[Closed]":
        """No more comes; done when the file is whole."""

    def discard(self) -> "Future[Closed]":
        """It is not wanted; done when nothing of it is left on the disk."""


class Taping(Protocol):
    """Where recordings are made."""

    def open(self, call_sid: str, on_fault: Callable[[str], None]) -> Tape:
        """Begins one. ``on_fault`` is told why it cannot go on, once, from another thread."""
