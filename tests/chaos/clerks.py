"""The process that makes rows of what a gateway writes down, seen from outside."""

import asyncio
import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gateway.store.journal.clerkprocess import NICE

_LOOK_S = 0.02
_START_LIMIT_S = 20.0


def clerk_of(pid: int) -> int | None:
    """The child of a gateway that writes its records; None while there is none."""
    for task in _tasks(pid):
        with suppress(OSError):  # a thread may end meanwhile, and so may a child
            for child in (task / "children").read_text().split():
                if b"clerkprocess" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
    return None


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


async def clerk_at_work(pid: int) -> int:
    """The child, as soon as there is one."""
    async with asyncio.timeout(_START_LIMIT_S):
        while (clerk := clerk_of(pid)) is None:  # noqa: ASYNC110 nobody tells
            await asyncio.sleep(_LOOK_S)
    return clerk


def _can_write(clerk: int) -> bool:
    """Then it is as nice as it gets."""
    with suppress(OSError):
        return os.getpriority(os.PRIO_PROCESS, clerk) == NICE
    return False


async def clerks_die(gateway: Callable[[], int], rng: random.Random, killed: list[int]) -> None:
    """Kills whoever writes for the gateway of this moment, again and again, until cancelled: every
    other one whenever, the rest when they can write. On a machine that is full none might come
    so far.
    """
    while True:
        await asyncio.sleep(rng.uniform(0.5, 6.0))
        clerk = clerk_of(gateway())
        if clerk is not None and (len(killed) % 2 == 0 or _can_write(clerk)):
            with suppress(ProcessLookupError):
                os.kill(clerk, signal.SIGKILL)
                killed.append(clerk)
