"""What being watched costs is the ratio to not being watched; frozen viewers read nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest
from rich.console import Console
from websockets.asyncio.server import ServerConnection, serve

from bench.process import Gateway
from bench.results import Results, Run
from bench.viewers import ALONE, WATCHED, Viewers, main, print_tables, ratios, targets


def run(variant: str, number: int, cpu_ms: float, late_ms: float) -> Run:
    """One run with these figures."""
    figures = {"cpu_ms_per_call_s": cpu_ms, "late_p99_ms": late_ms, "problems": 0.0}
    return Run(variant, 200, number, figures, False)


def two_rounds() -> Results:
    """Watched is 5 and 10 % dearer, and late by next to nothing."""
    return Results(
        [
            run(ALONE, 1, 4.0, 0.0),
            run(WATCHED, 1, 4.2, 0.3),
            run(ALONE, 2, 4.0, 1.0),
            run(WATCHED, 2, 4.4, 1.2),
        ]
    )


def test_neighbours_in_time_are_compared() -> None:
    """Lateness of less than a clock's tick is none."""
    assert ratios(two_rounds(), 200, "cpu_ms_per_call_s") == pytest.approx([1.05, 1.1])
    assert ratios(two_rounds(), 200, "late_p99_ms") == pytest.approx([1.0, 1.2])


def test_the_median_ratio_is_held_against_the_limit() -> None:
    """Of CPU and of lateness."""
    found = targets(two_rounds())
    assert [target.measured for target in found] == pytest.approx([1.075, 1.1])
    assert all(target.reached for target in found)


def test_tables_are_printed() -> None:
    """Both variants and the ratio."""
    console = Console(width=100, record=True, quiet=False, file=None)
    with console.capture() as captured:
        print_tables(console, two_rounds(), Viewers(1, 0))
    assert "1.075" in captured.get()


@pytest.mark.parametrize("words", [["--frozen", "3", "--viewers", "2"], ["--calls", "x"]])
def test_wrong_usage_is_refused(words: list[str]) -> None:
    """Before anything is started."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


@pytest.mark.asyncio
async def test_viewers_watch_what_is_watched() -> None:
    """Everything, then also one call; nobody watches the gateway that is to be alone."""
    asked: list[Any] = []
    all_there = asyncio.Event()

    async def board(ws: ServerConnection) -> None:
        async for text in ws:
            topics = json.loads(text)["watch"]
            asked.append(topics)
            await ws.send(json.dumps({"type": "snapshot", "calls": [{"call_sid": "CA1"}]}))
            if len(asked) == 5:
                all_there.set()

    async with serve(board, "127.0.0.1", 0) as server:
        (bound,) = server.sockets
        gateway = cast(Gateway, Namespace(bound.getsockname()[1]))
        viewers = Viewers(2, 1)
        async with viewers.beside(ALONE, gateway):
            assert asked == []
        async with asyncio.timeout(10), viewers.beside(WATCHED, gateway):
            await all_there.wait()
    assert sorted(map(len, asked)) == [3, 3, 3, 4, 4]
    assert viewers.messages >= 2


class Namespace:
    """As much of a gateway as a viewer needs."""

    def __init__(self, port: int) -> None:
        self.port = port
