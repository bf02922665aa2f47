"""Instructions are counted as a difference, held against a reference, and every scenario works."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from picows import WSTransport, WSUpgradeRequest, ws_create_server
from rich.console import Console

from bench import instructions
from bench.instructions import (
    FEW,
    MANY,
    REFERENCE,
    CountingFailed,
    collected,
    compare,
    main,
    per_frame,
    print_table,
)
from bench.process import ROOT
from bench.scenarios import SCENARIOS


class Peer(instructions.Sink):
    """A sink that says when it was left."""

    def __init__(self) -> None:
        self.left = asyncio.get_running_loop().create_future()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.left.set_result(None)


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.asyncio
async def test_every_scenario_can_be_done_again_and_again(name: str) -> None:
    """Over real sockets where it has some, and beyond the messages made before."""
    peers: list[Peer] = []

    def accept(_: WSUpgradeRequest) -> Peer:
        peers.append(Peer())
        return peers[-1]

    server = await ws_create_server(accept, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        command = ["-m", "bench.scenarios", name, "210", str(port)]
        process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT)
        assert await process.wait() == 0
        await asyncio.gather(*(peer.left for peer in peers))
    sockets = name.endswith(("inbound", "outbound"))
    assert len(peers) == (2 if sockets else 0)


def test_the_difference_less_the_loop_is_the_work() -> None:
    """What both runs share falls out, and the loop with it."""
    spent = MANY - FEW
    totals = {"empty": (1_000, 1_000 + 50 * spent), "inbound": (9_000, 9_000 + 450 * spent)}
    assert per_frame(totals) == {"inbound": 400.0}


def test_what_callgrind_says_is_read() -> None:
    """Its sum, or its last words when there is none."""
    assert collected("==1== Events    : Ir\n==1== Collected : 215081140\n==1==") == 215081140
    with pytest.raises(CountingFailed, match="no such thing"):
        collected("begun\nno such thing\n")
    with pytest.raises(CountingFailed, match="nothing was said"):
        collected("")


def test_five_percent_are_allowed() -> None:
    """More is worse; what has no reference is neither."""
    reference = {"inbound": 1000.0, "outbound": 1000.0}
    found = compare({"inbound": 1049.0, "outbound": 1051.0, "new": 5.0}, reference)
    assert [change.worse for change in found] == [False, True, False]
    console = Console(record=True, width=100)
    print_table(console, found)
    text = console.export_text()
    assert "+4.9%" in text
    assert "+5.1%" in text


def test_a_missing_valgrind_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1 and the package to install."""
    monkeypatch.setenv("PATH", "")
    assert main(["--scenarios", "decode-frame"]) == 1
    assert "apt-get install valgrind" in capsys.readouterr().out


def test_a_reference_of_another_build_is_not_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, and what it was made with."""
    path = tmp_path / "instructions.json"
    path.write_text(json.dumps({"build": {"python": "2.7"}, "instructions": {}}), "utf-8")
    monkeypatch.setattr(instructions, "REFERENCE", path)
    assert main(["--check"]) == 1
    assert "python 2.7" in capsys.readouterr().out


def test_the_reference_names_every_scenario() -> None:
    """None is left out when it is made anew."""
    written = json.loads(REFERENCE.read_text("utf-8"))
    assert set(written["instructions"]) == set(SCENARIOS) - {"empty"}


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and the scenario there is not."""
    with pytest.raises(SystemExit) as ended:
        main(["--scenarios", "half"])
    assert ended.value.code == 2
    assert "half" in capsys.readouterr().err


@pytest.mark.system
@pytest.mark.timeout(300)
def test_the_same_work_is_the_same_number(tmp_path: Path) -> None:
    """Under valgrind, twice."""
    counted = []
    for turn in ("one", "two"):
        path = tmp_path / f"{turn}.json"
        assert main(["--scenarios", "decode-frame", "--json", str(path)]) == 0
        counted.append(json.loads(path.read_text("utf-8"))["instructions"]["decode-frame"])
    assert counted[0] > 1000
    assert counted[0] == pytest.approx(counted[1], rel=0.01)
