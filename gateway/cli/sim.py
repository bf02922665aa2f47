"""``gateway sim``: either far end as a standalone server."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from gateway.errors import ConfigError, GatewayError
from gateway.sim.realtime import RealtimeOptions, RealtimeServer
from gateway.sim.twilio import (
    HangUp,
    PhoneNumber,
    Play,
    TwilioOptions,
    TwilioTwin,
    WaitForAgent,
    WaitForSilence,
)

CALL_LIMIT_S = 120.0
KEEP_ENDED = 200
"""Calls whose audio stays in the memory of the twin as a server, 16 kB a second of each."""


def run_realtime(host: str, port: int, script: str) -> int:
    """Serves the offline model until interrupted."""
    return asyncio.run(_realtime(host, port, script))


def run_twilio(host: str, port: int, gateway: str, number: str, call: Path | None) -> int:
    """Serves the Twilio twin until interrupted, or places one call."""
    account, token = os.environ.get("TWILIO_ACCOUNT_SID"), os.environ.get("TWILIO_AUTH_TOKEN")
    if not account or not token:
        raise ConfigError(
            "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN: set the same made-up values for the twin "
            "and for the gateway it calls"
        )
    voice_url = f"{gateway.rstrip('/')}/twilio/voice"
    token = token.split(",")[0].strip()
    options = TwilioOptions(
        account, token, (PhoneNumber(number, voice_url=voice_url),), keep_ended=KEEP_ENDED
    )
    return asyncio.run(_twilio(TwilioTwin(options), host, port, number, call))


async def _realtime(host: str, port: int, script: str) -> int:
    server = RealtimeServer(
        RealtimeOptions(script=script, trace=False, keep_audio=False, keep_sessions=False)
    )
    with _listening(host, port):
        await server.start(host, port)
    typer.echo(f"GATEWAY_REALTIME_URL={server.url}")
    await _until_interrupted()
    await server.stop()
    return 0


async def _twilio(twin: TwilioTwin, host: str, port: int, number: str, call: Path | None) -> int:
    with _listening(host, port):
        await twin.start(host, port)
    typer.echo(f"GATEWAY_TWILIO_API_URL={twin.url}")
    try:
        return 0 if call is None else await _call(twin, number, call)
    finally:
        if call is None:
            await _until_interrupted()
        await twin.stop()


async def _call(twin: TwilioTwin, number: str, recording: Path) -> int:
    script = (
        WaitForAgent(heard_ms=300),
        WaitForSilence(ms=700),
        Play(path=recording),
        WaitForAgent(heard_ms=300),
        WaitForSilence(ms=1500),
        HangUp(),
    )
    placed = twin.place_call(number, caller=script)
    try:
        await placed.wait(CALL_LIMIT_S)
    except TimeoutError:
        placed.hang_up()
        await placed.wait(CALL_LIMIT_S)
    for entry in placed.timeline:
        typer.echo(f"{entry.at_ms / 1000:8.2f} s  {entry.kind}  {entry.detail}")
    wav = recording.with_suffix(".call.wav").name
    placed.write_wav(wav)
    typer.echo(f"recording: {wav}")
    for error in twin.debugger:
        typer.echo(f"carrier error {error.code}: {error.detail}")
    return 0


@contextmanager
def _listening(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # Name resolution has numbers and texts of its own, below 0.
        number = error.errno or 0
        why = os.strerror(number) if number > 0 else error.strerror or type(error).__name__
        raise GatewayError(f"cannot listen on {host}:{port}: {why}") from None


async def _until_interrupted() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
