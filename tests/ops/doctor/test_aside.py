"""Blocking work aside: its result comes back, and if none ever does nobody waits for it."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from gateway.ops.doctor.aside import aside


@pytest.mark.asyncio
async def test_its_result_comes_back() -> None:
    """From another thread."""
    here = threading.get_ident()
    assert await aside(threading.get_ident) != here


@pytest.mark.asyncio
async def test_what_it_raises_comes_back() -> None:
    """As it was raised."""

    def fail() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await aside(fail)


@pytest.mark.asyncio
async def test_the_loop_turns_meanwhile() -> None:
    """It blocks nobody, and is left alone when it takes too long."""
    stop = threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await aside(lambda: stop.wait(10))
    stop.set()


HANGS = """
import asyncio, time
from gateway.ops.doctor.aside import aside

async def main():
    try:
        async with asyncio.timeout(0.1):
            await aside(lambda: time.sleep(60))
    except TimeoutError:
        pass

asyncio.run(main())
"""


def test_a_process_ends_although_it_hangs() -> None:
    """Not so with a thread of a pool, which is waited for at the end."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", HANGS], check=True, timeout=40)
    assert time.monotonic() - began < 40
