"""Tools run away from the call loop, in time and in bounds, and say nothing they should not."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import pytest
import structlog
from agents import (
    FunctionTool,
    GuardrailFunctionOutput,
    ToolGuardrailFunctionOutput,
    function_tool,
    output_guardrail,
    tool_input_guardrail,
)
from agents.tool import invoke_function_tool
from agents.tool_context import ToolContext
from structlog.testing import capture_logs

from gateway.call.context import CallContext
from gateway.call.tools import FAILED, MAX_ARGUMENT_CHARS, MAX_RESULT_CHARS, ToolRunner
from tests.call.contexts import context as call_context
from tests.call.watching import DEADLINE_S, soon, turns

CONTEXT = call_context()


@pytest.fixture
def runner() -> Iterator[ToolRunner]:
    """A tool thread with two workers for tools that are not async."""
    running = ToolRunner(threads=2, timeout_s=DEADLINE_S)
    running.start()
    yield running
    running.stop()


async def invoked(tool: FunctionTool, **arguments: Any) -> Any:
    """What the model is given for a call of the tool, invoked as the SDK's session does it."""
    text = json.dumps(arguments)
    context = ToolContext(
        context=CONTEXT, tool_name=tool.name, tool_call_id="call_1", tool_arguments=text
    )
    async with asyncio.timeout(DEADLINE_S):
        return await invoke_function_tool(function_tool=tool, context=context, arguments=text)


@pytest.mark.asyncio
async def test_an_async_tool_runs_on_the_tool_thread(runner: ToolRunner) -> None:
    """Neither the call loop nor a pool thread runs it; all async tools share one loop."""

    @function_tool
    async def where() -> str:
        """Tells its thread."""
        return f"{threading.get_ident()} {id(asyncio.get_running_loop())}"

    tool = runner.away(where)
    first, second = await invoked(tool), await invoked(tool)
    assert first == second
    assert first.split()[0] != str(threading.get_ident())
    assert first.split()[1] != str(id(asyncio.get_running_loop()))


@pytest.mark.asyncio
async def test_a_tool_that_blocks_does_not_stall_the_call_loop(runner: ToolRunner) -> None:
    """While an async tool blocks its own thread, the call loop goes on turning."""
    release = threading.Event()

    @function_tool
    async def blocks() -> str:
        """Blocks, as an async tool must not."""
        assert release.wait(DEADLINE_S)
        return "done"

    running = asyncio.ensure_future(invoked(runner.away(blocks)))
    await turns(100)
    assert not running.done()
    release.set()
    assert await soon(running) == "done"


@pytest.mark.asyncio
async def test_sync_tools_run_in_the_bounded_pool(runner: ToolRunner) -> None:
    """Never more at a time than there are threads; the rest waits and is done too."""
    lock, at_once, most = threading.Lock(), [0], [0]
    both = threading.Barrier(2)
    names: set[str] = set()

    @function_tool
    def counts() -> str:
        """Counts how many run beside it."""
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
            names.add(threading.current_thread().name)
        both.wait(DEADLINE_S)
        with lock:
            at_once[0] -= 1
        return "done"

    tool = runner.away(counts)
    assert await asyncio.gather(*(invoked(tool) for _ in range(6))) == ["done"] * 6
    assert most[0] == 2
    assert {name.rpartition("_")[0] for name in names} == {"tool"}


@pytest.mark.asyncio
async def test_a_slow_tool_is_given_up_with_a_neutral_word() -> None:
    """After its time the model is told so, and an async tool is cancelled."""
    runner = ToolRunner(threads=1, timeout_s=0.05)
    runner.start()
    cancelled = threading.Event()

    @function_tool
    async def slow() -> str:
        """Takes for ever."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cancelled.set()
        return "never"

    assert await invoked(runner.away(slow)) == "Tool 'slow' timed out after 0.05 seconds."
    assert await asyncio.to_thread(cancelled.wait, DEADLINE_S)
    runner.stop()


@pytest.mark.asyncio
async def test_a_tools_own_timeout_counts(runner: ToolRunner) -> None:
    """A tool that names its time keeps it; the others get the house's."""

    @function_tool(timeout=0.05)
    async def own() -> str:
        """Takes for ever."""
        await asyncio.get_running_loop().create_future()
        return "never"

    @function_tool
    def plain() -> str:
        """Is quick."""
        return "x"

    assert "timed out after 0.05 seconds" in await invoked(runner.away(own))
    assert runner.away(plain).timeout_seconds == DEADLINE_S


