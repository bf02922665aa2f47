"""What a campaign has come to, from the calls that were let in for it: there is no other record.

Owns what is told of calls that this process knows nothing of any more: the records do.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from gateway.core.dialwords import WELL
from gateway.core.rowkeys import prefix_of
from gateway.ops.placing.book import LIMIT_S
from gateway.ops.placing.views import View
from gateway.store.dials import Dial, Dials, Tried

PAGE = 500
"""Calls that are told at a time."""


class Campaigns:
    """The calls of every campaign."""

    def __init__(self, dials: Dials, view_of: Callable[[Dial], View]) -> None:
        self._dials = dials
        self._view_of = view_of

    async def page(self, name: str, after: str) -> dict[str, Any]:
        """Calls of a campaign, oldest first, each with its key, from behind an ID on.

        ``after`` in the answer is where the next page begins; None: there is none. Raises one of
        DATABASE_FAULTS.
        """
        prefix = prefix_of(name)
        async with asyncio.timeout(LIMIT_S):
            found = await self._dials.tried(prefix, after, PAGE)
        # LIKE is deaf to case in SQLite.
        calls = [each for each in found if (each.dial.key or "").startswith(prefix)]
        more = found[-1].dial.id if len(found) == PAGE else None
        return {"calls": [self._view(each) for each in calls], "after": more}

    def _view(self, tried: Tried) -> View:
        view = self._view_of(tried.dial) | {"key": tried.dial.key}
        if view["duration_ms"] is not None:
            return view
        return view | {
            "call_reason": tried.call_reason,
            "duration_ms": tried.duration_ms,
            "cost_usd": tried.cost_usd,
            "well": _well(view, tried),
        }


def _well(view: View, tried: Tried) -> bool | None:
    if view["outcome"] not in WELL:
        return view["well"]  # type: ignore[no-any-return]
    return tried.call_outcome in (None, "completed", "transferred")
