"""``gateway serve``: puts the house together and runs it."""

import asyncio
import contextlib
import secrets
import sys
from typing import TYPE_CHECKING, Any

import structlog
import uvloop

from gateway.errors import ConfigError
from gateway.settings import OFFLINE_KEY, Settings, is_loopback, load_settings, not_set

if TYPE_CHECKING:
    from gateway.agents import AgentFolder
    from gateway.call.registry import Registry
    from gateway.core.events import CallEvent
    from gateway.observe.lag import Lag
    from gateway.web.server import DrainingServer

SWITCH_S = 0.001
"""So long the calls' loop waits at most for a thread that computes (the records', a tool's); by
default it is 5 ms, and a caller's frame may have to wait several times.
"""
OFFLINE_SCRIPT = "assistant"


def run_serve(*, host: str | None, port: int | None, offline: bool, tunnel: bool = False) -> int:
    """Runs the gateway until it has drained. Returns the exit code."""
    overrides: dict[str, Any] = {}
    if host is not None:
        overrides["host"] = host
    if port is not None:
        overrides["port"] = port
    settings = load_settings(**overrides)
    if offline and tunnel:
        raise ConfigError("--tunnel: --offline cannot be reached from outside")
    if offline:
        settings = offline_settings(settings)
    check_settings(settings, tunnel=tunnel)
    if tunnel:
        return _serve_through_tunnel(settings)
    return uvloop.run(_serve(settings, offline=offline))


def _serve_through_tunnel(settings: Settings) -> int:
    from gateway.ops.tunnel import open_tunnel, origin

    def lost(reason: str) -> None:
        # Another one would have another address, which no number points at.
        structlog.get_logger().error("tunnel.ended", reason=reason)

    with open_tunnel(origin(settings), lost) as tunnel:
        settings = settings.model_copy(update={"public_url": tunnel.url})
        return uvloop.run(_serve(settings, offline=False))


def check_settings(settings: Settings, *, tunnel: bool = False) -> None:
    """Refuses to start half-configured: closed, never open. Raises ConfigError.

    ``tunnel``: the public URL will be that of a tunnel.
    """
    missing = not_set(settings, tunnel=tunnel)
    if missing:
        raise ConfigError(f"not set: {', '.join(missing)}; or try `gateway serve --offline`")


def offline_settings(settings: Settings) -> Settings:
    """Made-up secrets and loopback addresses, for the offline model beside the gateway."""
    if settings.host not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError("GATEWAY_HOST: --offline answers on loopback only (127.0.0.1)")
    if settings.public_url and not is_loopback(settings.public_url):
        raise ConfigError("GATEWAY_PUBLIC_URL: --offline cannot be reached from outside")
    sid = settings.twilio_account_sid or "AC" + secrets.token_hex(16)
    tokens = settings.auth_tokens or (secrets.token_hex(16),)
    return load_settings(
        host=settings.host,
        port=settings.port,
        twilio_account_sid=sid,
        twilio_auth_token=",".join(tokens),
        openai_api_key=OFFLINE_KEY,
        realtime_headers={},
        public_url=settings.public_url or f"http://127.0.0.1:{settings.port}",
        realtime_url=settings.realtime_url or "ws://127.0.0.1:9/v1/realtime",
    )


async def _serve(settings: Settings, *, offline: bool) -> int:
    from gateway.observe.logs import configure_logs

    configure_logs(settings)
    model = None
    if offline:
        from gateway.sim.realtime import RealtimeOptions, RealtimeServer

        model = RealtimeServer(
            RealtimeOptions(
                script=OFFLINE_SCRIPT, trace=False, keep_audio=False, keep_sessions=False
            )
        )
        await model.start()
        settings = settings.model_copy(update={"realtime_url": f"{model.url}?agent={{agent}}"})
    try:
        return await run_gateway(settings)
    finally:
        if model is not None:
            await model.stop()


