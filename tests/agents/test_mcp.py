"""Tool servers: real ones, as child processes, over both transports, and what becomes of them."""

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
import pytest_asyncio
from agents import FunctionTool
from agents.realtime import RealtimeAgent, RealtimeRunner
from agents.realtime.events import RealtimeToolApprovalRequired, RealtimeToolEnd
from agents.realtime.model_events import RealtimeModelToolCallEvent
from agents.realtime.model_inputs import RealtimeModelSendToolOutput
from agents.realtime.testing import ScriptedRealtimeModel
from agents.tool import invoke_function_tool
from agents.tool_context import ToolContext
from hypothesis import given
from hypothesis import strategies as st
from mcp.types import CallToolResult
from structlog.testing import capture_logs

from gateway.agents import mcp
from gateway.agents.mcp import NO_OBJECT, McpServers
from gateway.agents.servers import McpServer
from gateway.call.approvals import Approvals
from gateway.call.tools import FAILED, ToolRunner
from gateway.errors import ConfigError
from tests.call.watching import soon, until
from tests.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEADLINE_S = 30.0
"""How long anything may take: the servers are whole processes on a machine with other work."""
CANARY = "c4n4ry-s3cr3t"
"""Stands in variables, headers and addresses; must stand in no error and no log line."""
PROGRAM = Path(__file__).with_name("mcp_server.py")
TOOLS = {"add", "pid", "env", "meet", "hang", "die", "refuse", "crash", "picture", "mutter"}


def program(name: str = "shop", *args: str, **changes: Any) -> McpServer:
    """The test server as a program of ours."""
    changes = {"timeout_s": DEADLINE_S, **changes}
    return McpServer(name, sys.executable, ("-P", str(PROGRAM), *args), **changes)


def python(name: str, code: str, **changes: Any) -> McpServer:
    """A program that is no tool server."""
    return McpServer(name, sys.executable, ("-c", code), **changes)


def at(port: int, name: str = "shop", **changes: Any) -> McpServer:
    """A server at an address."""
    changes = {"timeout_s": DEADLINE_S, **changes}
    return McpServer(name, url=f"http://127.0.0.1:{port}/mcp?key={CANARY}", **changes)


