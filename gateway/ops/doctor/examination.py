"""Runs checks side by side: each when those it needs are done, each within its limit.

A check returns what it saw that is right, or raises Wrong or Skipped. One that needs what is wrong
is not tried: whatever it said would only be about that.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gateway.errors import GatewayError
from gateway.ops.doctor.finding import Finding, Skipped, State, Wrong

LIMIT_S = 10.0

Look = Callable[[], Awaitable[str]]
"""Looks at one thing; what it returns is what is right about it."""
Tell = Callable[[Finding], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at."""

    name: str
    look: Look
    needs: tuple[str, ...] = ()
    """Names of checks before it in the list, without which it means nothing."""
    limit_s: float = LIMIT_S
    slow: str = "see what keeps it, and try again"
    """What to do when it is not done within its limit."""


class _Seen(NamedTuple):
    finding: Finding
    blocks: bool


async def examine(
    checks: Sequence[Check], tell: Tell, clean: Callable[[str], str] = str
) -> list[Finding]:
    """What every check found, in the order of the list; ``tell`` hears of each as it is found.

    ``clean`` makes whatever may have come from elsewhere fit to be shown.
    """
    done: dict[str, asyncio.Task[_Seen]] = {}
    async with asyncio.TaskGroup() as group:
        for check in checks:
            needed = {name: done[name] for name in check.needs}
            done[check.name] = group.create_task(_told(check, needed, tell, clean))
    return [task.result().finding for task in done.values()]


async def _told(
    check: Check,
    needed: Mapping[str, asyncio.Task[_Seen]],
    tell: Tell,
    clean: Callable[[str], str],
) -> _Seen:
    for name, task in needed.items():
        seen = await task
        if seen.blocks:
            state = "is wrong" if seen.finding.state == "wrong" else "could not be tried"
            found = Finding(check.name, "skipped", f"not tried: {name} {state}")
            tell(found)
            return _Seen(found, blocks=True)
    seen = await _seen(check, clean)
    tell(seen.finding)
    return seen


async def _seen(check: Check, clean: Callable[[str], str]) -> _Seen:
    began = time.monotonic()

    def found(state: State, detail: str, fix: str = "") -> Finding:
        took_ms = round((time.monotonic() - began) * 1000, 1)
        return Finding(check.name, state, clean(detail), clean(fix), took_ms)

    try:
        async with asyncio.timeout(check.limit_s):
            return _Seen(found("ok", await check.look()), blocks=False)
    except Wrong as wrong:
        return _Seen(found("wrong", wrong.detail, wrong.fix), blocks=True)
    except Skipped as skipped:
        return _Seen(found("skipped", skipped.reason), blocks=skipped.blocks)
    except TimeoutError:
        return _Seen(found("wrong", f"no result within {check.limit_s:g} s", check.slow), True)
    except (GatewayError, OSError) as error:
        # What no check foresaw, as its own words have it.
        detail = str(error) or type(error).__name__
        return _Seen(found("wrong", detail, "see what it says"), blocks=True)
    except Exception as error:  # noqa: BLE001 it must not cost what the others found
        # Not its words: they may be an agent's own code's, and hold anything.
        detail = f"the look itself failed: {type(error).__name__} at {_place(error)}"
        return _Seen(found("wrong", detail, "see that place"), blocks=True)


def _place(error: Exception) -> str:
    """File and line where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
