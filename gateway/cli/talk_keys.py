"""Keys somebody presses on the terminal while a call goes on, one by one and unseen."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

try:
    import termios
    import tty
except ModuleNotFoundError:  # not on this system: the call goes on without keys
    termios = None  # type: ignore[assignment]


@contextmanager
def typed(press: Callable[[str], None]) -> Iterator[bool]:
    """``press`` is told of each key; True when there is a keyboard. Ctrl-C stays what it is."""
    if termios is None or not sys.stdin.isatty():
        yield False
        return
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()
    before = termios.tcgetattr(stdin)

    def read() -> None:
        for key in os.read(stdin, 64).decode("ascii", "ignore"):
            press(key)

    tty.setcbreak(stdin)
    loop.add_reader(stdin, read)
    try:
        yield True
    finally:
        loop.remove_reader(stdin)
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)
