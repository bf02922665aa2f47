"""How the agent leaves a caller: not before its last word has been heard.

Owns the wait for the goodbye (generated, then heard to its last frame by the terminal mark),
bounded at every step. A caller who speaks up cancels it.
"""

import asyncio
from collections.abc import Callable

import structlog

from gateway.call.dialogue import Dialogue

GRACE_S = 2.0
"""How much later than due the terminal mark may come before the call ends without it."""
GOODBYE_LIMIT_S = 10.0
"""How long a goodbye may take to be generated before the call ends without it."""

_log = structlog.get_logger()


class Departure:
    """The pending end, or transfer, of one call, if there is one."""

    def __init__(
        self,
        dialogue: Dialogue,
        on_begin: Callable[[str], None],
    ) -> None:
        self._dialogue = dialogue
        self._on_begin = on_begin
        self._task: asyncio.Task[None] | None = None

    def begin(
        self,
        reason: str,
        then: Callable[[str], None],
        *,
        said: bool,
        limit_s: float | None = None,
    ) -> bool:
        """Calls ``then(reason)`` once all is heard; ``said`` = the last answer has the last words,
        else they are waited for, up to ``limit_s`` or GOODBYE_LIMIT_S.

        False when a departure is under way already: that one stands.
        """
        if self._task is not None and not self._task.done():
            return False
        self._task = asyncio.get_running_loop().create_task(
            self._leave(reason, then, said, limit_s or GOODBYE_LIMIT_S)
        )
        return True

    def cancel(self) -> bool:
        """Stays on the line; True when a departure was pending."""
        task, self._task = self._task, None
        return task is not None and task.cancel()

    async def _leave(
        self, reason: str, then: Callable[[str], None], said: bool, limit_s: float
    ) -> None:
        self._on_begin(reason)
        try:
            async with asyncio.timeout(limit_s):
                # The answer that called for the end may itself still be running: what counts is
                # that the newest one had words.
                while self._dialogue.connected and (
                    self._dialogue.answers.active or not (said or self._dialogue.answers.spoke_last)
                ):
                    await self._response_done()
        except TimeoutError:
            _log.warning("call.goodbye_missing", reason=reason)
        await self._dialogue.outbound.heard_to_end(GRACE_S)
        then(reason)

    async def _response_done(self) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def settle() -> None:
            if not done.done():
                done.set_result(None)

        self._dialogue.answers.when_done(settle)
        await done
