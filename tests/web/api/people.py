"""People at a running gateway: those who may sign in, and what their browsers send."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect

from gateway.ops.passwords import hashed
from gateway.ops.userfile import User, UserRole, changed_users
from gateway.ops.users import open_users
from gateway.settings import load_settings
from gateway.store.audit import AuditLog
from gateway.store.entry import Entry
from gateway.web.api.endpoint import Endpoint, Socket, Who
from gateway.web.api.gate import Gate
from tests.web.carrier import LIMIT_S
from tests.web.running import Gateway, running

PASSWORD = "a made-up password"
HASH = hashed(PASSWORD)
PEOPLE: dict[str, UserRole] = {"vera": "viewer", "otto": "operator", "anna": "admin"}
TALK = "/api/talk"
"""A socket for operators that says what it hears."""


class Talk:
    """What happens behind the socket."""

    def __init__(self) -> None:
        self.tidied = asyncio.Event()

    async def handle(self, websocket: WebSocket, who: Who) -> None:
        """Says who is there, then everything again."""
        await websocket.accept()
        await websocket.send_text(who.name)
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except WebSocketDisconnect:
            pass
        finally:
            self.tidied.set()


class Manned:
    """A running gateway with people who may sign in."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.noted: list[dict[str, Any]] = []
        """Lines of the audit trail."""
        self.talk = Talk()
        self.app: Starlette
        self.gateway: Gateway

    @property
    def gate(self) -> Gate:
        """Its gate."""
        gate: Gate = self.app.state.gate
        return gate

    @property
    def origin(self) -> str:
        """Of its own pages."""
        return self.gateway.public_url

    def put(self, entry: Entry) -> None:
        """Takes a line of the audit trail."""
        self.noted.append(dict(entry.changes[0].values))

    def extend(self, app: Starlette) -> None:
        """Adds the socket."""
        self.app = app
        gate: Gate = app.state.gate
        socket = Socket(TALK, "operator", self.talk.handle, "Says everything again")
        app.router.routes.append(gate.route(socket))

    def actions(self) -> list[tuple[str, str]]:
        """Who did what."""
        return [(line["who"], line["action"]) for line in self.noted]

    async def sign_in(
        self, name: str = "anna", password: str = PASSWORD, **headers: str
    ) -> httpx2.Response:
        """Asks to be let in, from our own page unless told otherwise."""
        sent = {"Origin": self.origin, **{key.replace("_", "-"): v for key, v in headers.items()}}
        body = {"name": name, "password": password}
        async with httpx2.AsyncClient(base_url=self.origin, trust_env=False) as http:
            return await http.post("/api/session", json=body, headers=sent)

    async def cookie(self, name: str = "anna") -> dict[str, str]:
        """What a browser of somebody who signed in sends."""
        answer = await self.sign_in(name)
        assert answer.status_code == 200, answer.text
        return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}

    async def ask(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """One request."""
        return await self.gateway.http.request(method, path, **request)

    async def open(self, headers: dict[str, str]) -> ClientConnection:
        """The socket."""
        url = f"ws://127.0.0.1:{self.gateway.port}{TALK}"
        return await connect(
            url, additional_headers=headers, proxy=None, open_timeout=LIMIT_S, compression=None
        )


@asynccontextmanager
async def manned(
    folder: Path, more: tuple[Endpoint, ...] = (), **changes: Any
) -> AsyncIterator[Manned]:
    """A gateway with a viewer, an operator and an admin; `more` is behind its gate, too."""
    file = folder / "users.toml"
    with changed_users(file) as users:
        for name, role in PEOPLE.items():
            users[name] = User(name, role, HASH)
    found = Manned(file)
    known = open_users(load_settings(_env_file=None, users=file, **changes))
    parts = {"users": known, "audit": AuditLog(found.put)}

    def extend(app: Starlette) -> None:
        found.extend(app)
        app.router.routes += [found.gate.route(each) for each in more]

    async with running(folder, extend=extend, parts=parts, users=file, **changes) as gateway:
        found.gateway = gateway
        yield found
