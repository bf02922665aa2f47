"""The tool servers of mcp.toml: connected once per process, and what their tools are to an agent.

Each server has one owning task on the tool loop that opens, keeps and closes its connection (MCP's
transports stand on anyio's cancel scopes, which must be left by the task that entered them). It
speaks to the protocol's own client rather than to the SDK's server classes: those let one hanging
call over HTTP hold up everybody else's, and learn of a lost server only from the next failed call.

What a server says, and the values of ``env`` and ``headers``, reach neither logs nor errors.
"""

import asyncio
import concurrent.futures
import contextlib
import json
import logging
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

import anyio
import httpx2
import structlog
from agents import FunctionTool
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Tool

from gateway.agents.servers import McpServer
from gateway.call.tools import ToolRunner
from gateway.errors import ConfigError

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0
"""A lost server is asked again after the first, then twice as long each time, up to the other."""
STOP_LIMIT_S = 8.0
"""Longest wait for a server to go: more than MCP's own steps to end a program take (6.5 s)."""
NO_OBJECT = "Not done: the arguments are no JSON object."

_SESSION = "mcp-session-id"
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME = 64
_LONGEST_LINE = 2000
_SHORTEST_SECRET = 4
_FAILURES = (ExceptionGroup, MCPError, httpx2.HTTPError, OSError, ValueError, RuntimeError)
"""What opening, using and closing a connection may raise; task groups wrap all else of it."""

