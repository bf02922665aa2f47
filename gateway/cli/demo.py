"""``gateway demo``: a recorded call through the real gateway, all offline.

Three parties over real sockets: the Twilio twin and the offline model in this process, the gateway
as a process of its own, as it would run on a server. A fourth looks over the agent's shoulder and
approves what it asks for, over the gateway's API. What is printed comes from the gateway's own log
and from the twin's truth.
"""

import asyncio
import json
import os
import secrets
import socket
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx2
import typer

from gateway.cli.calls import record_of
from gateway.cli.calls_audio import stereo_of
from gateway.cli.calls_files import make_folder, write_private
from gateway.cli.calls_page import write_page
from gateway.cli.calls_show import sound
from gateway.cli.demo_report import DemoCall, Kept, print_report, report_json
from gateway.errors import GatewayError
from gateway.settings import Settings, load_settings
from gateway.sim.realtime import RealtimeOptions, RealtimeServer
from gateway.sim.twilio import (
    PhoneNumber,
    Play,
    Step,
    TwilioOptions,
    TwilioTwin,
    TwinCall,
    WaitForAgent,
    WaitForSilence,
)
from gateway.store.recordings.audio import wav

AGENT = "frontdesk"
NUMBER = "+15550001000"
CALL_LIMIT_S = 90.0
START_LIMIT_S = 30.0
THINKS_S = 1.0
"""How long the one who approves looks at what is asked for."""


def run_demo(out: Path | None, *, as_json: bool) -> int:
    """Runs the demo call. Returns 0 when the agent ended the call as planned."""
    return asyncio.run(_demo(out, as_json=as_json))


def caller_script() -> tuple[Step, ...]:
    """What the caller does: asks, interrupts the long answer, wants another seat, says goodbye.

    Where the agent speaks twice in a row, each wait is longer than the first answer and shorter
    than the second: whether there is a pause between them or not, it ends in the second.
    """
    speech = Path(str(files("gateway.sim"))) / "speech" / "caller"
    return (
        WaitForAgent(heard_ms=500),
        WaitForSilence(ms=700),
        Play(path=speech / "question_baggage.ulaw"),
        WaitForAgent(heard_ms=4500),
        Play(path=speech / "interruption_heavy.ulaw"),
        WaitForAgent(heard_ms=1000),
        WaitForSilence(ms=700),
        Play(path=speech / "seat_wish.ulaw"),
        WaitForAgent(heard_ms=2700),
        WaitForSilence(ms=700),
        Play(path=speech / "seat_details.ulaw"),
        WaitForAgent(heard_ms=2700),
        WaitForSilence(ms=700),
        Play(path=speech / "thanks_goodbye.ulaw"),
    )


async def _demo(out: Path | None, *, as_json: bool) -> int:
    folder = out or load_settings().data_dir / "demo"
    make_folder(folder)
    port = _free_port()
    base = f"http://127.0.0.1:{port}"
    account, token = "AC" + secrets.token_hex(16), secrets.token_hex(16)
    model = RealtimeServer(RealtimeOptions(script=AGENT))
    twin = TwilioTwin(
        TwilioOptions(account, token, (PhoneNumber(NUMBER, voice_url=f"{base}/twilio/voice"),))
    )
    await model.start()
    await twin.start()
    try:
        gateway = GatewayProcess(folder, port, base, account, token, model.url, AGENT)
        async with gateway:
            _tell(as_json, "calling", NUMBER)
            call = twin.place_call(NUMBER, caller=caller_script())
            approved = await _lived(call, gateway)
            await gateway.wait_event("call.ended", START_LIMIT_S)
            errors = [entry.code for entry in twin.debugger]
            session = model.sessions[0]
    finally:
        await twin.stop()
        await model.stop()
    kept = await asyncio.to_thread(_keep, folder, call.sid)
    demo = DemoCall(call, gateway.events, session, approved, kept, errors)
    if as_json:
        typer.echo(json.dumps(report_json(demo)))
    else:
        print_report(demo)
    return 0 if demo.ended_as_planned else 1


def _keep(folder: Path, call_sid: str) -> Kept:
    """What the call left behind: its record, its sound and its page, beside the database."""
    settings = records_of(folder)
    record = record_of(settings, call_sid)
    stereo = stereo_of(settings, record["call"])
    recording, page = folder / "call.wav", folder / "call.html"
    write_private(recording, wav(stereo))
    write_page(record, sound(stereo), page)
    return Kept(record, recording, page)


def records_of(folder: Path) -> Settings:
    """The settings to read a demo's records with, whatever is set otherwise."""
    return load_settings(data_dir=folder, database_url=None, recording_keys=None)