def ten_megabytes() -> list[Callable[[], Any]]:
    """Results of ten megabytes in the shapes tools return."""
    return [
        lambda: "x" * 10_000_000,
        lambda: {"text": "x" * 10_000_000},
        lambda: ["x" * 1000] * 10_000,
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("result", ten_megabytes())
async def test_an_endless_result_is_cut(runner: ToolRunner, result: Callable[[], Any]) -> None:
    """However much a tool returns, and in whatever shape, the model is given a bounded text."""

    @function_tool
    def endless() -> Any:
        """Returns far too much."""
        return result()

    given = await invoked(runner.away(endless))
    assert isinstance(given, str)
    assert len(given) < MAX_RESULT_CHARS + 100
    assert given.endswith("(cut: the result was too long)")


@pytest.mark.asyncio
@pytest.mark.parametrize("result", ["text", {"a": 1}, ["x", "y"], 7, None])
async def test_a_short_result_is_left_as_it_is(runner: ToolRunner, result: Any) -> None:
    """What fits is not touched."""

    @function_tool
    def short() -> Any:
        """Returns something."""
        return result

    assert await invoked(runner.away(short)) == result


@pytest.mark.asyncio
@pytest.mark.parametrize("is_async", [True, False])
async def test_a_tool_that_raises_tells_the_model_nothing(
    runner: ToolRunner, is_async: bool
) -> None:
    """The model (and so the caller) gets a neutral text, never the exception's."""

    @function_tool
    async def fails_async() -> str:
        """Fails."""
        raise RuntimeError("password=hunter2")

    @function_tool
    def fails_sync() -> str:
        """Fails."""
        raise RuntimeError("password=hunter2")

    given = await invoked(runner.away(fails_async if is_async else fails_sync))
    assert "hunter2" not in given
    assert "error occurred" in given


@pytest.mark.asyncio
async def test_a_tool_knows_its_call(runner: ToolRunner) -> None:
    """The context of the call is there on the tool thread, arguments too."""

    @function_tool
    async def about(context: ToolContext[CallContext], topic: str) -> str:
        """Tells what it knows."""
        return f"{context.context.caller} {context.context.call_sid} {topic}"

    assert await invoked(runner.away(about), topic="orders") == "+15550002222 CA1 orders"


@pytest.mark.asyncio
async def test_a_tool_keeps_its_name_and_shape_away(runner: ToolRunner) -> None:
    """The model sees the same tool."""

    @function_tool
    def lookup(order_id: str) -> str:
        """Looks up an order."""
        return order_id

    away = runner.away(lookup)
    assert away is not lookup
    assert (away.name, away.description) == ("lookup", "Looks up an order.")
    assert away.params_json_schema == lookup.params_json_schema
    assert await invoked(lookup, order_id="A-1") == await invoked(away, order_id="A-1") == "A-1"


@pytest.mark.asyncio
async def test_a_call_that_goes_takes_its_tool_with_it(runner: ToolRunner) -> None:
    """Cancelled on the call loop, an async tool is cancelled on its thread."""
    started, cancelled = threading.Event(), threading.Event()

    @function_tool
    async def slow() -> str:
        """Takes for ever."""
        started.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cancelled.set()
        return "never"

    running = asyncio.ensure_future(invoked(runner.away(slow)))
    assert await asyncio.to_thread(started.wait, DEADLINE_S)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.to_thread(cancelled.wait, DEADLINE_S)


def test_stopping_does_not_wait_for_a_tool_that_does_not_end() -> None:
    """A worker that hangs is left alone; the thread of the loop ends."""
    runner = ToolRunner(threads=1, timeout_s=1)
    runner.start()
    release, started = threading.Event(), threading.Event()

    @function_tool
    def hangs() -> str:
        """Hangs."""
        started.set()
        release.wait(DEADLINE_S)
        return "late"

    async def begin() -> None:
        running = asyncio.ensure_future(invoked(runner.away(hangs)))
        assert await asyncio.to_thread(started.wait, DEADLINE_S)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(begin())
    runner.stop()
    assert not runner._thread.is_alive()
    release.set()


# What it may not do


@pytest.mark.asyncio
@pytest.mark.parametrize("is_async", [True, False])
async def test_a_tool_without_an_error_function_cannot_end_the_call(
    runner: ToolRunner, is_async: bool
) -> None:
    """The SDK would end the session over it; the model gets a neutral word instead."""

    @function_tool(failure_error_function=None)
    async def fails_async() -> str:
        """Fails."""
        raise RuntimeError("password=hunter2")

    @function_tool(failure_error_function=None)
    def fails_sync() -> str:
        """Fails."""
        raise RuntimeError("password=hunter2")

    with capture_logs() as logs:
        given = await invoked(runner.away(fails_async if is_async else fails_sync))
    assert given == FAILED
    assert [line["error"] for line in logs] == ["RuntimeError"]
    assert "hunter2" not in str(logs)


@pytest.mark.asyncio
async def test_a_tool_that_would_raise_on_its_timeout_cannot_end_the_call() -> None:
    """Running out of time is a result, whatever the tool asked for."""
    runner = ToolRunner(threads=1, timeout_s=5)
    runner.start()

    @function_tool(timeout=0.05, timeout_behavior="raise_exception")
    async def slow() -> str:
        """Takes for ever."""
        await asyncio.get_running_loop().create_future()
        return "never"

    assert "timed out" in await invoked(runner.away(slow))
    runner.stop()


@pytest.mark.asyncio
async def test_endless_arguments_are_refused_unread(runner: ToolRunner) -> None:
    """A model that writes a book as arguments does not reach the tool."""
    ran: list[str] = []

    @function_tool
    def note(text: str) -> str:
        """Notes."""
        ran.append(text)
        return "noted"

    away = runner.away(note)
    assert "Not done" in await invoked(away, text="x" * MAX_ARGUMENT_CHARS)
    assert ran == []
    assert await invoked(away, text="x" * 1000) == "noted"


@pytest.mark.asyncio
async def test_a_tools_own_questions_are_asked_away_too(runner: ToolRunner) -> None:
    """`needs_approval` and `is_enabled` as functions run on the tool threads; constants stay."""
    threads: list[str] = []

    async def needs(*_: Any) -> bool:
        threads.append(threading.current_thread().name)
        return True

    def enabled(*_: Any) -> bool:
        threads.append(threading.current_thread().name)
        return True

    @function_tool(needs_approval=needs, is_enabled=enabled)
    def careful() -> str:
        """Is careful."""
        return "done"

    @function_tool(needs_approval=True)
    def plain() -> str:
        """Is plain."""
        return "done"

    away = runner.away(careful)
    questions: list[Any] = [away.needs_approval, away.is_enabled]
    assert await questions[0](None, {}, "call_1") is True
    assert await questions[1](None, None) is True
    assert threads[0] == "tools"
    assert threads[1].startswith("tool_")
    assert runner.away(plain).needs_approval is True


@pytest.mark.asyncio
async def test_the_checks_of_a_tool_run_away_under_their_own_names(runner: ToolRunner) -> None:
    """Input guardrails of a tool judge on the tool threads."""
    threads: list[str] = []

    @tool_input_guardrail
    def no_secrets(_data: Any) -> ToolGuardrailFunctionOutput:
        threads.append(threading.current_thread().name)
        return ToolGuardrailFunctionOutput.allow()

    @function_tool(tool_input_guardrails=[no_secrets])
    def careful() -> str:
        """Is careful."""
        return "done"

    (check,) = runner.away(careful).tool_input_guardrails or []
    assert check.get_name() == "no_secrets"
    await check.run(None)  # type: ignore[arg-type]
    assert threads[0].startswith("tool_")


# Other code of an agent


@pytest.mark.asyncio
async def test_a_guardrail_judges_away_under_its_own_name(runner: ToolRunner) -> None:
    """The call loop does not wait for it, and the trip tells its name."""
    threads: list[str] = []

    @output_guardrail
    def no_prices(_context: Any, _agent: Any, text: str) -> GuardrailFunctionOutput:
        threads.append(threading.current_thread().name)
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered="euro" in text)

    away = runner.guard(no_prices)
    agent: Any = None
    wrapper: Any = None
    result = await away.run(wrapper, agent, "five euro")
    assert result.output.tripwire_triggered
    assert result.guardrail.get_name() == "no_prices"
    assert threads[0].startswith("tool_")


