"""What it costs to be watched: `python -m bench viewers`.

The same gateway in turn, with nobody at its live board and with viewers of everything, each also of
one call's timeline; some of them are frozen: they read nothing at all. What counts is the ratio,
round by round: neighbours in time share the machine's mood.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from statistics import median

import uvloop
from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench import report
from bench.density import Bench, until_told
from bench.process import Gateway
from bench.results import Results, Target

ALONE, WATCHED = "alone", "watched"
TOKEN = "a-token-of-the-benchmark"
_COMMAND = (
    f"env GATEWAY_API_TOKEN={TOKEN} {{python}} -m gateway serve --host 127.0.0.1 --port {{port}}"
)
RATIO = 1.10
"""What being watched may make of the CPU a call takes, and of how late its frames are."""
TOPICS = ("calls", "health", "approvals")
FIGURES = {
    "cpu_ms_per_call_s": "CPU per call-second",
    "late_p99_ms": "later frames late, p99",
    "inbound_p99_ms": "added inbound, p99",
    "first_frame_p99_ms": "added first frame, p99",
}
_LEAST_MS = 0.5
"""Lateness below this is the clock's, and has no ratio worth the name."""
_SMALL_BYTES = 4096


class Viewers:
    """People at the live board of one gateway after the other, and what they were told."""

    def __init__(self, awake: int, frozen: int) -> None:
        self._awake = awake
        self._frozen = frozen
        self.messages = 0
        self.bytes = 0

    @asynccontextmanager
    async def beside(self, variant: str, gateway: Gateway) -> AsyncIterator[None]:
        """They watch while the context lasts, if this is the variant that is watched."""
        async with AsyncExitStack() as stack:
            tasks = []
            for number in range(self._awake if variant == WATCHED else 0):
                ws = await stack.enter_async_context(_board(gateway))
                tasks.append(asyncio.create_task(self._watch(ws, number)))
            for _ in range(self._frozen if variant == WATCHED else 0):
                stack.callback((await _frozen(gateway.port)).close)
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, ws: ClientConnection, number: int) -> None:
        """Takes everything, and looks at one call more closely as soon as there are some."""
        topics = [*TOPICS]
        await ws.send(json.dumps({"watch": topics}))
        with suppress(ConnectionClosed):
            async for text in ws:
                self.messages += 1
                self.bytes += len(text)
                if len(topics) == len(TOPICS) and (sids := _sids(text)):
                    topics.append(f"call:{sids[number % len(sids)]}")
                    await ws.send(json.dumps({"watch": topics}))


def _sids(text: str | bytes) -> list[str]:
    return [call["call_sid"] for call in json.loads(text).get("calls", [])]


def _board(gateway: Gateway) -> connect:
    return connect(
        f"ws://127.0.0.1:{gateway.port}/api/live",
        additional_headers={"Authorization": f"Bearer {TOKEN}"},
        compression=None,
        max_size=None,
        proxy=None,
    )


async def _frozen(port: int) -> socket.socket:
    """A viewer that asks for everything and reads nothing but the answer to its upgrade."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BYTES)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", port))
    request = (
        f"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {'A' * 22}==\r\n"
        f"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    )
    await loop.sock_sendall(raw, request.encode())
    answer = await loop.sock_recv(raw, 1024)
    if b" 101 " not in answer:
        raise ConnectionError(f"the live board was refused: {answer[:60]!r}")
    body = json.dumps({"watch": TOPICS}).encode()
    await loop.sock_sendall(raw, bytes([0x81, 0x80 | len(body), 0, 0, 0, 0]) + body)
    return raw


def ratios(results: Results, calls: int, key: str) -> list[float]:
    """A figure with viewers over that without, of each round in which both count."""
    ours, theirs = (results.by_round(name, calls) for name in (WATCHED, ALONE))
    least = _LEAST_MS if key != "cpu_ms_per_call_s" else 0.0
    return [
        max(least, ours[number][key]) / max(least, theirs[number][key])
        for number in ours
        if number in theirs and key in ours[number] and key in theirs[number]
    ]


def targets(results: Results) -> list[Target]:
    """What being watched may cost, each with what was measured."""
    found = []
    for calls in results.counts():
        for key in ("cpu_ms_per_call_s", "late_p99_ms"):
            each = ratios(results, calls, key)
            name = f"{calls} calls: {FIGURES[key]} against {ALONE}"
            found.append(Target(name, median(each) if each else None, RATIO))
    return found


def print_tables(console: Console, results: Results, viewers: Viewers) -> None:
    """One table per number of calls."""
    for calls in results.counts():
        table = Table(title=f"{calls} calls", title_justify="left")
        for heading in ("", ALONE, WATCHED, "ratio"):
            table.add_column(heading, justify="left" if not heading else "right")
        shown = [report.shown(results, variant, calls) for variant in (ALONE, WATCHED)]
        for key, label in FIGURES.items():
            row = report.Row(label, (key,), 3)
            cells = [report.cell(each, row) for each in shown]
            table.add_row(label, *cells, report.ratio_cell(ratios(results, calls, key)))
        console.print(table)
    console.print(f"viewers took {viewers.messages} messages, {viewers.bytes / 1e6:.1f} MB")


def main(words: list[str]) -> int:
    """Exit code: 0; 1 a gateway failed, or with --check a target was missed or runs were void."""
    options = _options(words)
    console = Console(width=None if sys.stdout.isatty() else report.WIDTH)
    settings = {name: value for name, value in vars(options).items() if name != "json"}
    results = Results(settings=settings, count_void=options.disturbed)
    viewers = Viewers(options.viewers - options.frozen, options.frozen)
    bench = Bench(
        variants={ALONE: _COMMAND, WATCHED: _COMMAND},
        calls=options.calls,
        rounds=options.rounds,
        seconds=options.seconds,
        exact_seconds=0.0,
        tell=lambda text: console.print(f"[dim]{datetime.now():%H:%M:%S}[/] {text}"),
        beside=viewers.beside,
    )
    console.print(report.describe(report.machine()), highlight=False)
    console.print(f"{bench.runs()} runs, about {bench.estimate_s() / 60:.0f} minutes")
    uvloop.run(until_told(bench.run(results)))
    print_tables(console, results, viewers)
    found = targets(results)
    reached = report.print_verdicts(console, found)
    for failure in results.failures:
        console.print(f"[red]{failure}[/]", highlight=False)
    whole = not (results.all_void() or results.failures)
    for path in report.paths(options, "viewers", publish=whole and not options.disturbed):
        report.write_json(path, results, found)
        console.print(f"written: {path}")
    return 1 if results.failures or (options.check and not (whole and reached)) else 0


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench viewers", description=__doc__)
    add = parser.add_argument
    add("--calls", default="200", help="numbers of calls (default %(default)s)")
    add("--viewers", type=int, default=20, help="all of them (default %(default)s)")
    add("--frozen", type=int, default=2, help="of these, read nothing (default %(default)s)")
    add("--rounds", type=int, default=3, help="default %(default)s")
    add("--seconds", type=float, default=14.0, help="measured seconds (default %(default)s)")
    report.add_output_options(parser, "viewers")
    options = parser.parse_args(words)
    if not 0 <= options.frozen <= options.viewers:
        parser.error("--frozen: no more than there are viewers")
    options.calls = report.numbers(parser, "--calls", options.calls)
    return options
