"""A real tool server for the tests, run as a process of its own.

Over its input and output; with ``--http PORT`` over streamable HTTP, on a port (0 = any) that it
prints first, with ``--token`` for bearers of that token only.
"""

import argparse
import asyncio
import os
import signal
import socket
import sys
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ImageContent

server = MCPServer("shop", log_level="CRITICAL")
_both = asyncio.Barrier(2)


@server.tool()
async def add(a: int, b: int) -> str:
    """Adds two numbers."""
    return str(a + b)


@server.tool()
async def pid() -> str:
    """The process that answers."""
    return str(os.getpid())


@server.tool()
async def env(name: str) -> str:
    """A variable of the server's environment."""
    return os.environ.get(name, "not set")


@server.tool()
async def meet() -> str:
    """Answers when another call of it has come too."""
    async with _both:
        return "met"


@server.tool()
async def hang() -> str:
    """Never answers."""
    await asyncio.Event().wait()
    return "never"


@server.tool()
async def die() -> str:
    """Takes the whole server down."""
    os._exit(3)


@server.tool()
async def refuse() -> str:
    """Fails with words that are meant for the agent."""
    raise ToolError("There is no such order.")


@server.tool()
async def crash(words: str) -> str:
    """Fails with words that are meant for nobody."""
    raise RuntimeError(words)


@server.tool(structured_output=False)
async def picture() -> list[Any]:
    """Words and a picture."""
    return ["A map:", ImageContent(type="image", data="AAAA", mime_type="image/png")]


@server.tool(name="orders.refund")
async def refund(order: int) -> str:
    """Gives money back."""
    return f"refunded {order}"


@server.tool()
async def mutter(words: str) -> str:
    """Writes to its standard error."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()
    return "muttered"


def only_for(token: str, app: Any) -> Any:
    """The same application, for bearers of the token."""

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        given = dict(scope.get("headers", [])).get(b"authorization")
        if scope["type"] != "http" or given == f"Bearer {token}".encode():
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b"no"})

    return guarded


def main() -> None:
    """Serves until it is ended."""
    options = argparse.ArgumentParser()
    options.add_argument("--http", type=int)
    options.add_argument("--token", default="")
    options.add_argument("--stubborn", action="store_true")
    asked = options.parse_args()
    if asked.http is not None:
        listener = socket.create_server(("127.0.0.1", asked.http))
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        app: Any = server.streamable_http_app()
        if asked.token:
            app = only_for(asked.token, app)
        uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])
        return
    if asked.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server.run()
    while asked.stubborn:
        signal.pause()


if __name__ == "__main__":
    main()