async def run_gateway(settings: Settings) -> int:
    """The gateway alone: everything is loaded before the socket opens. Returns the exit code."""
    sys.setswitchinterval(SWITCH_S)
    from gateway.agents import AgentFolder, McpServers
    from gateway.call.approvals import Approvals
    from gateway.call.call import Line
    from gateway.call.link import Dialler
    from gateway.call.meter import tariff_of
    from gateway.call.reception import Reception
    from gateway.call.rehearsal import rehearse
    from gateway.call.tools import ToolRunner
    from gateway.core.tickets import derive_secret
    from gateway.observe.lag import Lag
    from gateway.observe.live.board import Board
    from gateway.observe.loglevel import LogLevel
    from gateway.observe.logs import event_log, set_level
    from gateway.observe.metrics import Metrics
    from gateway.observe.traces import open_traces
    from gateway.ops.consulting.consults import open_consults
    from gateway.ops.placing.office import open_placing
    from gateway.ops.placing.tally import Tallies
    from gateway.ops.users import open_users
    from gateway.store.archive import Archive
    from gateway.store.patterns import redactor
    from gateway.store.pricefile import read_prices
    from gateway.store.records.outcomes import outcome_of
    from gateway.store.records.readingroom import ReadingRoom
    from gateway.web.app import build_app
    from gateway.web.pages import dashboard_of
    from gateway.web.parts import Parts
    from gateway.web.server import build_server

    users = open_users(settings)
    tools = ToolRunner(threads=settings.tool_threads, timeout_s=settings.tool_timeout_s)
    servers = McpServers(tools)
    agents = AgentFolder(settings.agents_dir, settings, tools, servers)
    dialler = Dialler(
        connect_timeout_s=settings.connect_timeout_s, ping_interval_s=settings.ping_interval_s
    )
    secret = (
        settings.secret.get_secret_value().encode()
        if settings.secret is not None
        else derive_secret(settings.auth_tokens[0], "ticket")
    )
    prices = read_prices(settings)
    traces = open_traces(settings, redactor(settings).text)
    archive = Archive(settings, prices)
    tariff = tariff_of(settings, prices)
    tallies = Tallies(tariff)

    metrics = Metrics(outcome_of, prices.carrier_usd)
    board = Board(redactor(settings).text, hide_numbers=settings.redact_numbers)
    lag = Lag()
    metrics.observe_lag(lag)
    records = ReadingRoom(settings)
    log_level = LogLevel(settings.log_level, set_level)
    log_event = event_log(log_level.on_change.append)
    listeners = [log_event, archive.hear, tallies.hear, board.hear, metrics.hear]
    if traces is not None:
        listeners.append(traces.hear)
        traces.start()

    def hear(call_sid: str, event: "CallEvent") -> None:
        for listener in listeners:
            listener(call_sid, event)

    approvals = Approvals(settings.approval_timeout_s)
    consults = open_consults(settings)
    line = Line(settings, dialler, hear, approvals, archive.tapes, tariff, consults)
    reception = Reception(line, agents.plan, secret)
    lag.observe(reception.loop_late)
    placing_calls = open_placing(settings, reception, agents.plan, tariff, tallies, consults)
    tools.start()
    records.start()
    try:
        async with placing_calls as placing:
            dials = None if placing is None else placing.book
            metrics.tell_of(line, reception, archive.status, archive.courier, dials)
            parts = Parts(
                settings,
                reception,
                archive.durable,
                placing,
                consults,
                audit=archive.audit,
                users=users,
                agents=agents,
                records=records,
                archive=archive,
                board=board,
                lag=lag,
                metrics=metrics,
                log_level=log_level,
            )
            app = build_app(parts)
            server = build_server(app, settings, reception)
            await agents.open()
            await archive.start(tariff.spending.preload)
            if placing is not None:
                placing.start()
            await rehearse()
            dashboard = dashboard_of(settings, users)
            return await _run(server, settings, agents, reception.registry, lag, dashboard)
    finally:
        if consults is not None:
            await consults.close()
        await servers.stop()
        tools.stop()
        await asyncio.to_thread(archive.stop)
        await asyncio.to_thread(records.stop)
        if traces is not None:
            await asyncio.to_thread(traces.stop)


def _tell_of(task: "asyncio.Future[None]") -> None:
    """What goes on beside the calls has no end of its own: calls go on, and somebody must know."""
    if not task.cancelled() and (error := task.exception()) is not None:
        structlog.get_logger().error("gateway.part_ended", exc_info=error)


async def _run(
    server: "DrainingServer",
    settings: Settings,
    agents: "AgentFolder",
    registry: "Registry",
    lag: "Lag",
    dashboard: str | None,
) -> int:
    from gateway.call.garbage import collect, settle

    settle()
    # In the log's own format: stderr is read line by line by machines.
    structlog.get_logger().info(
        "gateway.addresses",
        health=f"http://{settings.host}:{settings.port}/healthz",
        webhook=f"{settings.public_url}/twilio/voice",
        dashboard=dashboard or "closed: set GATEWAY_ADMIN_PASSWORD, or `gateway users add`",
    )
    beside = [
        asyncio.ensure_future(each) for each in (agents.watch(), collect(registry), lag.run())
    ]
    for task in beside:
        task.add_done_callback(_tell_of)
    try:
        with contextlib.suppress(SystemExit):  # uvicorn's way out when it cannot listen
            await server.serve()
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
    if not server.started:
        sys.stderr.write(f"gateway: cannot listen on {settings.host}:{settings.port}\n")
        return 1
    return 0
