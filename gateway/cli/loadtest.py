"""``gateway loadtest``: checks what was typed, finds or starts the target, runs, reports."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer
from rich.console import Console

from gateway.cli.loadtest_page import page_of
from gateway.cli.loadtest_table import LiveTable, print_result
from gateway.errors import ConfigError, GatewayError
from gateway.ops.load.amounts import milliseconds, share
from gateway.ops.load.arrivals import rate_of
from gateway.ops.load.capacity import Search
from gateway.ops.load.climb import climb
from gateway.ops.load.document import document_of, load_baseline
from gateway.ops.load.fixtures import load_fixtures
from gateway.ops.load.junit import junit_of
from gateway.ops.load.stage import Stage
from gateway.ops.load.target import listener_of
from gateway.ops.load.thresholds import Threshold, read_thresholds
from gateway.ops.load.trial import Course, Target, Trial, run_trial
from gateway.settings import address_fault, is_loopback, load_settings

VOICE_PATH = "/twilio/voice"
NUMBER = "+15550001000"
"""Who is called, unless TWILIO_PHONE_NUMBER says so."""
OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was typed."""

    calls: int
    fixtures: tuple[str, ...] = ()
    target: str | None = None
    model: str | None = None
    duration_s: float | None = None
    ramp_s: float | None = None
    arrivals: str | None = None
    hold_s: float | None = None
    delay: str = "0ms"
    jitter: str = "0ms"
    loss: str = "0%"
    workers: int | None = None
    seed: int = 1
    fail_if: tuple[str, ...] = ()
    report: Path | None = None
    json_out: Path | None = None
    junit: Path | None = None
    baseline: Path | None = None
    find_capacity: bool = False


def run_loadtest(wishes: Wishes) -> int:
    """Returns 0 when everything held, 1 when not; ConfigError for what cannot be meant."""
    course = course_of(wishes)
    thresholds = read_thresholds(wishes.fail_if)
    baseline = None if wishes.baseline is None else load_baseline(wishes.baseline)
    for path in (wishes.report, wishes.json_out, wishes.junit):
        if path is not None and not path.parent.is_dir():
            raise ConfigError(f"{path}: there is no folder {path.parent}")
    if wishes.target is not None and wishes.model is not None:
        raise ConfigError("--model: the gateway of --target has a model of its own")
    target = None if wishes.target is None else target_of(wishes.target)
    document = asyncio.run(_run(wishes, course, target, thresholds, baseline))
    _write(wishes, document)
    return 0 if document["verdict"] == "ok" else 1


def course_of(wishes: Wishes) -> Course:
    """How the run goes. Raises ConfigError, which names the option."""
    load_fixtures(wishes.fixtures)
    rate = None if wishes.arrivals is None else rate_of(wishes.arrivals)
    if rate is not None and wishes.duration_s is None:
        raise ConfigError("--arrivals: callers who come by chance need a --duration")
    if rate is not None and (wishes.ramp_s is not None or wishes.find_capacity):
        raise ConfigError("--arrivals: goes neither with --ramp nor with --find-capacity")
    return Course(
        calls=wishes.calls,
        fixtures=tuple(str(Path(place).absolute()) for place in wishes.fixtures),
        ramp_s=wishes.ramp_s,
        duration_s=wishes.duration_s,
        rate=rate,
        hold_s=wishes.hold_s,
        delay_ms=milliseconds(wishes.delay, "--delay"),
        jitter_ms=milliseconds(wishes.jitter, "--jitter"),
        loss=share(wishes.loss, "--loss"),
        workers=wishes.workers,
        seed=wishes.seed,
    )


def target_of(url: str) -> Target:
    """A gateway somebody else runs, called with the account in the settings. Raises ConfigError."""
    fault = address_fault(url, secure="https", plain="http")
    if fault is not None:
        raise ConfigError(f"--target: {fault}")
    settings = load_settings()
    missing = [
        name
        for name, value in (
            ("TWILIO_ACCOUNT_SID", settings.twilio_account_sid),
            ("TWILIO_AUTH_TOKEN", settings.auth_tokens),
        )
        if not value
    ]
    if missing:
        raise ConfigError(f"not set: {', '.join(missing)}; calls to --target are signed with them")
    parts = urlsplit(url)
    voice_url = url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}{VOICE_PATH}"
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Target(
        voice_url=voice_url,
        account_sid=settings.twilio_account_sid,
        auth_token=settings.auth_tokens[0],
        to=settings.twilio_phone_number or NUMBER,
        pid=listener_of(port) if is_loopback(url) else None,
    )


async def _run(
    wishes: Wishes,
    course: Course,
    target: Target | None,
    thresholds: tuple[Threshold, ...],
    baseline: dict[str, Any] | None,
) -> dict[str, Any]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    search = Search(course.calls) if wishes.find_capacity else None
    with LiveTable(Console(stderr=True, highlight=False)) as table:
        async with _staged(wishes, target, table) as chosen:
            if search is None:
                trial = Trial(course, chosen)
                await run_trial(trial, table.show, stop)
            else:
                trial = await climb(course, chosen, search, table.show, table.tell, stop)
    return document_of(trial, thresholds, baseline, search)


@asynccontextmanager
async def _staged(wishes: Wishes, target: Target | None, table: LiveTable) -> AsyncIterator[Target]:
    if target is not None:
        table.say(f"calling {target.voice_url}")
        yield target
        return
    model = None if wishes.model in (None, OFFLINE) else wishes.model
    if model is not None and (fault := address_fault(model, secure="wss", plain="ws", query=True)):
        raise ConfigError(f"--model: it is 'offline' or an address: {fault}")
    table.say("starting a gateway" + ("" if model else " and the offline model"))
    async with Stage(wishes.calls, model) as stage:
        yield Target(
            voice_url=f"{stage.url}{VOICE_PATH}",
            account_sid=stage.account_sid,
            auth_token=stage.auth_token,
            to=NUMBER,
            pid=stage.gateway_pid,
            model_pid=stage.model_pid,
        )


def _write(wishes: Wishes, document: dict[str, Any]) -> None:
    """Everything that was asked for, and the last words."""
    as_stdout = wishes.json_out == Path("-")
    console = Console(stderr=as_stdout, highlight=False)
    print_result(console, document)
    text = json.dumps(document, ensure_ascii=False)
    if as_stdout:
        typer.echo(text)
    elif wishes.json_out is not None:
        _save(console, wishes.json_out, text)
    if wishes.report is not None:
        _save(console, wishes.report, page_of(document))
    if wishes.junit is not None:
        _save(console, wishes.junit, junit_of(document).decode())


def _save(console: Console, path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise GatewayError(f"{path}: {error.strerror or error}") from None
    console.print(f"written: {path}", markup=False, soft_wrap=True)
