"""How the commands on calls reach the records: opened for one question, a call found by its ID."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from gateway.cli.calls_text import inert
from gateway.errors import GatewayError
from gateway.settings import Settings
from gateway.store.records.reader import FOUND_AT_MOST, SHORTEST_PREFIX, Reader, open_reader

T = TypeVar("T")


def asked(settings: Settings, question: Callable[[Reader], Awaitable[T]]) -> T | None:
    """What the records answer; None while nothing was ever recorded.

    Raises GatewayError, one line, when they cannot be read.
    """
    return asyncio.run(_asked(settings, question))


def record_of(settings: Settings, given: str) -> dict[str, Any]:
    """Everything there is of the call with this CallSid, or the only one that begins like this.

    Raises GatewayError when there is none, or more than one.
    """
    record = asked(settings, lambda reader: _record(reader, given))
    if record is None:
        raise GatewayError(f"no call {inert(given)}: nothing is recorded yet")
    return record


async def _asked(settings: Settings, question: Callable[[Reader], Awaitable[T]]) -> T | None:
    async with open_reader(settings) as reader:
        return None if reader is None else await question(reader)


async def _record(reader: Reader, given: str) -> dict[str, Any]:
    found = await reader.find(given)
    if len(found) > 1:
        least = "at least " if len(found) == FOUND_AT_MOST else ""
        listed = ", ".join(inert(call_sid) for call_sid in found)
        raise GatewayError(f"{inert(given)} fits {least}{len(found)} calls: {listed}")
    record = await reader.record(found[0]) if found else None
    if record is None:
        short = len(given) < SHORTEST_PREFIX
        hint = f" (the beginning of an ID needs {SHORTEST_PREFIX} characters)" if short else ""
        raise GatewayError(f"no call {inert(given)}{hint}")
    return record
