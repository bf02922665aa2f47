"""Tools away from the call loop, and the call-control tools any agent may list.

Async tools run on an event-loop thread of their own, sync ones in a bounded pool behind it: a tool
that blocks stalls other tools, never another call's audio (measured: a blocking async tool on the
call loop makes a gap as long as it blocks, for every call of the process).
"""

import asyncio
import dataclasses
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from agents import FunctionTool, function_tool
from agents.tool_context import ToolContext

MAX_RESULT_CHARS = 16_000
"""Longest tool result the model is given; more costs tokens and patience."""


@dataclasses.dataclass(frozen=True)
class CallContext:
    """What tools and instructions may know of their call (the SDK's ``context``)."""

    call_sid: str
    caller: str
    called: str
    agent: str
    hang_up: Callable[[str], None]
    """Asks for the end of the call, safe from any thread; the goodbye is heard first."""


class ToolRunner:
    """One event-loop thread for the tools of all calls."""

    def __init__(self, *, threads: int, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._loop = asyncio.new_event_loop()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="tool")
        self._loop.set_default_executor(self._pool)
        self._thread = threading.Thread(target=self._loop.run_forever, name="tools", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stops the thread; tools still running are left to end by themselves."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=2)
        self._pool.shutdown(wait=False, cancel_futures=True)
        if not self._thread.is_alive():
            self._loop.close()

    def away(self, tool: FunctionTool) -> FunctionTool:
        """The same tool, run on the tool thread, with a timeout and a bounded result."""
        original = tool.on_invoke_tool

        async def invoke(context: ToolContext[Any], arguments: str) -> Any:
            run = asyncio.run_coroutine_threadsafe(_run(original, context, arguments), self._loop)
            return await asyncio.wrap_future(run)

        timeout_s = self._timeout_s if tool.timeout_seconds is None else tool.timeout_seconds
        return dataclasses.replace(tool, on_invoke_tool=invoke, timeout_seconds=timeout_s)


async def _run(invoke: Callable[..., Any], context: ToolContext[Any], arguments: str) -> Any:
    return _bounded(await invoke(context, arguments))


def _bounded(result: Any) -> Any:
    text = result if isinstance(result, str) else str(result)
    if len(text) > MAX_RESULT_CHARS:
        return text[:MAX_RESULT_CHARS] + " … (cut: the result was too long)"
    return result


@function_tool(
    name_override="end_call",
    description_override=(
        "Hang up the phone. Say goodbye in the same answer: the caller hears it to the end first."
    ),
)
async def end_call(context: ToolContext[CallContext]) -> str:
    """Ends the call once the goodbye was heard."""
    context.context.hang_up("agent_hung_up")
    return "The call ends when your goodbye has been heard."


CALL_CONTROL: dict[str, FunctionTool] = {"end_call": end_call}
"""Tools that act on the call itself; they run on the call loop and any agent may list them."""
