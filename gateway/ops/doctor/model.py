"""Does every model server of the agents take our key and open a session?

A real connection as a call makes it, closed again as soon as `session.created` is there: it costs
nothing. Wrong keys and models are told in two ways: by HTTP before the upgrade, or by an `error`
event after it (OpenAI).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.agents import McpServers, load
from gateway.agents.connection import with_model
from gateway.agents.model import DEFAULT_MODEL
from gateway.call.call import Offer
from gateway.call.link import Dialler, ModelLink
from gateway.call.session import AgentPlan
from gateway.call.tools import ToolRunner
from gateway.core import realtime
from gateway.errors import ConfigError, ModelError
from gateway.ops.doctor.agents import READING
from gateway.ops.doctor.aside import aside
from gateway.ops.doctor.carrier import CALLER
from gateway.ops.doctor.finding import Skipped, Wrong
from gateway.settings import Settings

OPENAI = "wss://api.openai.com/v1/realtime"
MOST = 8
"""Servers that are asked; more would only be waited for."""
_KEY_CODES = ("invalid_api_key", "incorrect_api_key", "invalid_authentication", "no_api_key")
_QUOTA_CODES = ("insufficient_quota", "billing_not_active", "billing_hard_limit_reached")
_UNREACHABLE = {
    "gaierror": "its host has no address",
    "ConnectionRefusedError": "nothing listens there",
    "SSLCertVerificationError": "its certificate is not valid",
    "SSLError": "it does not speak TLS as it should",
}


@dataclass(frozen=True, slots=True)
class Server:
    """One way of connecting to a model, and an agent whose calls take it."""

    url: str
    headers: Mapping[str, str]
    model: str
    agent: str
    ask: Callable[[], Awaitable[Mapping[str, str]]] | None = None
    """Gives the headers when they come from a function of the agent's."""

    @property
    def key(self) -> tuple[str, str, tuple[tuple[str, str], ...]]:
        """What makes it another one than the others."""
        place = self.url.partition("?")[0]
        return place, self.model, tuple(sorted(self.headers.items()))

    @property
    def host(self) -> str:
        """Where it is, as people say it."""
        return urlsplit(self.url).netloc