async def _lived(call: TwinCall, gateway: "GatewayProcess") -> list[dict[str, Any]]:
    """The call to its end; what was approved meanwhile, as the gateway's API showed it."""
    approving = asyncio.create_task(_approve(gateway))
    try:
        await call.wait(CALL_LIMIT_S)
    except TimeoutError:
        raise GatewayError(f"the call did not end in {CALL_LIMIT_S:g} s") from None
    finally:
        approving.cancel()
        await asyncio.wait([approving])
    return [] if approving.cancelled() else approving.result()


async def _approve(gateway: "GatewayProcess") -> list[dict[str, Any]]:
    """Approves what the agent asks for, as a person with a page in front of them would."""
    await gateway.wait_event("approval.asked", CALL_LIMIT_S)
    await asyncio.sleep(THINKS_S)
    try:
        async with gateway.api() as api:
            waiting: list[dict[str, Any]] = (await api.get("/api/approvals")).json()
            for each in waiting:
                path = f"/api/approvals/{each['tool_call_id']}"
                answer = await api.post(path, json={"decision": "approve"})
                answer.raise_for_status()
    except httpx2.HTTPError as error:
        raise GatewayError(f"the gateway's API did not take the approval: {error}") from None
    return waiting


class GatewayProcess:
    """``gateway serve`` as a child, its JSON log read line by line."""

    def __init__(
        self,
        folder: Path,
        port: int,
        base: str,
        account: str,
        token: str,
        model_url: str,
        agent: str = "assistant",
    ) -> None:
        """``folder`` is where it keeps its files; nothing is read from a ``.env``."""
        self.events: list[dict[str, Any]] = []
        self._folder = folder.absolute()
        self._port = port
        self._base = base
        self._api_token = secrets.token_hex(32)
        others = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
        self._environment = {
            **others,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TWILIO_ACCOUNT_SID": account,
            "TWILIO_AUTH_TOKEN": token,
            "OPENAI_API_KEY": "offline",
            "GATEWAY_PUBLIC_URL": base,
            "GATEWAY_REALTIME_URL": model_url,
            "GATEWAY_DATA_DIR": str(self._folder),
            # Said, as a file of secrets may name a real one; it runs in its folder.
            "GATEWAY_DATABASE_URL": "sqlite:///calls.db",
            "GATEWAY_RECORDINGS": "on",
            "GATEWAY_MAX_LAG_MS": "0",
            "GATEWAY_AGENTS_DIR": str(_shipped_agents()),
            "GATEWAY_AGENT": agent,
            "GATEWAY_API_TOKEN": self._api_token,
            "GATEWAY_APPROVAL_TIMEOUT_S": "30",
            "GATEWAY_SECRET": secrets.token_hex(32),
            "GATEWAY_LOG_FORMAT": "json",
            "GATEWAY_LOG_LEVEL": "info",
        }
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()

    async def __aenter__(self) -> "GatewayProcess":
        command = [sys.executable, "-m", "gateway", "serve", "--port", str(self._port)]
        self._process = await asyncio.create_subprocess_exec(
            *command, cwd=self._folder, env=self._environment, stderr=asyncio.subprocess.PIPE
        )
        self._reader = asyncio.create_task(self._read())
        await self.wait_event("gateway.ready", START_LIMIT_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._reader is not None
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(START_LIMIT_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
        await self._reader

    @property
    def pid(self) -> int:
        """The process id of the running gateway."""
        assert self._process is not None
        return self._process.pid

    def api(self) -> httpx2.AsyncClient:
        """A client of the gateway's API, with its token; proxies are not for loopback."""
        headers = {"Authorization": f"Bearer {self._api_token}"}
        return httpx2.AsyncClient(base_url=self._base, headers=headers, trust_env=False)

    async def wait_event(self, name: str, timeout_s: float) -> dict[str, Any]:
        """The first log line of that event; raises GatewayError when the gateway ended or hung."""
        assert self._reader is not None
        try:
            async with asyncio.timeout(timeout_s), self._news:
                while True:
                    for event in self.events:
                        if event.get("event") == name:
                            return event
                    if self._reader.done():
                        raise GatewayError(f"the gateway ended before {name}")
                    await self._news.wait()
        except TimeoutError:
            raise GatewayError(f"the gateway did not report {name} in {timeout_s:g} s") from None

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            try:
                event = json.loads(line)
            except ValueError:
                event = None
            async with self._news:
                if isinstance(event, dict):
                    self.events.append(event)
                else:
                    self.events.append({"event": "text", "text": line.decode().rstrip()})
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()


def _shipped_agents() -> Path:
    """The agents that come with the gateway: in the package, or beside it in a checkout."""
    package = Path(str(files("gateway")))
    shipped = package / "agents_config"
    return shipped if shipped.is_dir() else package.parent / "agents_config"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _tell(quiet: bool, *words: str) -> None:
    if not quiet:
        typer.echo(" ".join(words) + " …", err=True)
