"""Owns the trace of one session: rows in the JSONL format of the golden sequences."""

import asyncio
import time
from typing import Any, Literal

Row = dict[str, Any]


class Recorder:
    """Keeps rows `{"t_ms", "dir", "event"}`, up to a limit; `dir` is S(erver) or C(lient)."""

    def __init__(self, *, keep: bool, limit: int) -> None:
        self.rows: list[Row] = []
        self._limit = limit if keep else 0
        self._began_s = time.monotonic()
        self._added = asyncio.Event()

    def add(self, side: Literal["S", "C"], **content: Any) -> None:
        """One row; `content` is event, close, text or binary_len."""
        if len(self.rows) < self._limit:
            t_ms = int((time.monotonic() - self._began_s) * 1000)
            self.rows.append({"t_ms": t_ms, "dir": side, **content})
            self._added.set()

    async def nth(self, kind: str, n: int, timeout_s: float) -> dict[str, Any]:
        """The n-th event (from 1) of type `kind` from either side, as soon as there is one."""
        async with asyncio.timeout(timeout_s):
            while True:
                found = [e for e in self._events() if e.get("type") == kind]
                if len(found) >= n:
                    return found[n - 1]
                self._added.clear()
                await self._added.wait()

    def _events(self) -> list[dict[str, Any]]:
        events = (row.get("event") for row in self.rows)
        return [event for event in events if isinstance(event, dict)]
