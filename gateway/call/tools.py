"""An agent's own code, away from the call loop: tools, guardrails, whatever else its files name.

Async functions run on an event-loop thread of their own, sync ones in a bounded pool behind it: a
tool that blocks stalls other tools, never another call's audio (measured: a blocking async tool on
the call loop makes a gap as long as it blocks, for every call of the process).
"""

import asyncio
import concurrent.futures
import dataclasses
import inspect
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import structlog
from agents import FunctionTool, OutputGuardrail
from agents.tool_context import ToolContext

MAX_ARGUMENT_CHARS = 16_000
"""Longest arguments a tool is called with; a model that writes more has lost its way."""
MAX_RESULT_CHARS = 16_000
"""Longest tool result the model is given; more costs tokens and patience."""
FAILED = "The tool failed. Tell the caller, without technical details, that this did not work now."
"""What the model learns of a tool that raised; never the exception's own words."""
_LOOK_S = 0.25
_LOOKS = 4
"""Looks at the tool loop, one after the other, without it having turned: somebody blocks in an
async function. Looks are counted, not seconds: a machine that stood still blames nobody.
"""

_log = structlog.get_logger()


class ToolRunner:
    """One event-loop thread and one pool for the agents' code of all calls."""

    def __init__(self, *, threads: int, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="tool")
        self._thread = threading.Thread(target=self._turning, name="tools", daemon=True)
        self._watch = threading.Thread(target=self._watching, name="tool-watch", daemon=True)
        self._stopping = threading.Event()
        self._asked = False
        self._loop: asyncio.AbstractEventLoop

    def start(self) -> None:
        """Starts the threads."""
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(self._pool)
        self._thread.start()
        self._watch.start()

    def stop(self) -> None:
        """Stops the threads; tools still running are left to end by themselves."""
        self._stopping.set()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=2)
        self._watch.join(timeout=2)
        self._pool.shutdown(wait=False, cancel_futures=True)
        if not self._thread.is_alive():
            self._loop.close()

    # Running

    def away(self, tool: FunctionTool) -> FunctionTool:
        """The same tool, run on the tool thread, with a timeout and bounded arguments and result.

        What it raises, and its running out of time, become a neutral word to the model: a tool
        cannot end a call. That a call of the model runs at most once is the SDK's own doing.
        """
        original = tool.on_invoke_tool

        async def invoke(context: ToolContext[Any], arguments: str) -> Any:
            if len(arguments) > MAX_ARGUMENT_CHARS:
                return f"Not done: the arguments have over {MAX_ARGUMENT_CHARS} characters."
            return await self._awaited(_guarded(tool.name, original, context, arguments))

        timeout_s = self._timeout_s if tool.timeout_seconds is None else tool.timeout_seconds
        return dataclasses.replace(
            tool,
            on_invoke_tool=invoke,
            timeout_seconds=timeout_s,
            timeout_behavior="error_as_result",
            is_enabled=self._elsewhere(tool.is_enabled),
            needs_approval=self._elsewhere(tool.needs_approval),
            tool_input_guardrails=self._checks(tool.tool_input_guardrails),
            tool_output_guardrails=self._checks(tool.tool_output_guardrails),
        )

    def guard(self, guardrail: OutputGuardrail[Any]) -> OutputGuardrail[Any]:
        """The same guardrail, judging away from the call loop."""
        judge = self._elsewhere(guardrail.guardrail_function)
        return dataclasses.replace(guardrail, guardrail_function=judge, name=guardrail.get_name())

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What an agent's own function returns, sync or async; raises what it raises."""
        return await self._awaited(_called(function, *arguments))

    def spawn(self, work: Coroutine[Any, Any, Any]) -> concurrent.futures.Future[Any]:
        """Runs a coroutine on the tool loop; it may outlive the call that asked for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    # Inside

    def _turning(self) -> None:
        self._loop.run_forever()

    async def _awaited(self, work: Coroutine[Any, Any, Any]) -> Any:
        return await asyncio.wrap_future(self.spawn(work))

    def _elsewhere(self, function: Any) -> Any:
        """A function that runs ``function`` away; what is no function (true, false) stays."""
        if not callable(function):
            return function

        async def elsewhere(*arguments: Any) -> Any:
            return await self.run(function, *arguments)

        return elsewhere

    def _checks(self, guardrails: Any) -> Any:
        if not isinstance(guardrails, list):
            return guardrails
        return [
            dataclasses.replace(
                each,
                guardrail_function=self._elsewhere(each.guardrail_function),
                name=each.get_name(),
            )
            for each in guardrails
        ]

    # The watchdog

    def _watching(self) -> None:
        """Names whoever blocks the tool loop: other tools wait for it, and only it can end that."""
        looks = 0
        while not self._stopping.wait(_LOOK_S):
            looks = looks + 1 if self._asked else 0
            if looks == _LOOKS:
                _log.warning("tool.blocking", tool=self._at_work(), at=self._place())
            if not self._asked:
                self._asked = True
                self._loop.call_soon_threadsafe(self._turn)

    def _turn(self) -> None:
        self._asked = False

    def _at_work(self) -> str:
        task = asyncio.current_task(self._loop)
        return "unknown" if task is None else task.get_name()

    def _place(self) -> str:
        """File and line where the tool thread stands; nothing of what it works on."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        return "" if frame is None else f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


async def _called(function: Callable[..., Any], *arguments: Any) -> Any:
    _name_task(getattr(function, "__name__", type(function).__name__))
    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    result = await asyncio.to_thread(function, *arguments)
    return await result if inspect.isawaitable(result) else result


async def _guarded(
    name: str, invoke: Callable[..., Any], context: ToolContext[Any], arguments: str
) -> Any:
    _name_task(name)
    try:
        return _bounded(await invoke(context, arguments))
    except Exception as error:  # noqa: BLE001 somebody else's code, and it must not end the call
        _log.warning("tool.failed", tool=name, error=type(error).__name__)
        return FAILED


def _name_task(name: str) -> None:
    task = asyncio.current_task()
    if task is not None:
        task.set_name(name)


def _bounded(result: Any) -> Any:
    text = result if isinstance(result, str) else str(result)
    if len(text) > MAX_RESULT_CHARS:
        return text[:MAX_RESULT_CHARS] + " … (cut: the result was too long)"
    return result
