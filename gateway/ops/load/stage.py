"""A gateway to load when nobody names one: `gateway serve` with the offline model, as processes.

They have a data dir of their own, made-up secrets, and nothing of a `.env`; both are gone when the
context ends. Raises GatewayError, with the last words of the one that failed.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx2

from gateway.errors import GatewayError

START_S: Final = 60.0
STOP_S: Final = 15.0
SPARE_CALLS: Final = 20
"""So many more than asked for are let in: a line that calls again may be early by a moment."""
_KEPT: Final = (
    "GATEWAY_AGENT",
    "GATEWAY_AGENTS_DIR",
    "GATEWAY_MAX_CALLS",
    "GATEWAY_MAX_LAG_MS",
    "GATEWAY_LEAD_MS",
)
_MODEL_URL: Final = "GATEWAY_REALTIME_URL="


class Stage:
    """Both processes. Used as a context."""

    def __init__(self, calls: int, model_url: str | None) -> None:
        """`model_url`: a Realtime server; None starts the offline one."""
        self.account_sid = "AC" + secrets.token_hex(16)
        self.auth_token = secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{_free_port()}"
        self.model_pid: int | None = None
        self.gateway_pid = 0
        self._calls = calls
        self._model_url = model_url
        self._folder = tempfile.TemporaryDirectory(prefix="gateway-loadtest-")
        self._processes: list[asyncio.subprocess.Process] = []

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self._end)
            try:
                async with asyncio.timeout(START_S):
                    await self._start_gateway(self._model_url or await self._start_model())
            except TimeoutError:
                raise GatewayError(f"gateway and model not ready in {START_S:g} s") from None
            undo.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    async def _start_model(self) -> str:
        process = await self._start("model", "sim", "realtime", "--port", "0", **_without({}))
        self.model_pid = process.pid
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode().strip()
        if not line.startswith(_MODEL_URL):
            raise self._failed("model", "the offline model")
        return f"{line.removeprefix(_MODEL_URL)}?agent={{agent}}"

    async def _start_gateway(self, model_url: str) -> None:
        variables = _without(
            {
                "TWILIO_ACCOUNT_SID": self.account_sid,
                "TWILIO_AUTH_TOKEN": self.auth_token,
                "GATEWAY_PUBLIC_URL": self.url,
                "GATEWAY_REALTIME_URL": model_url,
                "GATEWAY_DATA_DIR": self._folder.name,
                # Said, as a file of secrets may name a real one.
                "GATEWAY_DATABASE_URL": f"sqlite:///{self._folder.name}/calls.db",
                "GATEWAY_AGENTS_DIR": str(shipped_agents()),
                "GATEWAY_MAX_CALLS": str(self._calls + SPARE_CALLS),
            }
        )
        if self._model_url is None:
            variables["OPENAI_API_KEY"] = "offline"
        port = self.url.rpartition(":")[2]
        process = await self._start("gateway", "serve", "--port", port, **variables)
        self.gateway_pid = process.pid
        async with httpx2.AsyncClient(base_url=self.url, trust_env=False) as http:
            while not await _is_ready(http):
                if process.returncode is not None:
                    raise self._failed("gateway", "the gateway")
                await asyncio.sleep(0.1)

    async def _start(self, name: str, *words: str, **variables: str) -> asyncio.subprocess.Process:
        with self._log(name).open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", *words),
                cwd=self._folder.name,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                # Ctrl-C ends the load first, and what is loaded after it.
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def _log(self, name: str) -> Path:
        return Path(self._folder.name) / f"{name}.log"

    def _failed(self, name: str, who: str) -> GatewayError:
        said = self._log(name).read_text("utf-8", "replace").strip().splitlines()
        return GatewayError(f"{who} did not start: {said[-1] if said else 'it said nothing'}")

    async def _end(self) -> None:
        """SIGTERM for both, the gateway first; SIGKILL when that was not enough."""
        for process in reversed(self._processes):
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        self._folder.cleanup()


def _without(variables: dict[str, str]) -> dict[str, str]:
    """The environment without settings of anybody's gateway, and these."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GATEWAY_", "TWILIO_"))
    }
    chosen = {name: os.environ[name] for name in _KEPT if name in os.environ}
    if "GATEWAY_AGENTS_DIR" in chosen:
        chosen["GATEWAY_AGENTS_DIR"] = str(Path(chosen["GATEWAY_AGENTS_DIR"]).absolute())
    return {**kept, "PYTHONPATH": os.pathsep.join(sys.path), **variables, **chosen}


def shipped_agents() -> Path:
    """The agents that come with the gateway: in the package, or beside it in a checkout."""
    package = Path(str(files("gateway")))
    shipped = package / "agents_config"
    return shipped if shipped.is_dir() else package.parent / "agents_config"


async def _is_ready(http: httpx2.AsyncClient) -> bool:
    try:
        return (await http.get("/readyz")).status_code == 200
    except httpx2.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
