"""Keys on a terminal, which is a real one: a pseudo-terminal."""

import asyncio
import os
import pty
import sys
import termios
from io import StringIO

import pytest

from gateway.cli.talk_keys import typed


@pytest.mark.asyncio
async def test_each_key_is_told_and_the_terminal_is_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without Enter, and without showing them."""
    main, side = pty.openpty()
    keys: list[str] = []
    got = asyncio.Event()

    def press(key: str) -> None:
        keys.append(key)
        if len(keys) == 3:
            got.set()

    with os.fdopen(side) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        before = termios.tcgetattr(stdin.fileno())
        with typed(press) as there:
            assert there
            assert not termios.tcgetattr(stdin.fileno())[3] & termios.ECHO
            os.write(main, b"4#q")
            async with asyncio.timeout(10):
                await got.wait()
        assert termios.tcgetattr(stdin.fileno()) == before
    os.close(main)
    assert keys == ["4", "#", "q"]


@pytest.mark.asyncio
async def test_without_a_keyboard_there_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe is none."""
    monkeypatch.setattr(sys, "stdin", StringIO("4"))
    with typed(lambda _key: None) as there:
        assert not there
