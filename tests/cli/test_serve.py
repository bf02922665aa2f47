"""`gateway serve`: refuses to start half-configured, and as a process obeys real signals."""

import asyncio
import dataclasses
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

from gateway.cli.serve import _tell_of, check_settings, offline_settings
from gateway.errors import ConfigError
from gateway.settings import load_settings
from gateway.sim.realtime import RealtimeServer
from tests.cli.conftest import AGENTS, Command
from tests.ops.tunnels import ADDRESS, CLOUDFLARED, NGROK, told_by, tool
from tests.ports import free_port
from tests.sim.realtime.harness import options
from tests.web.carrier import (
    ACCOUNT,
    Carrier,
    new_call_sid,
    quiet_frame,
    start_message,
    verbs,
    voice_form,
)

NEEDED = {
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "GATEWAY_PUBLIC_URL": "https://voice.example.com",
    "OPENAI_API_KEY": "sk-x",
}

# What it refuses


@pytest.mark.parametrize("missing", NEEDED)
def test_it_does_not_start_half_configured(
    command: Command, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """Closed, never open: one line names what is missing, exit 2."""
    for name in NEEDED.keys() - {missing}:
        monkeypatch.setenv(name, NEEDED[name])
    done = command("serve")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"gateway: not set: {missing}")
    assert done.err.count("\n") == 1


def test_everything_missing_is_told_at_once(command: Command) -> None:
    """And how to try it without any of it."""
    done = command("serve")
    assert done.code == 2
    assert all(name in done.err for name in (*NEEDED, "gateway serve --offline"))


