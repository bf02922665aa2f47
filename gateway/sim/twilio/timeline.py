"""Owns what happened on a line and when, and waiting for it. Times come in."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened on the line."""

    at_ms: float
    """Since the call was answered; before that it is negative (or since its beginning, if it never
    was)."""
    kind: str
    detail: str = ""


Note = tuple[float, str, str]


class Timeline:
    """Collects notes: time in seconds, kind, detail."""

    def __init__(self) -> None:
        self._notes: list[Note] = []
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    def note(self, at_s: float, kind: str, detail: str = "") -> None:
        """Adds one; they may come out of order."""
        self._notes.append((at_s, kind, detail))
        for wanted, future in self._waiting:
            if wanted == kind and not future.done():
                future.set_result(None)

    async def until(self, kind: str) -> None:
        """Returns when there is a note of this kind, at once if there is one already."""
        if any(note[1] == kind for note in self._notes):
            return
        waiting = (kind, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            await waiting[1]
        finally:
            self._waiting.remove(waiting)

    def entries(self, zero_s: float, more: Iterable[Note] = ()) -> list[TimelineEntry]:
        """All of them and `more`, in order of time, relative to `zero_s`."""
        notes = sorted((*self._notes, *more), key=lambda note: note[0])
        return [TimelineEntry((at_s - zero_s) * 1000, kind, text) for at_s, kind, text in notes]
