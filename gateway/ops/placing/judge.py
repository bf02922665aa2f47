"""Whether a number may be rung that is in no directory: by the rules of the calls we place.

Nothing is let in and nobody is rung here. An operator's phone is rung beside a call, so it takes no
place among those at once and counts for no cap; but a cap that is reached forbids it.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from gateway.core.callee import Callee, Refusal, parse
from gateway.core.policy import Rules
from gateway.ops.placing.book import LIMIT_S
from gateway.store.dials import Dials


class Judge:
    """The outbound policy, asked for one number."""

    def __init__(self, dials: Dials, rules: Rules, now: Callable[[], datetime]) -> None:
        self._dials = dials
        self._rules = rules
        self._now = now

    async def callee(self, number: str) -> Callee | Refusal:
        """Whom it rings, or the rule that forbids it now. Raises one of DATABASE_FAULTS."""
        callee = parse(number)
        if isinstance(callee, Refusal):
            return callee
        async with asyncio.timeout(LIMIT_S):
            refusal = await self._dials.judge(callee, self._rules, self._now())
        return refusal or callee
