"""The carrier's limit on calls per second, kept on our side: its queue has no age limit, ours has.

Twilio starts one outbound call per second and account unless told otherwise; what comes faster
waits in its queue, up to a day: https://www.twilio.com/docs/voice/api/call-resource.
"""

import asyncio
import time


class Turns:
    """Turns that come so many a second, the first at once."""

    def __init__(self, per_second: float) -> None:
        self._every_s = 1 / per_second
        self._next_at = 0.0

    async def next(self) -> None:
        """Returns when it is the turn of whoever asks; those who ask later come later."""
        now = time.monotonic()
        at = max(now, self._next_at)
        self._next_at = at + self._every_s
        await asyncio.sleep(at - now)