def test_an_auth_token_of_commas_is_none(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty rotation list does not open the webhooks."""
    for name, value in {**NEEDED, "TWILIO_AUTH_TOKEN": " , "}.items():
        monkeypatch.setenv(name, value)
    done = command("serve")
    assert (done.code, "TWILIO_AUTH_TOKEN" in done.err) == (2, True)


@pytest.mark.usefixtures("nothing_set")
def test_headers_may_stand_in_for_the_key() -> None:
    """Azure and compatible servers have keys of their own."""
    given = {name.lower().removeprefix("gateway_"): value for name, value in NEEDED.items()}
    del given["openai_api_key"]
    check_settings(load_settings(**given, realtime_headers='{"api-key": "x"}'))
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        check_settings(load_settings(**given))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "voice.example.com"])
def test_offline_is_for_this_machine(
    command: Command, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Made-up secrets are never offered to a network, typed or set."""
    told = "gateway: GATEWAY_HOST: --offline answers on loopback only (127.0.0.1)\n"
    assert command("serve", "--offline", "--host", host) == (2, "", told)
    monkeypatch.setenv("GATEWAY_HOST", host)
    assert command("serve", "--offline") == (2, "", told)


def test_offline_has_no_public_address(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real public address with made-up secrets would be a mistake."""
    monkeypatch.setenv("GATEWAY_PUBLIC_URL", "https://voice.example.com")
    done = command("serve", "--offline")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("gateway: GATEWAY_PUBLIC_URL: ")


@pytest.mark.usefixtures("nothing_set")
def test_offline_makes_its_own_secrets() -> None:
    """Fresh ones each time, of full length; nothing else is needed."""
    one, other = offline_settings(load_settings()), offline_settings(load_settings())
    check_settings(one)
    assert one.auth_tokens != other.auth_tokens
    assert re.fullmatch("[0-9a-f]{32}", one.auth_tokens[0])
    assert re.fullmatch("AC[0-9a-f]{32}", one.twilio_account_sid)
    assert one.public_url == "http://127.0.0.1:8000"


@pytest.mark.usefixtures("nothing_set")
def test_offline_keeps_what_was_set() -> None:
    """A twin on this machine needs to know account, token and address."""
    given = offline_settings(
        load_settings(
            twilio_account_sid="AC1",
            twilio_auth_token="a,b",
            port=9000,
            public_url="http://localhost:9000",
        )
    )
    assert given.auth_tokens == ("a", "b")
    assert (given.twilio_account_sid, given.port) == ("AC1", 9000)
    assert given.public_url == "http://localhost:9000"


@pytest.mark.usefixtures("nothing_set")
def test_offline_sends_nobodys_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The offline model gets the made-up key, whatever is set for the real one."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    monkeypatch.setenv("GATEWAY_REALTIME_HEADERS", '{"api-key": "real"}')
    given = offline_settings(load_settings())
    assert given.openai_api_key is not None
    assert given.openai_api_key.get_secret_value() == "offline"
    assert given.realtime_headers == {}


# Through a tunnel


def test_a_tunnel_is_not_for_what_cannot_be_reached(command: Command) -> None:
    """Made-up secrets stay on this machine; and a port has to be known beforehand."""
    told = "gateway: --tunnel: --offline cannot be reached from outside\n"
    assert command("serve", "--tunnel", "--offline") == (2, "", told)


def test_a_tunnel_stands_in_for_the_address_alone(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything else is as necessary, and looked at before any tool is started."""
    monkeypatch.setenv("PATH", "")
    done = command("serve", "--tunnel")
    assert (done.code, "GATEWAY_PUBLIC_URL" in done.err) == (2, False)
    assert done.err.startswith("gateway: not set: TWILIO_AUTH_TOKEN")
    for name in NEEDED.keys() - {"GATEWAY_PUBLIC_URL"}:
        monkeypatch.setenv(name, NEEDED[name])
    done = command("serve", "--tunnel")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("gateway: --tunnel: neither cloudflared nor ngrok is on PATH")


@pytest.mark.asyncio
async def test_a_tunnel_is_there_as_long_as_the_gateway(tmp_path: Path) -> None:
    """Its address is the one of the webhook; SIGTERM ends both."""
    tools = tmp_path / "bin"
    tools.mkdir()
    made = tool(tools, "cloudflared", CLOUDFLARED)
    variables = {name: NEEDED[name] for name in NEEDED if name != "GATEWAY_PUBLIC_URL"}
    words = ("--tunnel", "--port", str(free_port()))
    path = f"{tools}:{os.environ['PATH']}"
    async with serving(tmp_path, *words, **variables, PATH=path) as process:
        await process.told("gateway.ready")
        told = next(json.loads(line) for line in process.lines if "gateway.addresses" in line)
        assert told["webhook"] == f"{ADDRESS}/twilio/voice"
        assert told["dashboard"].startswith("closed: set GATEWAY_ADMIN_PASSWORD")
        pid = told_by(made)["pid"]
        assert told_by(made)["words"][-1] == f"http://127.0.0.1:{words[2]}"
        os.kill(pid, 0)
        process.signal(signal.SIGTERM)
        assert await process.exited() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not any("tunnel.ended" in line for line in process.lines)


@pytest.mark.asyncio
async def test_a_tunnel_that_ends_is_told(tmp_path: Path) -> None:
    """The gateway goes on: whoever is on the line elsewhere is none of the tunnel's business."""
    tools = tmp_path / "bin"
    tools.mkdir()
    made = tool(tools, "ngrok", NGROK)
    variables = {name: NEEDED[name] for name in NEEDED if name != "GATEWAY_PUBLIC_URL"}
    words = ("--tunnel", "--port", str(free_port()))
    path = f"{tools}:{os.environ['PATH']}"
    async with serving(tmp_path, *words, **variables, PATH=path) as process:
        await process.told("gateway.ready")
        os.kill(told_by(made)["pid"], signal.SIGTERM)
        await process.told("tunnel.ended")
        process.signal(signal.SIGTERM)
        assert await process.exited() == 0


# As a process


class Process:
    """A running `gateway serve`, and every line it wrote to stderr."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._news = asyncio.Event()
        self.lines: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def told(self, event: str, times: int = 1) -> None:
        """Returns when an event has been logged so often."""
        async with asyncio.timeout(50):
            while sum(f'"event": "{event}"' in line for line in self.lines) < times:
                assert not self._reading.done(), self.lines
                self._news.clear()
                await self._news.wait()

    def signal(self, number: int) -> None:
        """A real signal."""
        self._process.send_signal(number)

    async def exited(self) -> int:
        """The exit code; TimeoutError when it does not end soon."""
        async with asyncio.timeout(40):
            await self._reading
            return await self._process.wait()

    async def stop(self) -> None:
        """Whatever state it is in."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.lines.append(line.decode().removesuffix("\n"))
            self._news.set()
        self._news.set()


@asynccontextmanager
async def serving(folder: Path, *words: str, **variables: str) -> AsyncIterator[Process]:
    """`python -m gateway serve` with these variables and none of ours."""
    inherited = {
        k: v for k, v in os.environ.items() if not k.startswith(("GATEWAY_", "TWILIO_", "OPENAI_"))
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "serve", *words),
        env={
            **inherited,
            "GATEWAY_AGENTS_DIR": str(AGENTS),
            "GATEWAY_LOG_FORMAT": "json",
            "GATEWAY_MAX_LAG_MS": "0",  # a machine busy with tests refuses nobody
            **variables,
        },
        cwd=folder,
        stderr=asyncio.subprocess.PIPE,
    )
    running = Process(process)
    try:
        yield running
    finally:
        await running.stop()


SCRIPT = """
name = "words"
voice = "tones"
[greeting]
say = "hello"
[[on_text]]
match = "pressed"
say = "wait"
[otherwise]
say = "else"
"""
WORDS = ["how can I help", "One moment", "Anything else"]
"""Of the script's lines: what the agent says in the test below."""
CANARIES = {
    "key": "sk-made-up-canary",
    "token": "made-up-token-canary",
    "secret": "made-up-secret-canary",
    "caller": "5557654321",
    "called": "5550001000",
    "digits": "47110815",
}
HOSTILE = '\r\n{"event": "forged"}\x1b[31m\u2028'


@pytest.mark.asyncio
async def test_sigterm_drains_and_the_log_is_clean(tmp_path: Path) -> None:
    """A whole life as a process: calls, strangers, a real SIGTERM; then every line is looked at."""
    model = RealtimeServer(options(tmp_path, SCRIPT))
    await model.start()
    port = free_port()
    carrier = Carrier(port, token=CANARIES["token"])
    variables = {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": CANARIES["token"],
        "OPENAI_API_KEY": CANARIES["key"],
        "GATEWAY_SECRET": CANARIES["secret"],
        "GATEWAY_PUBLIC_URL": carrier.public_url,
        "GATEWAY_REALTIME_URL": model.url,
        "GATEWAY_LOG_LEVEL": "debug",
    }
    tickets: list[str] = []
    try:
        async with serving(tmp_path, "--port", str(port), **variables) as process:
            await process.told("gateway.ready")
            await strangers(carrier)
            await one_call(carrier, process, model, tickets)
            await one_call_without_a_model(carrier, process, model, tickets)
            await drained(carrier, process, model, tickets)
            assert await process.exited() == 0
    finally:
        await carrier.http.aclose()
        await model.stop()
    check_log(process.lines, tickets)


async def strangers(carrier: Carrier) -> None:
    """Whatever they write may end up in a log line, and nowhere else."""
    assert (await carrier.http.post("/twilio/voice", data={"x": HOSTILE})).status_code == 403
    await carrier.raw(f"GARBAGE {HOSTILE}\r\n\r\n".encode(), until=b"HTTP/1.1 400 Bad Request\r\n")
    with pytest.raises(InvalidStatus):
        await carrier.socket(signature="nonsense")
    async with await carrier.socket() as stream:
        await stream.ws.send(json.dumps(start_message(new_call_sid(), f"v1.{HOSTILE}.x")))
        assert await stream.close_code() == 1008
    hostile = voice_form(f"CA{HOSTILE}", CallStatus=f"ringing{HOSTILE}", StreamError=HOSTILE)
    for path in ("status", "stream-status"):
        assert (await carrier.post(f"/twilio/{path}", hostile)).status_code == 204


async def one_call(
    carrier: Carrier, process: Process, model: RealtimeServer, tickets: list[str]
) -> None:
    """Numbers, words and keys that are nobody's business."""
    call_sid = new_call_sid()
    numbers = {"From": f"+1{CANARIES['caller']}{HOSTILE}", "To": f"sip:+1{CANARIES['called']}@x"}
    tickets.append(await carrier.ticket(call_sid, **numbers))
    async with await carrier.socket() as stream:
        await stream.start(call_sid, tickets[-1])
        await stream.hear(1600)
        for digit in f"{CANARIES['digits']}#":
            await stream.key(digit)
        session = await model.wait_session(1)
        await session.seen("response.done", 2)
        assert CANARIES["digits"] in json.dumps(session.trace)
        await stream.stop(call_sid)
    await process.told("call.ended")
    assert await carrier.connect_ended(call_sid) == ["Hangup"]


async def one_call_without_a_model(
    carrier: Carrier, process: Process, model: RealtimeServer, tickets: list[str]
) -> None:
    """The model refuses the key, and says so at length."""
    model.options = dataclasses.replace(model.options, api_key="sk-another")
    call_sid = new_call_sid()
    tickets.append(await carrier.ticket(call_sid))
    await process.told("model.lost")
    async with await carrier.socket() as stream:
        await stream.start(call_sid, tickets[-1])
        await stream.hear(160)
        await stream.stop(call_sid)
    await process.told("call.ended", 2)
    model.options = dataclasses.replace(model.options, api_key=None)


async def drained(
    carrier: Carrier, process: Process, model: RealtimeServer, tickets: list[str]
) -> None:
    """SIGTERM with a live and an announced call: both go on, new ones hear busy."""
    live, announced = new_call_sid(), new_call_sid()
    sessions = len(model.sessions)
    tickets.append(await carrier.ticket(live))
    session = await model.wait_session(sessions + 1)
    tickets.append(await carrier.ticket(announced))
    stream, second = await carrier.socket(), await carrier.socket()
    await stream.start(live, tickets[-2])
    await stream.hear(1600)
    process.signal(signal.SIGTERM)
    await process.told("drain.started")
    assert (await carrier.http.get("/readyz")).status_code == 503
    assert verbs((await carrier.announce(new_call_sid())).text) == ["Reject"]
    process.signal(signal.SIGTERM)
    await second.start(announced, tickets[-1])
    await second.hear(1600)
    for frame in range(20):
        await stream.media(quiet_frame(frame))
    await session.seen("input_audio_buffer.append", 20)
    await stream.stop(live)
    await process.told("call.ended", 3)
    await second.stop(announced)
    for each in (stream, second):
        assert await each.close_code() == 1000


def check_log(lines: list[str], tickets: list[str]) -> None:
    """JSON lines, the event first; no word, digit, number, ticket or secret in any of them."""
    events = []
    for text in lines:
        line = json.loads(text)
        assert list(line)[:2] == ["event", "at"]
        assert text.isascii()
        assert text.isprintable()
        events.append(line["event"])
    assert {"call.offered", "call.answered", "call.live", "dtmf", "turn.done", "rejected"} <= set(
        events
    )
    assert not [event for event in events if "forged" in event]
    assert events[-1] == "drain.done"
    assert len(tickets) == 4
    written = "\n".join(lines)
    for never in (*CANARIES.values(), *WORDS, *tickets, *(t.split(".")[2] for t in tickets)):
        assert never not in written


@pytest.mark.asyncio
async def test_offline_needs_nothing_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    """No key, no account: ready, closed to strangers, gone on the first Ctrl-C."""
    port = free_port()
    carrier = Carrier(port)
    try:
        async with serving(tmp_path, "--offline", "--port", str(port)) as process:
            await process.told("gateway.ready")
            assert (await carrier.http.get("/readyz")).status_code == 200
            assert (await carrier.announce(new_call_sid())).status_code == 403
            process.signal(signal.SIGINT)
            assert await process.exited() == 0
    finally:
        await carrier.http.aclose()


@pytest.mark.asyncio
async def test_a_process_that_is_always_late_takes_no_calls(tmp_path: Path) -> None:
    """Stopped nine tenths of the time it says so, and callers hear busy; then it takes them."""
    port = free_port()
    carrier = Carrier(port, token="made-up-token")
    variables = {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": "made-up-token",
        "GATEWAY_PUBLIC_URL": carrier.public_url,
        "GATEWAY_MAX_LAG_MS": "30",
    }
    words = ("--offline", "--port", str(port))
    try:
        async with serving(tmp_path, *words, **variables) as process:
            await process.told("gateway.ready")
            held_up = asyncio.create_task(stopped_most_of_the_time(process))
            await process.told("gateway.overloaded")
            ready = await carrier.http.get("/readyz")
            answer = await carrier.announce(new_call_sid())
            assert (ready.status_code, ready.json()) == (503, {"status": "overloaded"})
            assert verbs(answer.text) == ["Reject"]
            held_up.cancel()
            await process.told("gateway.recovered")
            assert (await carrier.http.get("/readyz")).status_code == 200
            answer = await carrier.announce(new_call_sid())
            assert verbs(answer.text)[0] == "Connect"
    finally:
        await carrier.http.aclose()


async def stopped_most_of_the_time(process: Process) -> None:
    """Until cancelled."""
    try:
        while True:
            process.signal(signal.SIGSTOP)
            await asyncio.sleep(0.18)
            process.signal(signal.SIGCONT)
            await asyncio.sleep(0.02)
    finally:
        process.signal(signal.SIGCONT)


@pytest.mark.asyncio
async def test_a_port_that_is_taken_is_one_line_and_exit_1(tmp_path: Path) -> None:
    """The address is named; nothing hangs."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with serving(tmp_path, "--offline", "--port", str(port)) as process:
            assert await process.exited() == 1
    assert process.lines[-1] == f"gateway: cannot listen on 127.0.0.1:{port}"
    assert "Traceback" not in "\n".join(process.lines)


@pytest.mark.asyncio
async def test_what_goes_on_beside_the_calls_does_not_end_unseen() -> None:
    """Its fault is told when it ends, not when the gateway does; being cancelled is none."""

    async def faulty() -> None:
        raise RuntimeError("a fault of ours")

    with capture_logs() as logged:
        for part in (faulty(), asyncio.sleep(3600)):
            task = asyncio.ensure_future(part)
            task.add_done_callback(_tell_of)
            asyncio.get_running_loop().call_later(0.01, task.cancel)
            await asyncio.wait([task])
            await asyncio.sleep(0)
    assert [(each["event"], str(each["exc_info"])) for each in logged] == [
        ("gateway.part_ended", "a fault of ours")
    ]
