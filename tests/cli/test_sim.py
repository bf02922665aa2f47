"""`gateway sim`: either far end as a process of its own, up at once and gone on SIGTERM."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from websockets.asyncio.client import connect

from tests.cli.conftest import Command
from tests.web.carrier import ACCOUNT, TOKEN


@asynccontextmanager
async def simulated(
    folder: Path, end: str, *words: str, **variables: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`python -m gateway sim`: the process and the address it prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "sim", end, "--port", "0", *words),
        env={**os.environ, **variables},
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = (await process.stdout.readline()).decode()
        name, _, url = line.strip().partition("=")
        assert name == {"realtime": "GATEWAY_REALTIME_URL", "twilio": "GATEWAY_TWILIO_API_URL"}[end]
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def stopped(process: asyncio.subprocess.Process, number: int) -> tuple[int, str]:
    """Exit code and stderr after a signal; TimeoutError when it does not end soon."""
    process.send_signal(number)
    async with asyncio.timeout(10):
        _, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, err.decode()


@pytest.mark.asyncio
@pytest.mark.usefixtures("nothing_set")
async def test_the_offline_model_serves_and_stops(tmp_path: Path) -> None:
    """It prints the variable to set, speaks the protocol, and ends on SIGTERM, sessions or not."""
    async with simulated(tmp_path, "realtime") as (process, url):
        headers = {"Authorization": "Bearer made-up"}
        query = "?model=gpt-realtime-2.1"
        async with connect(url + query, additional_headers=headers, proxy=None) as ws:
            assert json.loads(await ws.recv())["type"] == "session.created"
            assert await stopped(process, signal.SIGTERM) == (0, "")
            await ws.wait_closed()
            assert ws.close_code == 1001


@pytest.mark.asyncio
@pytest.mark.usefixtures("nothing_set")
async def test_the_twilio_twin_serves_and_stops(tmp_path: Path) -> None:
    """It prints the variable to set, answers REST for its own account only, and ends on Ctrl-C."""
    secrets = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": f"{TOKEN}, old one"}
    words = ("--number", "+15550009999")
    async with simulated(tmp_path, "twilio", *words, **secrets) as (process, url):
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
            path = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"
            found = (await http.get(path, auth=(ACCOUNT, TOKEN))).json()
            (number,) = found["incoming_phone_numbers"]
            assert number["phone_number"] == "+15550009999"
            assert number["voice_url"] == "http://127.0.0.1:8000/twilio/voice"
            assert (await http.get(path, auth=(ACCOUNT, "wrong"))).status_code == 401
        assert await stopped(process, signal.SIGINT) == (0, "")


def test_the_twin_needs_made_up_credentials(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says which variables, exit 2."""
    told = "gateway: TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN: "
    assert command("sim", "twilio")[0] == 2
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT)
    done = command("sim", "twilio")
    assert (done.code, done.out, done.err[: len(told)]) == (2, "", told)
    assert done.err.count("\n") == 1


def test_a_wrong_script_is_exit_2(command: Command) -> None:
    """The name is told."""
    done = command("sim", "realtime", "--port", "0", "--script", "no-such-script")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("gateway: ")
    assert "no-such-script" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("end", ["realtime", "twilio"])
def test_a_port_that_is_taken_is_exit_1(
    command: Command, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """One line names the address."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = command("sim", end, "--port", str(port))
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"gateway: cannot listen on 127.0.0.1:{port}")
    assert done.err.count("\n") == 1


def test_a_host_that_is_nobodys_is_exit_1(command: Command) -> None:
    """A name that does not resolve is told like a port that is taken."""
    done = command("sim", "realtime", "--host", "no such host")
    assert done.code == 1
    assert done.err.startswith("gateway: cannot listen on no such host:8090: ")
    assert "Unknown error" not in done.err


def test_a_missing_recording_is_exit_2(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The twin is not left running for a call that cannot be played."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    done = command("sim", "twilio", "--port", "0", "--call", str(tmp_path / "none.ulaw"))
    assert done.code == 2
    assert "none.ulaw" in done.err
