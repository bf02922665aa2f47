"""The upgrade check: what comes in place of a 101, and that nothing is left of a look."""

import asyncio
from pathlib import Path

import pytest

from gateway.ops.doctor.carrier import Carrier
from gateway.ops.doctor.finding import Wrong
from gateway.ops.doctor.upgrade import socket_opens
from gateway.settings import load_settings
from gateway.web.media import MAX_STRANGERS
from tests.ops.doctor.test_carrier import saying, talking
from tests.ports import free_port
from tests.web.carrier import ACCOUNT, TOKEN
from tests.web.running import running


@pytest.mark.asyncio
async def test_a_socket_opens_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """The gateway counts no stranger and no refusal."""
    async with running(tmp_path) as gateway, Carrier(gateway.settings) as carrier:
        with gateway.refuses():
            told = await socket_opens(carrier)
            await gateway.http.get("/healthz")
    assert told == f"{gateway.stream_url} is upgraded (101)"


@pytest.mark.asyncio
async def test_our_own_refusals_say_why(tmp_path: Path) -> None:
    """A signature that is not right, and too many who wait."""
    async with running(tmp_path) as gateway:
        settings = gateway.settings.model_copy(
            update={"twilio_auth_token": load_settings(twilio_auth_token="x").twilio_auth_token}
        )
        async with Carrier(settings) as stranger:
            with pytest.raises(Wrong, match="the gateway refuses the upgrade"):
                await socket_opens(stranger)
        waiting = [await gateway.socket() for _ in range(MAX_STRANGERS)]
        async with Carrier(gateway.settings) as carrier:
            with pytest.raises(Wrong, match="too_many_strangers"):
                await socket_opens(carrier)
        await asyncio.gather(*(each.ws.close() for each in waiting))


INSTEAD = {
    "an ordinary answer": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP 200 in place"),
    "Upgrade Required": (b"HTTP/1.1 426 No\r\nContent-Length: 0\r\n\r\n", "lost on the way"),
    "a redirect": (
        b"HTTP/1.1 301 No\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n",
        "HTTP 301",
    ),
    "nothing": (b"", "closed in place of a 101"),
    "noise": (b"\x16\x03\x01\r\n\r\n", "closed in place of a 101"),
    "half an upgrade": (b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\n\r\n", "is broken"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", INSTEAD)
async def test_what_comes_instead_is_named(name: str) -> None:
    """With the usual cure."""
    answer, says = INSTEAD[name]
    async with talking(saying(answer)) as carrier:
        with pytest.raises(Wrong) as wrong:
            await socket_opens(carrier)
    assert says in wrong.value.detail
    assert "proxy_set_header Upgrade" in wrong.value.fix


@pytest.mark.asyncio
async def test_silence_and_nobody_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a limit."""
    monkeypatch.setattr("gateway.ops.doctor.carrier.CONNECT_S", 0.2)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with talking(silent) as carrier:
        with pytest.raises(Wrong, match="no 101 within"):
            await socket_opens(carrier)
    settings = load_settings(
        _env_file=None,
        public_url=f"http://127.0.0.1:{free_port()}",
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
    )
    async with Carrier(settings) as nowhere:
        with pytest.raises(Wrong, match="no connection for ws://"):
            await socket_opens(nowhere)
