"""When memory is searched for what only refers to itself: never while it would be heard.

Owns the policy. Python's own searches walk everything that lives, in whichever thread happens to
make one object too many, and nobody else runs meanwhile: 47 ms with a hundred calls on the line,
measured, growing with their number. What a call leaves in circles is small (about 150 objects, 30
KB), so it can wait until nobody is on the line, or until it has become much.
"""

import asyncio
import gc

from gateway.call.registry import Registry

LOOK_S = 5.0
MOST_ENDED = 2000
"""Calls that may have ended since the last search before one is made with others on the line; they
hold about 60 MB.
"""
_YOUNG = 10_000
_MIDDLE = 1
"""New objects are searched in portions: so large that what the writer makes of a round of events
is gone again before it would be searched, small enough for a few milliseconds.
"""
_NEVER = 2**31 - 1


def settle() -> None:
    """Start-up is over: what it made lives as long as the process, and is not searched again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)


async def collect(registry: Registry) -> None:
    """Searches everything when nobody is on the line; until it is cancelled."""
    searched = registry.ended
    while True:
        await asyncio.sleep(LOOK_S)
        ended = registry.ended - searched
        aged = gc.get_count()[2]  # portions that grew old since the last search: not only calls
        if ended >= MOST_ENDED or ((ended or aged) and not len(registry)):
            searched = registry.ended
            gc.collect()