@pytest.mark.asyncio
async def test_functions_run_away_and_raise_what_they_raise(runner: ToolRunner) -> None:
    """Sync in the pool, async on the loop, one that returns an awaitable too."""

    async def twice(number: int) -> int:
        return 2 * number

    def broken() -> None:
        raise LookupError("gone")

    assert await runner.run(lambda: threading.current_thread().name[:5]) == "tool_"
    assert await runner.run(twice, 4) == 8
    assert await runner.run(lambda: twice(5)) == 10
    with pytest.raises(LookupError):
        await runner.run(broken)


@pytest.mark.asyncio
async def test_a_coroutine_can_live_on_the_tool_loop(runner: ToolRunner) -> None:
    """It outlives whoever started it, until it is cancelled."""
    cancelled = threading.Event()

    async def owner() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cancelled.set()

    future = runner.spawn(owner())
    await turns(20)
    assert not future.done()
    future.cancel()
    assert await asyncio.to_thread(cancelled.wait, DEADLINE_S)


@pytest.mark.asyncio
async def test_the_watchdog_names_who_blocks_once(runner: ToolRunner) -> None:
    """An async tool that blocks is named, with its file and line; a sync tool harms nobody."""
    release = threading.Event()

    @function_tool
    async def blocks() -> str:
        """Blocks, as an async tool must not."""
        assert release.wait(DEADLINE_S)
        return "done"

    named = threading.Event()

    def told(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> Any:
        if event["event"] == "tool.blocking":
            lines.append(dict(event))
            named.set()
        raise structlog.DropEvent

    lines: list[dict[str, Any]] = []
    before = structlog.get_config()["processors"]
    structlog.configure(processors=[told])
    try:
        running = asyncio.ensure_future(invoked(runner.away(blocks)))
        assert await asyncio.to_thread(named.wait, DEADLINE_S)
        release.set()
        assert await soon(running) == "done"
    finally:
        structlog.configure(processors=before)
    assert [line["tool"] for line in lines] == ["blocks"]
    assert ":" in lines[0]["at"]