class ModelCheck:
    """Asks every server an agent's calls are connected to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._answering = True

    def greets(self) -> bool:
        """Whether the agent of TWILIO_PHONE_NUMBER speaks first, as far as the check has seen."""
        return self._answering

    async def look(self) -> str:
        """Which servers opened a session. Raises Wrong for the first that did not."""
        settings = self._settings
        if settings.openai_api_key is None and not settings.realtime_headers:
            raise Skipped("not tried: OPENAI_API_KEY is not set")
        limit_s = settings.connect_timeout_s
        runner = ToolRunner(threads=1, timeout_s=limit_s)
        runner.start()
        try:
            servers = await aside(lambda: self._read(runner))
            answers = await asyncio.gather(*(_session(each, limit_s) for each in servers))
        finally:
            runner.stop()
        faults = [answer for answer in answers if isinstance(answer, Wrong)]
        if faults:
            raise faults[0]
        return ", ".join(str(answer) for answer in answers)

    def _read(self, runner: ToolRunner) -> list[Server]:
        with READING:
            return self._servers(runner)

    def _servers(self, runner: ToolRunner) -> list[Server]:
        """The servers of all agents, each once; that of the settings when there is no agent."""
        settings = self._settings
        try:
            catalogue = load(settings.agents_dir, settings, runner, McpServers(runner))
        except ConfigError:
            return [_of_settings(settings)]  # `agents` says what is wrong
        offer = Offer(
            "CA" + "0" * 32, settings.twilio_account_sid, CALLER, settings.twilio_phone_number
        )
        found: dict[object, Server] = {}
        try:
            answering = catalogue.route(offer).agent
            names = [answering, *(name for name in catalogue.names() if name != answering)]
            plans = [catalogue.plan_for(name, offer) for name in names]
        finally:
            catalogue.withdraw()
        for plan in plans:
            found.setdefault((server := _of_plan(plan)).key, server)
        first = plans[0]
        self._answering = first.greeting is not None or first.recorded_greeting is not None
        return list(found.values())[:MOST]


def _of_plan(plan: AgentPlan) -> Server:
    config = plan.model_config
    model = plan.model_name or DEFAULT_MODEL
    # As the SDK does it: an address of its own, else OpenAI's; headers, else the key.
    url = config.get("url") or f"{OPENAI}?model={model}"
    headers = config.get("headers")
    if headers is None:
        headers = {"Authorization": f"Bearer {config.get('api_key', '')}"}
    return Server(url, headers, model, plan.name, plan.credentials)


def _of_settings(settings: Settings) -> Server:
    url = settings.realtime_url.replace("{agent}", settings.agent) or OPENAI
    headers = {name: value.get_secret_value() for name, value in settings.realtime_headers.items()}
    if not headers and settings.openai_api_key is not None:
        headers = {"Authorization": f"Bearer {settings.openai_api_key.get_secret_value()}"}
    return Server(with_model(url, DEFAULT_MODEL), headers, DEFAULT_MODEL, settings.agent)


class _Listener:
    """The first thing a server says of a session."""

    def __init__(self) -> None:
        self.first: asyncio.Future[realtime.ServerEvent | None] = (
            asyncio.get_running_loop().create_future()
        )

    def model_frame(self, frame: bytes) -> bool:
        """Decides on `session.created` or an `error`; a frame it cannot read is neither."""
        kind = realtime.kind(frame)
        if kind in ("session.created", "error") and not self.first.done():
            self.first.set_result(realtime.decode(kind, frame))
        return False

    def model_configured(self) -> None:
        """Nothing is configured."""

    def model_closed(self) -> None:
        """Without a word."""
        if not self.first.done():
            self.first.set_result(None)


async def _session(server: Server, limit_s: float) -> str | Wrong:
    """What a server said, as a person reads it."""
    listener = _Listener()
    dialler = Dialler(connect_timeout_s=limit_s, ping_interval_s=limit_s)
    try:
        headers = server.headers if server.ask is None else await server.ask()
        link = await dialler.dial(server.url, headers, listener)
    except ModelError as error:
        return _not_connected(server, error)
    try:
        async with asyncio.timeout(limit_s):
            said = await listener.first
    except TimeoutError:
        return Wrong(
            f"{server.host} took the connection and said nothing within {limit_s:g} s",
            "see status.openai.com, or the server behind GATEWAY_REALTIME_URL",
        )
    finally:
        link.abort()
    if isinstance(said, realtime.SessionInfo):
        return f"{server.host} opened a session with {said.model or server.model}"
    return _refused(server, said, link)


def _not_connected(server: Server, error: ModelError) -> Wrong:
    detail = str(error).partition(": ")[2]
    if error.reason == "model_auth":
        return _bad_key(server, detail or "no key")
    if error.reason == "model_unreachable":
        why = _UNREACHABLE.get(detail, detail)
        return Wrong(
            f"{server.host} cannot be reached: {why}",
            f"{_where(server)}, and see that this machine may connect to it",
        )
    if detail == "HTTP 404":
        return Wrong(
            f"{server.host} has no such address, model or deployment ({detail}): "
            f"{urlsplit(server.url).path}, {server.model}",
            f"{_where(server)}, and the model's name",
        )
    if detail == "HTTP 429":
        return Wrong(f"{server.host} takes no more sessions just now ({detail})", _limits())
    return Wrong(f"{server.host} does not upgrade to a WebSocket: {detail}", _where(server))


def _refused(server: Server, said: realtime.ServerEvent | None, link: ModelLink) -> Wrong:
    if not isinstance(said, realtime.Error):
        closed = f"{link.close_code or ''} {link.close_reason}".strip() or "without a word"
        return Wrong(f"{server.host} closed the connection: {closed}", _where(server))
    code = said.code or ""
    if code in _KEY_CODES or "authentication" in said.message:
        # Its words repeat part of the key.
        return _bad_key(server, code or "missing authentication")
    if code in _QUOTA_CODES:
        return Wrong(f"{server.host} refuses: {code}", _limits())
    if "model" in code:
        return Wrong(
            f"{server.host} does not know the model {server.model} ({code})",
            f"correct model_name in the file of agent {server.agent}; "
            "see which models your key may use",
        )
    return Wrong(f"{server.host} refuses: {said.message or code or said.type}", _where(server))


def _bad_key(server: Server, detail: str) -> Wrong:
    own = server.ask is not None or server.host != urlsplit(OPENAI).netloc
    other = ", GATEWAY_REALTIME_HEADERS, or [provider] of the agent's file" if own else ""
    return Wrong(
        f"{server.host} does not accept the key ({detail})", f"correct OPENAI_API_KEY{other}"
    )


def _where(server: Server) -> str:
    if server.host == urlsplit(OPENAI).netloc:
        return "see status.openai.com"
    return f"correct GATEWAY_REALTIME_URL, or provider.url of agent {server.agent}"


def _limits() -> str:
    return "see limits and billing of that account (platform.openai.com/settings)"
