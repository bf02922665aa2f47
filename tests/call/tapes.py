"""Recordings in memory, for tests: what went to the disk, and a disk that fails."""

from collections.abc import Callable
from concurrent.futures import Future

from gateway.call.tape import Closed
from gateway.core.g711 import BYTES_PER_MS


class MemoryTape:
    """One recording."""

    def __init__(self, file: str, on_fault: Callable[[str], None]) -> None:
        self.file = file
        self.fail = on_fault
        self.stereo = bytearray()
        self.state = "open"
        self.fault = ""

    def write(self, stereo: bytes) -> None:
        assert self.state == "open"
        self.stereo += stereo

    def close(self) -> "Future[Closed]":
        return self._ended("closed")

    def discard(self) -> "Future[Closed]":
        self.stereo.clear()
        return self._ended("discarded")

    @property
    def caller(self) -> bytes:
        """The left channel."""
        return bytes(self.stereo[0::2])

    @property
    def agent(self) -> bytes:
        """The right channel."""
        return bytes(self.stereo[1::2])

    def _ended(self, state: str) -> "Future[Closed]":
        self.state = state
        future: Future[Closed] = Future()
        future.set_result(Closed(len(self.caller) / BYTES_PER_MS, self.fault))
        return future


class MemoryDisk:
    """Where they are made."""

    def __init__(self) -> None:
        self.tapes: list[MemoryTape] = []

    def open(self, call_sid: str, on_fault: Callable[[str], None]) -> MemoryTape:
        self.tapes.append(MemoryTape(f"{len(self.tapes)}.part", on_fault))
        return self.tapes[-1]
