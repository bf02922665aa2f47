"""The model check: every server of the agents is asked, and each refusal is told apart."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from gateway.ops.doctor.examination import Check, examine
from gateway.ops.doctor.finding import Skipped, Wrong
from gateway.ops.doctor.model import ModelCheck
from gateway.settings import load_settings
from gateway.sim.realtime import RealtimeOptions, RealtimeServer
from tests.e2e.harness import ROOT
from tests.ports import free_port


def check(url: str, **changes: Any) -> ModelCheck:
    """Of the shipped agents, on this server."""
    given = {
        "openai_api_key": "sk-of-the-gateway",
        "realtime_url": url,
        "agents_dir": ROOT / "agents_config",
        "connect_timeout_s": 2.0,
    }
    return ModelCheck(load_settings(_env_file=None, **{**given, **changes}))


@asynccontextmanager
async def offline(**changes: Any) -> AsyncIterator[RealtimeServer]:
    """The offline model."""
    server = RealtimeServer(RealtimeOptions(**changes))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def saying(event: Mapping[str, Any] | bytes | None) -> AsyncIterator[str]:
    """A server that says one thing and closes; where it is."""

    async def talk(connection: ServerConnection) -> None:
        if event is not None:
            said = event if isinstance(event, bytes) else msgspec.json.encode(event)
            await connection.send(said, text=True)
        await connection.close(1011, "out of order")

    async with serve(talk, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v1/realtime"


def agent(folder: Path, name: str, toml: str) -> None:
    """An agent of one file."""
    (folder / f"{name}.toml").write_text(toml)
    (folder / f"{name}.md").write_text("Be brief.")


@pytest.mark.asyncio
async def test_a_session_is_opened_and_closed() -> None:
    """Once for all agents of one server and model, and nothing is asked of it."""
    async with offline(api_key="sk-of-the-gateway") as server:
        looked = check(server.url)
        told = await looked.look()
        assert told == f"{server.url.split('/')[2]} opened a session with gpt-realtime-2.1"
        (session,) = server.sessions
        assert [row for row in session.trace if row["dir"] == "C"] == []
        assert looked.greets()


@pytest.mark.asyncio
async def test_every_server_of_the_agents_is_asked(tmp_path: Path) -> None:
    """The one that refuses is named, with the agent whose calls would fail."""
    async with offline(api_key="sk-of-the-gateway") as one, offline(api_key="another") as other:
        agent(tmp_path, "assistant", "greeting = 'Greet.'")
        agent(tmp_path, "special", f"[provider]\nurl = '{other.url}'\napi_key_file = 'key'")
        (tmp_path / "key").write_text("sk-of-the-agent")
        toml = (tmp_path / "special.toml").read_text()
        key = tmp_path / "key"
        (tmp_path / "special.toml").write_text(toml.replace("'key'", f"'{key}'"))
        with pytest.raises(Wrong) as wrong:
            await check(one.url, agents_dir=tmp_path).look()
        assert other.url.split("/")[2] in wrong.value.detail
        assert "does not accept the key" in wrong.value.detail
        assert "provider" in wrong.value.fix
        assert "sk-of" not in wrong.value.detail
        assert len(one.sessions) == 1


@pytest.mark.asyncio
async def test_a_key_from_a_function_is_asked_for(tmp_path: Path) -> None:
    """As for each connection of a call."""
    async with offline(api_key="sk-from-a-function") as server:
        toml = f"[provider]\nurl = '{server.url}'\napi_key_from = 'vault.key'"
        agent(tmp_path, "assistant", toml)
        (tmp_path / "vault.py").write_text("def key():\n    return 'sk-from-a-function'\n")
        looked = check("", agents_dir=tmp_path)
        assert "opened a session" in await looked.look()
        assert not looked.greets()


@pytest.mark.asyncio
async def test_a_function_without_a_key_is_wrong(tmp_path: Path) -> None:
    """In place of a connection."""
    toml = "[provider]\nurl = 'ws://127.0.0.1:1/v1/realtime'\napi_key_from = 'vault.key'"
    agent(tmp_path, "assistant", toml)
    (tmp_path / "vault.py").write_text("def key():\n    return None\n")
    with pytest.raises(Wrong, match="returned no key"):
        await check("", agents_dir=tmp_path).look()


@pytest.mark.asyncio
async def test_a_function_that_raises_is_wrong(tmp_path: Path) -> None:
    """By the name of what it raised, and where; not by its words."""
    toml = "[provider]\nurl = 'ws://127.0.0.1:1/v1/realtime'\napi_key_from = 'vault.key'"
    agent(tmp_path, "assistant", toml)
    (tmp_path / "vault.py").write_text("def key():\n    raise LookupError('sk-secret')\n")
    looked = Check("model", check("", agents_dir=tmp_path).look)
    (found,) = await examine([looked], lambda _: None)
    assert found.state == "wrong"
    assert "LookupError at vault.py:2" in found.detail


@pytest.mark.asyncio
async def test_agents_with_mistakes_leave_the_server_of_the_settings(tmp_path: Path) -> None:
    """Whether its key is right can be said all the same."""
    agent(tmp_path, "assistant", "greating = 'x'")
    async with offline() as server:
        assert "opened a session" in await check(server.url, agents_dir=tmp_path).look()


@pytest.mark.asyncio
async def test_without_a_key_nobody_is_asked() -> None:
    """The settings check says so."""
    with pytest.raises(Skipped, match="OPENAI_API_KEY"):
        await check("ws://127.0.0.1:1/v1/realtime", openai_api_key=None).look()


def error(code: str | None, message: str = "Words of the server.") -> dict[str, Any]:
    """An `error` event."""
    inner = {"type": "invalid_request_error", "code": code, "message": message, "param": None}
    return {"type": "error", "event_id": "event_1", "error": inner}


SAID = {
    "a wrong key": (error("invalid_api_key", "Incorrect key: sk-o***"), "not accept the key"),
    "no key": (error(None, "Missing bearer or basic authentication in header"), "not accept"),
    "no such model": (error("model_not_found"), "does not know the model gpt-realtime-2.1"),
    "no money": (error("insufficient_quota"), "refuses: insufficient_quota"),
    "something else": (error("server_error", "It is Monday."), "refuses: It is Monday."),
    "nothing": (None, "closed the connection: 1011 out of order"),
    "what is no event": (b"hello", "closed the connection"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", SAID)
async def test_what_it_says_in_place_of_a_session_is_told(name: str) -> None:
    """Words that may hold a key are not."""
    event, says = SAID[name]
    async with saying(event) as url:
        with pytest.raises(Wrong) as wrong:
            await check(url).look()
    assert says in wrong.value.detail
    assert "sk-o" not in wrong.value.detail
    assert wrong.value.fix


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "does not accept the key (HTTP 401)"),
        (403, "does not accept the key (HTTP 403)"),
        (429, "takes no more sessions"),
        (500, "does not upgrade to a WebSocket: HTTP 500"),
    ],
)
async def test_refusals_by_http_are_told_apart(status: int, says: str) -> None:
    """Before there is any WebSocket."""
    async with offline(http_status=status) as server:
        with pytest.raises(Wrong) as wrong:
            await check(server.url).look()
    assert says in wrong.value.detail


@pytest.mark.asyncio
async def test_nobody_and_nowhere_are_told_apart() -> None:
    """A port nobody listens on, a host without address."""
    with pytest.raises(Wrong, match="nothing listens there"):
        await check(f"ws://127.0.0.1:{free_port()}/v1/realtime").look()
    with pytest.raises(Wrong, match="its host has no address"):
        await check("wss://nowhere.invalid/v1/realtime").look()


@pytest.mark.asyncio
async def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    """Longer than a caller would be."""
    async with offline(session_delay_ms=4000) as server:
        with pytest.raises(Wrong, match=r"said nothing within 0.3 s"):
            await check(server.url, connect_timeout_s=0.3).look()