@contextmanager
def listening(port: int = 0, *args: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The test server behind an address, in a process of its own; its port."""
    command = [sys.executable, "-P", str(PROGRAM), "--http", str(port), *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline()), process
        finally:
            process.kill()


@asynccontextmanager
async def running() -> AsyncIterator[McpServers]:
    """Servers over a tool loop of their own, all of it stopped in the end."""
    runner = ToolRunner(threads=1, timeout_s=DEADLINE_S)
    runner.start()
    servers = McpServers(runner)
    try:
        yield servers
    finally:
        await servers.stop()
        runner.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def servers() -> AsyncIterator[McpServers]:
    """No servers yet."""
    async with running() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both() -> AsyncIterator[McpServers]:
    """One server of each kind, for the tests that leave them as they are."""
    with listening() as (port, _):
        async with running() as found:
            await found.start({"program": program("program"), "address": at(port, "address")})
            yield found


each_kind = pytest.mark.parametrize("kind", ["program", "address"])


def tool(servers: McpServers, server: str, name: str) -> FunctionTool:
    """One tool of a server."""
    (found,) = (each for each in servers.tools(server) if each.name == name)
    return found


async def asked(tool: FunctionTool, text: str | None = None, **arguments: Any) -> str:
    """What the model is told when it calls a tool, as the SDK's session has it called."""
    text = json.dumps(arguments) if text is None else text
    context = ToolContext(
        context=None, tool_name=tool.name, tool_call_id="call_1", tool_arguments=text
    )
    async with asyncio.timeout(DEADLINE_S):
        answer = await invoke_function_tool(function_tool=tool, context=context, arguments=text)
    assert isinstance(answer, str)
    return answer


async def ask(servers: McpServers, server: str, called: str, **arguments: Any) -> str:
    """What the model is told when it calls a tool of that name."""
    return await asked(tool(servers, server, called), **arguments)


async def refused(servers: McpServers, *wanted: McpServer) -> str:
    """Why servers could not be started; no secret stands in it or in a log line."""
    with capture_logs() as lines, pytest.raises(ConfigError) as wrong:
        await servers.start({server.name: server for server in wanted})
    assert CANARY not in str(wrong.value) + str(wrong.value.__cause__) + repr(lines)
    return str(wrong.value)


def said(lines: list[MutableMapping[str, Any]], event: str) -> list[MutableMapping[str, Any]]:
    """The log lines of one event."""
    return [line for line in lines if line["event"] == event]


def children() -> set[int]:
    """The processes below this one that are more than a zombie."""
    found = psutil.Process().children(recursive=True)
    return {each.pid for each in found if each.status() != psutil.STATUS_ZOMBIE}


# What the tools of a server are to an agent


@each_kind
async def test_a_server_s_tools_are_an_agent_s_tools(both: McpServers, kind: str) -> None:
    """Names, descriptions and schemas are the server's own; a call comes back with its words."""
    assert {each.name for each in both.tools(kind)} == TOOLS | {"orders_refund"}
    add = tool(both, kind, "add")
    assert add.description == "Adds two numbers."
    assert set(add.params_json_schema["properties"]) == {"a", "b"}
    assert "properties" in tool(both, kind, "pid").params_json_schema
    assert not add.strict_json_schema
    assert await asked(add, a=1, b=2) == "3"


@each_kind
async def test_calls_run_side_by_side(both: McpServers, kind: str) -> None:
    """Each of two calls answers only once the other has come: neither waits for the other's end."""
    meet = tool(both, kind, "meet")
    assert list(await asyncio.gather(asked(meet), asked(meet))) == ["met", "met"]


@each_kind
async def test_a_name_the_model_s_api_would_refuse_is_made_fit(both: McpServers, kind: str) -> None:
    """MCP allows dots; the tool is called by its own name all the same."""
    assert await ask(both, kind, "orders_refund", order=7) == "refunded 7"


@each_kind
async def test_a_refusal_of_the_tool_is_for_the_agent(both: McpServers, kind: str) -> None:
    """MCP's tool errors are written for the model."""
    assert "There is no such order." in await ask(both, kind, "refuse")


@each_kind
async def test_a_tool_that_breaks_tells_nothing(both: McpServers, kind: str) -> None:
    """The server stays connected, and its exception stays with it."""
    answer = await ask(both, kind, "crash", words=CANARY)
    assert "crash" in answer
    assert CANARY not in answer
    assert await ask(both, kind, "add", a=1, b=1) == "2"


@each_kind
@pytest.mark.parametrize("text", ["[]", "{", "null", '"x"', "7"])
async def test_arguments_that_are_no_object_are_not_sent(
    both: McpServers, kind: str, text: str
) -> None:
    """The model is told what is wrong with them."""
    assert await asked(tool(both, kind, "pid"), text) == NO_OBJECT


@each_kind
async def test_arguments_the_server_refuses_end_nothing(both: McpServers, kind: str) -> None:
    """The call fails with words for the model, and the next one works."""
    with capture_logs() as lines:
        assert await ask(both, kind, "add", a=CANARY) != ""
    assert CANARY not in repr(lines)
    assert await ask(both, kind, "add", a=2, b=2) == "4"


@each_kind
async def test_what_cannot_be_said_is_named(both: McpServers, kind: str) -> None:
    """A phone shows no pictures."""
    answer = await ask(both, kind, "picture")
    assert answer == "A map:\n(image left out: it is not text)"


async def test_a_result_without_words_is_given_as_json() -> None:
    """Some servers answer with structured content alone."""
    found = CallToolResult(content=[], structured_content={"city": "Köln"})
    assert mcp._text(found) == '{"city": "Köln"}'
    assert mcp._text(CallToolResult(content=[])) == ""


@pytest.mark.parametrize("kind", ["program", "address"])
async def test_a_tool_that_hangs_is_given_up(servers: McpServers, kind: str) -> None:
    """After the server's own time the model hears so; other calls are not held up meanwhile."""
    with listening() as (port, _):
        await servers.start({"shop": program() if kind == "program" else at(port)})
        (owner,) = servers._owners.values()
        hang = tool(servers, "shop", "hang")
        assert hang.timeout_seconds == owner.server.timeout_s
        hang.timeout_seconds = 0.2
        answers = asyncio.gather(*(asked(hang) for _ in range(3)))
        assert await ask(servers, "shop", "add", a=1, b=2) == "3"
        assert not answers.done()
        assert all("timed out" in answer for answer in await answers)
        assert await ask(servers, "shop", "add", a=2, b=2) == "4"


async def test_some_tools_ask_before_they_run(servers: McpServers) -> None:
    """Those of `needs_approval`, by the server's own name for them, and no others."""
    await servers.start({"shop": program(needs_approval=("orders.refund", "die"))})
    asking = {each.name for each in servers.tools("shop") if each.needs_approval is True}
    assert asking == {"orders_refund", "die"}
    assert all(
        each.needs_approval is False for each in servers.tools("shop") if each.name not in asking
    )


@pytest.mark.parametrize("approve", [True, False])
async def test_a_tool_that_asks_waits_for_its_answer(servers: McpServers, approve: bool) -> None:
    """In a session of the SDK: nothing is done before the approval, and nothing without it."""
    await servers.start({"shop": program(needs_approval=("orders.refund",))})
    asks = RealtimeModelToolCallEvent("orders_refund", "call_1", '{"order": 7}')
    model = ScriptedRealtimeModel(connect_events=[asks], strict=False)
    agent = RealtimeAgent[None](name="desk", tools=list(servers.tools("shop")))
    approvals, tasks = Approvals(DEADLINE_S), set()
    async with await RealtimeRunner(agent, model=model).run() as session:

        def decided(verdict: str, message: str | None) -> None:
            if verdict == "approved":
                tasks.add(asyncio.ensure_future(session.approve_tool_call("call_1")))
            else:
                rejecting = session.reject_tool_call("call_1", rejection_message=message)
                tasks.add(asyncio.ensure_future(rejecting))

        async with asyncio.timeout(DEADLINE_S):
            async for event in session:
                if isinstance(event, RealtimeToolApprovalRequired):
                    call_id, arguments = event.call_id, event.arguments
                    approvals.ask("CA1", "desk", event.tool.name, call_id, arguments, decided)
                    assert not told(model)
                    assert approvals.decide(call_id, approve=approve, message="Not today.")
                if isinstance(event, RealtimeToolEnd):
                    break
    assert told(model) == ["refunded 7" if approve else "Not today."]


def told(model: ScriptedRealtimeModel) -> list[str]:
    """What the model was told of its tool calls."""
    sent = model.sent_events
    return [each.output for each in sent if isinstance(each, RealtimeModelSendToolOutput)]


async def test_a_misspelt_approval_is_no_free_pass(servers: McpServers) -> None:
    """The server is refused, by the name that is wrong and with those there are."""
    error = await refused(servers, program(needs_approval=("orders.refnud", "die")))
    assert error.startswith(
        "mcp.toml: shop: needs_approval: the server has no tool orders.refnud; "
    )
    assert "add" in error
    assert "orders.refund" in error


# Lost and found


async def test_a_server_that_dies_comes_back(
    servers: McpServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call it took along fails neutrally; a tool an agent has held since before works again."""
    monkeypatch.setattr(mcp, "FIRST_RETRY_S", 0.01)
    await servers.start({"shop": program(env={"KEY": CANARY})})
    who, die = tool(servers, "shop", "pid"), tool(servers, "shop", "die")
    first = await asked(who)
    with capture_logs() as lines:
        assert await asked(die) == FAILED
        await until(lambda: bool(said(lines, "mcp.connected")), DEADLINE_S)
    assert await asked(who) not in (first, FAILED)
    (lost,) = said(lines, "mcp.lost")
    assert (lost["server"], lost["log_level"]) == ("shop", "warning")
    assert "the program ended" in lost["reason"]
    assert CANARY not in repr(lines)


async def test_an_idle_server_that_dies_is_noticed(
    servers: McpServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without anybody calling it: the next call finds it back."""
    monkeypatch.setattr(mcp, "FIRST_RETRY_S", 0.01)
    await servers.start({"shop": program()})
    first = int(await ask(servers, "shop", "pid"))
    with capture_logs() as lines:
        psutil.Process(first).kill()
        await until(lambda: bool(said(lines, "mcp.connected")), DEADLINE_S)
    assert int(await ask(servers, "shop", "pid")) != first


async def test_a_lost_server_answers_at_once(
    servers: McpServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a neutral word; it is asked again and again, ever more rarely, until it is back."""
    monkeypatch.setattr(mcp, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(mcp, "LONGEST_RETRY_S", 0.08)
    with listening() as (port, process):
        await servers.start({"shop": at(port)})
        add = tool(servers, "shop", "add")
        with capture_logs() as lines:
            process.kill()
            process.wait()
            assert await asked(add, a=1, b=2) == FAILED
            await until(lambda: len(said(lines, "mcp.retry")) >= 6, DEADLINE_S)
            assert await asked(add, a=1, b=2) == FAILED
            assert servers.tools("shop")
    waits = [line["retry_s"] for line in said(lines, "mcp.retry")]
    assert waits[:5] == [0.01, 0.02, 0.04, 0.08, 0.08]
    assert len(said(lines, "mcp.lost")) == 1
    assert CANARY not in repr(lines)
    with capture_logs() as lines, listening(port):
        await until(lambda: bool(said(lines, "mcp.connected")), DEADLINE_S)
        assert await asked(add, a=1, b=2) == "3"


class _OldServer(BaseHTTPRequestHandler):
    """A server of an older protocol, with sessions, whose list of tools comes in two pages."""

    sessions: ClassVar[set[str]] = set()
    begun = 0

    def do_POST(self) -> None:
        """Answers one message."""
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        session = self.headers.get("mcp-session-id", "")
        if message["method"] == "initialize":
            type(self).begun += 1
            session = f"session-{self.begun}"
            self.sessions.add(session)
        elif message["method"] == "server/discover":
            return self._answer(400)
        elif session not in self.sessions:
            return self._answer(404)
        if "id" not in message:
            return self._answer(202)
        result = getattr(self, message["method"].replace("/", "_"))(message.get("params") or {})
        self._answer(200, session, {"jsonrpc": "2.0", "id": message["id"], "result": result})

    def do_GET(self) -> None:
        """It has nothing to say by itself."""
        self._answer(405)

    def do_DELETE(self) -> None:
        """A session is ended politely."""
        self.sessions.discard(self.headers.get("mcp-session-id", ""))
        self._answer(200)

    def initialize(self, params: dict[str, Any]) -> dict[str, Any]:
        """Speaks whatever version the client does."""
        info = {"name": "old", "version": "1"}
        capabilities: dict[str, Any] = {"tools": {}}
        version = params["protocolVersion"]
        return {"protocolVersion": version, "capabilities": capabilities, "serverInfo": info}

    def tools_list(self, params: dict[str, Any]) -> dict[str, Any]:
        """One tool a page."""
        page = {"name": "second", "inputSchema": {"type": "object"}}
        if params.get("cursor") == "2":
            return {"tools": [page]}
        return {"tools": [{**page, "name": "first"}], "nextCursor": "2"}

    def tools_call(self, params: dict[str, Any]) -> dict[str, Any]:
        """Says which tool was called."""
        return {"content": [{"type": "text", "text": params["name"]}]}

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def _answer(self, status: int, session: str = "", body: Any = None) -> None:
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.send_header("content-type", "application/json")
        if session:
            self.send_header("mcp-session-id", session)
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def old_server() -> Iterator[tuple[int, set[str]]]:
    """A server with sessions in a thread; its port, and the sessions it knows."""
    _OldServer.sessions = set()
    with ThreadingHTTPServer(("127.0.0.1", 0), _OldServer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1], _OldServer.sessions
        finally:
            server.shutdown()
            thread.join()


async def test_a_forgotten_session_is_begun_anew(
    servers: McpServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that was restarted does not know its old sessions; the call after next works."""
    monkeypatch.setattr(mcp, "FIRST_RETRY_S", 0.01)
    with old_server() as (port, sessions):
        await servers.start({"old": at(port, "old")})
        assert [each.name for each in servers.tools("old")] == ["first", "second"]
        assert await ask(servers, "old", "second") == "second"
        sessions.clear()
        with capture_logs() as lines:
            assert await ask(servers, "old", "second") == FAILED
            await until(lambda: bool(said(lines, "mcp.connected")), DEADLINE_S)
        assert said(lines, "mcp.lost")[0]["reason"] == "the server has ended the session"
        assert await ask(servers, "old", "second") == "second"
        assert len(sessions) == 1
        await servers.stop()
        assert not sessions


# Starting


async def test_an_address_without_a_server_is_told(servers: McpServers) -> None:
    """By the server's name, without the address, which may hold a key."""
    server = at(free_port(), headers={"Authorization": f"Bearer {CANARY}"})
    assert await refused(servers, server) == "mcp.toml: shop: cannot be reached"


async def test_a_key_that_is_not_accepted_is_told(servers: McpServers) -> None:
    """With the status the server answered; with the right key it is a server like any other."""
    with listening(0, "--token", "right") as (port, _):
        wrong = at(port, headers={"Authorization": f"Bearer {CANARY}"})
        assert await refused(servers, wrong) == "mcp.toml: shop: answers with HTTP 401"
        await servers.start({"shop": at(port, headers={"Authorization": "Bearer right"})})
        assert await ask(servers, "shop", "add", a=1, b=2) == "3"


async def test_a_program_that_is_not_there_is_told(servers: McpServers) -> None:
    """By its name and what the system says."""
    error = await refused(servers, McpServer("shop", "no-such-program", (CANARY,)))
    assert error == "mcp.toml: shop: no-such-program cannot be run: No such file or directory"


async def test_a_program_that_ends_is_told(servers: McpServers) -> None:
    """Where to look for its last words, not these themselves."""
    code = "import os, sys; sys.exit(os.environ['KEY'])"
    error = await refused(servers, python("shop", code, env={"KEY": CANARY}))
    assert error.startswith("mcp.toml: shop: the program ended (GATEWAY_LOG_LEVEL=debug ")


async def test_a_program_that_speaks_otherwise_is_told(
    servers: McpServers, caplog: pytest.LogCaptureFixture
) -> None:
    """Lines that are no messages end nothing by themselves, and are quoted by no library."""
    code = "import os; print(os.environ['KEY'], flush=True); input(); input()"
    error = await refused(servers, python("shop", code, env={"KEY": CANARY}, timeout_s=1))
    assert error == "mcp.toml: shop: did not answer within 1 s"
    assert CANARY not in caplog.text


async def test_a_server_that_says_nothing_is_told(servers: McpServers) -> None:
    """After its own time; nothing of the attempt is left."""
    before = children()
    error = await refused(servers, python("shop", "input(); input()", timeout_s=0.5))
    assert error == "mcp.toml: shop: did not answer within 0.5 s"
    assert children() == before


async def test_every_failure_has_its_line(servers: McpServers) -> None:
    """All of them are told at once."""
    absent = McpServer("one", "no-such-program")
    error = await refused(servers, absent, python("two", "pass"), at(free_port(), "three"))
    assert [line.split(": ")[1] for line in error.splitlines()] == ["one", "two", "three"]


async def test_starting_is_all_or_nothing(servers: McpServers) -> None:
    """One that fails leaves everything as it was, and nothing of those that would have worked."""
    await servers.start({"shop": program()})
    before, who = children(), await ask(servers, "shop", "pid")
    other, absent = program("other"), McpServer("absent", "no-such-program")
    error = await refused(servers, program(env={"NEW": "1"}), other, absent)
    assert error.count("\n") == 0
    assert await ask(servers, "shop", "pid") == who
    assert children() == before
    with pytest.raises(ConfigError, match=r"^mcp.toml: other: is not started$"):
        servers.tools("other")


async def test_starting_again_touches_only_what_changed(servers: McpServers) -> None:
    """Same: the same process. Changed: a new one, for tools held since before too. Gone: gone."""
    await servers.start({"same": program("same"), "other": program("other")})
    same, other = tool(servers, "same", "pid"), tool(servers, "other", "pid")
    pids = [await asked(same), await asked(other)]
    await servers.start({"same": program("same"), "other": program("other")})
    assert [await asked(same), await asked(other)] == pids
    await servers.start({"same": program("same"), "other": program("other", env={"NEW": "1"})})
    assert await asked(same) == pids[0]
    assert await asked(other) not in (pids[1], FAILED)
    assert not psutil.pid_exists(int(pids[1]))
    await servers.start({"other": program("other", env={"NEW": "1"})})
    assert await asked(same) == FAILED
    assert not psutil.pid_exists(int(pids[0]))
    with pytest.raises(ConfigError):
        servers.tools("same")


# What a program knows, and what it says aside


async def test_a_program_gets_its_own_secrets_and_none_of_ours(
    servers: McpServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway's keys are nobody else's; PATH is."""
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    await servers.start({"shop": program(env={"SHOP_KEY": "theirs"})})
    assert await ask(servers, "shop", "env", name="OPENAI_API_KEY") == "not set"
    assert await ask(servers, "shop", "env", name="SHOP_KEY") == "theirs"
    assert await ask(servers, "shop", "env", name="PATH") == os.environ["PATH"]


async def test_what_a_program_says_aside_is_for_debugging(servers: McpServers) -> None:
    """Each line of its standard error, with its secrets blanked out."""
    await servers.start({"shop": program(env={"KEY": CANARY})})
    with capture_logs() as lines:
        await ask(servers, "shop", "mutter", words=f"key {CANARY} is old")
        await until(lambda: bool(said(lines, "mcp.said")), DEADLINE_S)
    (line,) = said(lines, "mcp.said")
    assert (line["server"], line["log_level"]) == ("shop", "debug")
    assert line["line"] == "key *** is old"


@given(
    st.lists(st.sampled_from([CANARY, "\n", " ", "x" * 1990, CANARY[:5], "é"]), max_size=12),
    st.data(),
)
async def test_no_secret_is_cut_in_two(parts: list[str], data: st.DataObject) -> None:
    """However a program's words arrive, and however long its lines are."""
    written = ("".join(parts) + "\n").encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=6)))
    with capture_logs() as lines:
        aside = mcp._Said(McpServer("shop", env={"KEY": f"{CANARY}\n{CANARY[:5]}"}))
        for start, end in zip([0, *cuts], [*cuts, len(written)], strict=True):
            aside.data_received(written[start:end])
    assert not any(CANARY[:5] in line["line"] or CANARY[-5:] in line["line"] for line in lines)
    short = [each for each in written.split(b"\n")[:-1] if len(each) <= 2000]
    assert len(lines) == len(short)


# Stopping


async def test_stopping_leaves_no_process(servers: McpServers) -> None:
    """Not even of a program that ignores the end of its input and SIGTERM."""
    before = children()
    await servers.start({"one": program("one"), "two": program("two", "--stubborn")})
    assert len(children() - before) == 2
    await soon(asyncio.ensure_future(servers.stop()), DEADLINE_S)
    assert children() == before
    with pytest.raises(ConfigError):
        servers.tools("one")


async def test_stopping_does_not_wait_for_a_server_being_opened(
    servers: McpServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its start fails, and leaves no process."""
    monkeypatch.setattr(mcp, "STOP_LIMIT_S", 3600.0)
    before = children()
    silent = python("shop", "input(); input()", timeout_s=3600)
    starting = asyncio.ensure_future(servers.start({"shop": silent}))
    await until(lambda: children() != before, DEADLINE_S)
    await soon(asyncio.ensure_future(servers.stop()), DEADLINE_S)
    with pytest.raises(ConfigError, match="stopped while it was connecting"):
        await starting
    await until(lambda: children() == before, DEADLINE_S)


async def test_a_lost_server_is_left_alone_after_the_stop(
    servers: McpServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait for the next attempt ends with it."""
    monkeypatch.setattr(mcp, "FIRST_RETRY_S", 3600.0)
    monkeypatch.setattr(mcp, "STOP_LIMIT_S", 3600.0)
    await servers.start({"shop": program()})
    with capture_logs() as lines:
        await ask(servers, "shop", "die")
        await until(lambda: bool(said(lines, "mcp.retry")), DEADLINE_S)
    await soon(asyncio.ensure_future(servers.stop()), DEADLINE_S)


async def test_a_start_nobody_waits_for_leaves_nothing(servers: McpServers) -> None:
    """Cancelled half-way: what it had opened is closed."""
    before = children()
    silent = python("silent", "input(); input()", timeout_s=3600)
    starting = asyncio.ensure_future(servers.start({"silent": silent}))
    await until(lambda: children() != before, DEADLINE_S)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await until(lambda: children() == before, DEADLINE_S)
    await servers.start({"shop": program()})
    assert await ask(servers, "shop", "add", a=1, b=2) == "3"


async def test_what_does_not_end_is_not_waited_for(
    servers: McpServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop has a bound of its own."""
    monkeypatch.setattr(mcp, "STOP_LIMIT_S", 0.05)
    await servers.start({"shop": program("shop", "--stubborn")})
    process = psutil.Process(int(await ask(servers, "shop", "pid")))
    await soon(asyncio.ensure_future(servers.stop()), 1.5)
    if process.is_running():
        process.kill()
    await until(lambda: end_is_seen(process.pid), DEADLINE_S)


def end_is_seen(pid: int) -> bool:
    """Whether the loop that began a program knows that it is over, and may end itself."""
    every = gc.get_objects()
    programs = [one for one in every if issubclass(type(one), asyncio.SubprocessTransport)]
    return all(program.is_closing() for program in programs if program.get_pid() == pid)


async def test_stopping_nothing_is_nothing(servers: McpServers) -> None:
    """Without servers, or twice."""
    await servers.start({})
    await servers.stop()
    await servers.stop()