# MCP's own log lines quote what a server sent: records of callers, for instance.
for _name in ("mcp", "client"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

Away = Callable[[FunctionTool], FunctionTool]
Call = Callable[[str, str, dict[str, Any]], Awaitable[CallToolResult]]
"""Calls a tool: the server's name, the tool's, its arguments. Raises while the server is lost."""

_log = structlog.get_logger()


class McpServers:
    """Every tool server of the process. Started and stopped while the tool runner runs."""

    def __init__(self, runner: ToolRunner) -> None:
        self._runner = runner
        self._owners: dict[str, _Owner] = {}
        self._opening: list[_Owner] = []
        self._turn = asyncio.Lock()

    async def start(self, servers: Mapping[str, McpServer]) -> None:
        """Makes these the servers: new ones are connected, changed ones anew, others are left.

        All or nothing: raises ConfigError with a line per server that cannot be reached or lacks
        a tool of its ``needs_approval``, and then everything is as it was.
        """
        async with self._turn:
            fresh = {
                name: _Owner(server, self._runner.away, self._call)
                for name, server in servers.items()
                if name not in self._owners or self._owners[name].server != server
            }
            self._opening, connected = list(fresh.values()), False
            try:
                await self._open(fresh.values())
                connected = True
            finally:
                self._opening = []
                if not connected:
                    await self._close(fresh.values())
            known = {**self._owners, **fresh}
            before, self._owners = self._owners, {name: known[name] for name in servers}
            await self._close(before[name] for name in before.keys() - (servers.keys() - fresh))

    def tools(self, name: str) -> list[FunctionTool]:
        """A server's tools, those it last had while it is lost; away from the call loop.

        They belong to the name: a call that began before a server was restarted goes on with it.
        Raises ConfigError for a server that was not started.
        """
        owner = self._owners.get(name)
        if owner is None:
            raise ConfigError(f"mcp.toml: {name}: is not started")
        return list(owner.tools)

    async def stop(self) -> None:
        """Ends every connection and program, within STOP_LIMIT_S; also while they are opened."""
        await self._close(self._opening)
        async with self._turn:
            owners, self._owners = self._owners, {}
            await self._close(owners.values())

    async def _open(self, owners: Iterable["_Owner"]) -> None:
        for owner in owners:
            owner.life = self._runner.spawn(owner.live())
        opened = [self._runner.run(owner.opened) for owner in owners]
        failures = [failure for failure in await asyncio.gather(*opened) if failure]
        if failures:
            raise ConfigError("\n".join(failures))

    async def _close(self, owners: Iterable["_Owner"]) -> None:
        ending = []
        for owner in owners:
            if owner.life is not None:
                ending += [self._runner.spawn(owner.leave()), owner.life]
        if ending:
            _, late = await asyncio.wait(map(asyncio.wrap_future, ending), timeout=STOP_LIMIT_S)
            for each in late:
                each.cancel()

    async def _call(self, name: str, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        owner = self._owners.get(name)
        if owner is None:
            raise ConnectionError(f"{name} was stopped")
        return await owner.call(tool, arguments)


class _Owner:
    """One server's connection, opened again whenever it is lost. Lives on the tool loop."""

    def __init__(self, server: McpServer, away: Away, call: Call) -> None:
        self.server = server
        self.client: Client | None = None
        self.tools: list[FunctionTool] = []
        self.life: concurrent.futures.Future[None] | None = None
        self._away = away
        self._call = call
        self._status = 0
        self._forgotten = False
        self._failure = "was stopped while it was connecting"
        self._settled = asyncio.Event()
        self._over = asyncio.Event()
        self._connected_at = float("inf")
        self._leaving = False
        self._scope = anyio.CancelScope()

    async def opened(self) -> str:
        """Waits for the first connection; why it failed, nothing when it stands."""
        await self._settled.wait()
        return f"mcp.toml: {self.server.name}: {self._failure}" if self._failure else ""

    async def call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        """Calls a tool of the server; raises at once while it is lost."""
        if self.client is None:
            raise ConnectionError(f"{self.server.name} is not connected")
        try:
            return await self.client.call_tool(tool, arguments)
        finally:
            if self._forgotten:
                self._over.set()

    async def leave(self) -> None:
        """Ends the connection, or the wait for one."""
        self._leaving = True
        if self.client is None:
            self._scope.cancel()
        else:
            self._over.set()  # so that a session is ended politely

    async def live(self) -> None:
        """The owning task: one connection after the other, until it is told to leave."""
        retry_s = FIRST_RETRY_S
        with self._scope:
            while True:
                self._connected_at = float("inf")
                why = await self._connection()
                if not self._settled.is_set():
                    self._failure = why
                    break
                if self._leaving:
                    break
                if anyio.current_time() - self._connected_at > LONGEST_RETRY_S:
                    retry_s = FIRST_RETRY_S
                _log.debug("mcp.retry", server=self.server.name, reason=why, retry_s=retry_s)
                await anyio.sleep(retry_s)
                retry_s = min(2 * retry_s, LONGEST_RETRY_S)
        self._settled.set()

    async def _connection(self) -> str:
        """One connection from its beginning to its end; why it ended."""
        self._over.clear()
        self._forgotten = False
        server, timeout_s = self.server, self.server.timeout_s
        why = f"did not answer within {timeout_s:g} s"
        way = _address(server, self._answered) if server.url else _program(server)
        try:
            with anyio.CancelScope(deadline=anyio.current_time() + timeout_s) as scope:
                async with Client(way, cache=None) as client:
                    self.tools = self._function_tools(await _listed(client))
                    scope.deadline = float("inf")
                    self._connected(client)
                    await self._over.wait()
                    why = "the server has ended the session"
        except _FAILURES as error:
            why = self._reason(error)
        finally:
            if self.client is not None and not self._leaving:
                _log.warning("mcp.lost", server=self.server.name, reason=why)
            self.client = None
        return why

    def _connected(self, client: Client) -> None:
        self.client, self._failure, self._connected_at = client, "", anyio.current_time()
        self._settled.set()
        _log.info("mcp.connected", server=self.server.name, tools=len(self.tools))

    async def _answered(self, response: httpx2.Response) -> None:
        """Sees each answer of an address: its status, and the one that says the session is gone.

        A client that gets 404 for its session must begin a new one (MCP, Streamable HTTP).
        """
        self._status = response.status_code
        self._forgotten |= self._status == 404 and _SESSION in response.request.headers

    def _function_tools(self, listed: list[Tool]) -> list[FunctionTool]:
        names = [tool.name for tool in listed]
        missing = [name for name in self.server.needs_approval if name not in names]
        if missing:  # a misspelt name would leave the tool it means without approval
            raise ConfigError(
                f"needs_approval: the server has no tool {', '.join(missing)}; "
                f"it has {', '.join(sorted(names)) or 'none'}"
            )
        return [self._away(self._function_tool(tool)) for tool in listed]

    def _function_tool(self, tool: Tool) -> FunctionTool:
        server, call = self.server, self._call

        async def invoke(_context: Any, arguments: str) -> str:
            try:
                given = json.loads(arguments or "{}")
            except ValueError:
                return NO_OBJECT
            if not isinstance(given, dict):
                return NO_OBJECT
            return _text(await call(server.name, tool.name, given))

        return FunctionTool(
            name=_NOT_IN_A_NAME.sub("_", tool.name)[:_LONGEST_NAME],
            description=tool.description or tool.title or "",
            # MCP may leave the properties out, the model's API does not.
            params_json_schema={"properties": {}, **tool.input_schema},
            on_invoke_tool=invoke,
            strict_json_schema=False,
            needs_approval=tool.name in server.needs_approval,
            timeout_seconds=server.timeout_s,
        )

    def _reason(self, error: BaseException) -> str:
        """Why a connection failed, in words that carry no address and nothing a server wrote."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        match error:
            case ConfigError():
                return str(error)
            case _Ended():
                return "the program ended (GATEWAY_LOG_LEVEL=debug shows what it wrote)"
            case httpx2.ConnectError():
                return "cannot be reached"
            case httpx2.HTTPError():
                return f"the connection broke ({type(error).__name__})"
            case MCPError() if self._status >= 400:
                return f"answers with HTTP {self._status}"
            case MCPError():
                return f"refuses (MCP error {error.code})"
            case OSError() if self.server.command and error.strerror:
                return f"{self.server.command} cannot be run: {error.strerror}"
        return f"failed ({type(error).__name__})"


# The two ways to a server


class _Ended(Exception):
    """A program's output has ended."""


@contextlib.asynccontextmanager
async def _program(server: McpServer) -> AsyncIterator[Any]:
    """A program of ours, spoken to over its input and output; raises when its output ends.

    It gets the environment MCP deems safe (PATH, HOME, …) and its own ``env``, none of our secrets.
    """
    command = StdioServerParameters(
        command=server.command or "", args=list(server.args), env=dict(server.env)
    )
    ours, programs = os.pipe()
    with os.fdopen(ours, "rb", 0) as aside, os.fdopen(programs, "w") as errors:
        loop = asyncio.get_running_loop()
        pipe, _ = await loop.connect_read_pipe(lambda: _Said(server), aside)
        with contextlib.closing(pipe):
            async with stdio_client(command, errors) as (read, write), _forwarding(read) as forward:
                errors.close()  # the program has its own end now
                yield forward, write


@contextlib.asynccontextmanager
async def _forwarding(read: Any) -> AsyncIterator[Any]:
    """The same stream, whose end is an error: MCP's client would only fail the next call."""
    forward, forwarded = anyio.create_memory_object_stream[Any](0)

    async def forwarding() -> None:
        async with forward:
            async for message in read:
                await forward.send(message)
        raise _Ended

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(forwarding)
        try:
            yield forwarded
        finally:
            tasks.cancel_scope.cancel()


class _Said(asyncio.Protocol):
    """What a program writes to its standard error: lines for debugging, without its secrets."""

    def __init__(self, server: McpServer) -> None:
        self._name = server.name
        lines = [line for value in server.env.values() for line in value.splitlines()]
        self._secrets = [line for line in lines if len(line) >= _SHORTEST_SECRET]
        self._begun: bytes | None = b""
        """The line being written; None while one goes by that is too long to be kept."""

    def data_received(self, data: bytes) -> None:
        """Logs each full line."""
        first, *more = data.split(b"\n")
        for part in more:
            self._add(first)
            if self._begun is not None:
                text = self._begun.decode(errors="replace")
                for secret in self._secrets:
                    text = text.replace(secret, "***")
                _log.debug("mcp.said", server=self._name, line=text)
            self._begun, first = b"", part
        self._add(first)

    def _add(self, part: bytes) -> None:
        if self._begun is not None:
            self._begun += part
            if len(self._begun) > _LONGEST_LINE:
                self._begun = None  # half a line could end in half a secret


@contextlib.asynccontextmanager
async def _address(server: McpServer, answered: Callable[..., Any]) -> AsyncIterator[Any]:
    """A server spoken to over streamable HTTP; raises when it cannot be reached any more."""
    http = httpx2.AsyncClient(
        headers=dict(server.headers),
        # How long an answer may take is each call's own limit: one that runs out here would end
        # the connection for all.
        timeout=httpx2.Timeout(server.timeout_s, read=None),
        event_hooks={"response": [answered]},
    )
    async with http, streamable_http_client(server.url or "", http_client=http) as streams:
        yield streams


# What a server says


async def _listed(client: Client) -> list[Tool]:
    tools: list[Tool] = []
    cursor = None
    while True:
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return tools


def _text(result: CallToolResult) -> str:
    """A result as the model hears it; what cannot be said on a phone is named and left out."""
    if not result.content and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    parts = []
    for each in result.content:
        text = getattr(getattr(each, "resource", each), "text", None)
        parts.append(f"({each.type} left out: it is not text)" if text is None else text)
    return "\n".join(parts)
