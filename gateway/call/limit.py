"""The longest a call may last: the agent says so in time, and the goodbye cuts no word.

Owns the two moments of a route's ``max_minutes`` and ``warn_minutes``, counted from the first
stream; where the caller is then is asked.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from gateway.call.context import Route
from gateway.call.dialogue import Dialogue
from gateway.core import commands

GRACE_S = 5.0
"""How long what is being said at the limit may go on."""
_LOOK_S = 0.5


class TimeLimit:
    """The end of one call that is known from its beginning."""

    def __init__(
        self,
        route: Route,
        dialogue: Dialogue,
        undisturbed: Callable[[], bool],
        on_over: Callable[[], None],
    ) -> None:
        """``undisturbed`` = caller and agent are on the line and nobody is leaving."""
        self._route = route
        self._dialogue = dialogue
        self._undisturbed = undisturbed
        self._on_over = on_over
        self._timers: list[asyncio.TimerHandle] = []
        self._goodbye: asyncio.Task[None] | None = None

    def attended(self) -> None:
        """The caller is on the line: for the first time, again, or now with a model too."""
        most, warn = self._route.max_minutes, self._route.warn_minutes
        if most is not None and not self._timers:
            loop = asyncio.get_running_loop()
            self._timers.append(loop.call_later(most * 60, self._over))
            if warn is not None:
                self._timers.append(loop.call_later((most - warn) * 60, self._warn))

    def stop(self) -> None:
        """The call is over."""
        for timer in self._timers:
            timer.cancel()
        if self._goodbye is not None:
            self._goodbye.cancel()

    def _warn(self) -> None:
        if self._goodbye is not None:
            return
        if not self._undisturbed():  # on hold, elsewhere, or leaving: as soon as they are back
            self._timers[1:] = [asyncio.get_running_loop().call_later(_LOOK_S, self._warn)]
            return
        assert self._route.warn_minutes is not None
        text = (
            f"This call has to end in {_span(self._route.warn_minutes * 60)}. Tell the caller so "
            "in one short sentence, and come to an end."
        )
        if self._dialogue.answers.caller_speaks:  # the answer to what they say will tell them
            self._dialogue.send(commands.system_text(text))
        else:
            self._dialogue.tell(text)

    def _over(self) -> None:
        self._goodbye = asyncio.get_running_loop().create_task(self._when_said())

    async def _when_said(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                while self._dialogue.connected and self._dialogue.answers.active:
                    done = asyncio.Event()
                    self._dialogue.answers.when_done(done.set)
                    await done.wait()
                await self._dialogue.outbound.heard_to_end(GRACE_S)
        self._on_over()


def _span(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes"
