"""``gateway call --list`` as a process of its own, beside a gateway that rings phones."""

import asyncio
import csv
import json
import signal
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.sim.realtime import RealtimeOptions
from gateway.sim.twilio import Callee, HangUp, Pause
from gateway.sim.twilio.faults import RestFault
from gateway.store.switch import Switch
from tests.call.watching import until
from tests.e2e.harness import House, told
from tests.e2e.phones import calling_house, rung
from tests.e2e.scenes import agents_in
from tests.e2e.test_call_command import Command

FAST = RealtimeOptions(first_audio_ms=50, transcription_ms=(50, 80))
SHORT = (Pause(ms=400), HangUp())
ANSWERS = [Callee(f"+1202555010{n}", ring_ms=200, script=SHORT) for n in range(5)]
BUSY = [Callee(f"+1202555012{n}", outcome="busy", ring_ms=100) for n in range(2)]
NOBODY = [Callee(f"+1202555013{n}", outcome="no-answer") for n in range(2)]
FAILS = [Callee("+12025550140", outcome="failed")]
MACHINES = [
    Callee(
        f"+1202555015{n}",
        ring_ms=100,
        script=(Pause(ms=20_000), HangUp()),
        answered_by="machine_start",
        detection_ms=300,
    )
    for n in range(2)
]
ALL = [*ANSWERS[:3], *BUSY, *NOBODY, *FAILS, *MACHINES, *ANSWERS[3:]]


def listed(folder: Path, *callees: Callee) -> Path:
    """A list of these people."""
    path = folder / "numbers.csv"
    lines = [f"{each.e164},Person {n}" for n, each in enumerate(callees)]
    path.write_text("\n".join(["number,name", *lines, ""]))
    return path


def results(path: Path) -> dict[str, dict[str, str]]:
    """The rows of a result by number."""
    with path.open(newline="") as file:
        return {row["number"]: row for row in csv.DictReader(file)}


def at_once(running: House) -> int:
    """The most calls the carrier ever had at a time."""
    changes = []
    for call in running.twin.calls.values():
        assert call.ended_at is not None
        changes += [(call.created_at, 1), (call.ended_at, -1)]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def check_pace(running: House, count: int, window_s: float) -> None:
    """No window of that length has more requests for calls."""
    sent = [each.at_s for each in running.twin.rest_requests if each.method == "POST"]
    windows = zip(sent, sent[count:], strict=False)
    assert [later - first for first, later in windows if later - first < window_s] == []


@pytest.mark.asyncio
async def test_a_campaign_is_killed_in_the_middle_and_goes_on(tmp_path: Path) -> None:
    """Everybody is reached once, who was not is rung again as laid down, rate and maximum hold
    over both runs, and the result tells what became of each.
    """
    folder = tmp_path / "list"
    folder.mkdir()
    result = folder / "out.csv"
    words = ["--list", str(listed(folder, *ALL)), "--rate", "4/s", "--max", "3", "--ring", "5"]
    words += ["--amd", "hangup", "--result", str(result)]
    words += ["--retry", "busy=1:1s", "--retry", "no_answer=0", "--retry", "machine=1:1s"]
    async with calling_house(tmp_path / "kept", *ALL, options=FAST) as running:
        command = await Command(running, *words).start()
        await until(lambda: len(rung(running, ANSWERS[2].e164)) == 1, 30)
        command.process.send_signal(signal.SIGKILL)
        await command.ended()
        before = len(running.twin.calls)
        assert before < len(ALL)
        command = await Command(running, *words).start()
        code, out, err = await command.ended()
        assert (code, err) == (0, ""), out
        check_pace(running, 4, 1.0)
        assert at_once(running) <= 3
        times = {each.e164: len(rung(running, each.e164)) for each in ALL}
    assert times == {each.e164: 2 if each in [*BUSY, *MACHINES] else 1 for each in ALL}
    rows = results(result)
    assert list(rows) == [each.e164 for each in ALL]
    assert Counter(row["outcome"] for row in rows.values()) == {
        "completed": 5,
        "busy": 2,
        "no_answer": 2,
        "failed": 1,
        "machine": 2,
    }
    for callee in ANSWERS:
        row = rows[callee.e164]
        assert (row["attempts"], row["words"]) == ("1", "answered, and over")
        assert float(row["duration_s"]) > 0
        assert row["call_sid"].startswith("CA")
    assert {rows[each.e164]["attempts"] for each in [*BUSY, *MACHINES]} == {"2"}
    assert "no such number" in rows[FAILS[0].e164]["words"]


# What stops it


class Scene:
    """A house, a list, and what its campaign came to."""

    def __init__(self, running: House, folder: Path, *callees: Callee) -> None:
        self.running = running
        self.list = listed(folder, *callees)
        self.result = folder / "out.csv"

    async def start(self, *words: str) -> Command:
        """The campaign begins, quick unless it is said otherwise."""
        common = ("--list", str(self.list), "--result", str(self.result))
        return await Command(self.running, *common, "--rate", "20/s", *words).start()

    async def run(self, *words: str) -> tuple[int, str, str]:
        """The campaign from its beginning to its end."""
        return await (await self.start(*words)).ended()

    def rows(self) -> list[dict[str, str]]:
        """What became of each, in order."""
        return list(results(self.result).values())

    def counts(self) -> list[int]:
        """How often each was rung."""
        return [len(rung(self.running, row["number"])) for row in self.rows()]


def people(count: int, **more: Any) -> list[Callee]:
    """So many who answer, unless it is said otherwise."""
    return [
        Callee(f"+1202555010{n}", **{"ring_ms": 50, "script": SHORT, **more}) for n in range(count)
    ]


REFUSED = RestFault(status=401, code=20003, method="POST", path="/Calls.json")
BUSY_CARRIER = RestFault(status=429, code=20429, method="POST", path="/Calls.json")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fault", "count", "said"),
    [(REFUSED, 3, "TWILIO_AUTH_TOKEN"), (BUSY_CARRIER, 999, "no more requests")],
    ids=["refused", "busy"],
)
async def test_a_carrier_that_refuses_us_stops_it(
    tmp_path: Path, fault: RestFault, count: int, said: str
) -> None:
    """After so many in a row, with the reason; when that is mended, it goes on with everybody."""
    callees = people(6)
    async with calling_house(
        tmp_path / "kept", *callees, options=FAST, outbound_max_age_s=3.0
    ) as running:
        scene = Scene(running, tmp_path, *callees)
        running.twin.faults.extend([fault] * count)
        code, out, _ = await scene.run("--max", "1", "--stop-after", "3")
        assert code == 1
        assert "stopped: 3 calls in a row came to nothing" in out
        assert said in out
        outcomes = [row["outcome"] for row in scene.rows()]
        assert outcomes[:3] == ["refused" if fault is REFUSED else "expired"] * 3
        assert outcomes[3:] == ["not_called"] * 3
        assert scene.counts() == [0] * 6
        running.twin.faults.clear()
        code, out, _ = await scene.run()
        assert (code, scene.counts()) == (0, [1] * 6), out


@pytest.mark.asyncio
async def test_an_agent_that_is_not_there_stops_it(tmp_path: Path) -> None:
    """Nobody is rung for nothing; each row says which rule it was."""
    callees = people(4)
    async with calling_house(tmp_path / "kept", *callees) as running:
        scene = Scene(running, tmp_path, *callees)
        code, out, _ = await scene.run("--agent", "nobody", "--stop-after", "2")
        assert (code, running.twin.calls) == (1, {})
        assert "no agent 'nobody'" in out
        assert [row["rule"] for row in scene.rows()] == ["agent", "agent", "", ""]


@pytest.mark.asyncio
async def test_a_switch_that_is_closed_meanwhile_stops_it(tmp_path: Path) -> None:
    """Whoever was reached was reached; the next are told why not."""
    callees = people(6)
    async with calling_house(tmp_path / "kept", *callees, options=FAST) as running:
        scene = Scene(running, tmp_path, *callees)
        command = await scene.start("--max", "1", "--stop-after", "2")
        await until(lambda: len(rung(running, callees[0].e164)) == 1, 30)
        assert running.placing is not None
        switch = Switch(running.placing._book.dials._engine)
        await switch.close("complaints", datetime.now(UTC))
        code, out, _ = await command.ended()
        rows = scene.rows()
        assert code == 1
        assert "calling out is switched off" in out
        assert [row["rule"] for row in rows].count("switch") == 2
        assert {row["setting"] for row in rows if row["rule"]} == {"gateway outbound open"}
        await switch.open(datetime.now(UTC))
        assert (await scene.run())[0] == 0
        assert scene.counts() == [1] * 6


@pytest.mark.asyncio
async def test_people_who_are_busy_stop_nothing(tmp_path: Path) -> None:
    """However many in a row: that is theirs."""
    callees = people(5, outcome="busy")
    async with calling_house(tmp_path / "kept", *callees) as running:
        scene = Scene(running, tmp_path, *callees)
        code, out, _ = await scene.run("--stop-after", "1", "--retry", "busy=0")
        assert (code, scene.counts()) == (0, [1] * 5), out


@pytest.mark.asyncio
async def test_ctrl_c_rings_nobody_else(tmp_path: Path) -> None:
    """Who is on the line talks to the end; a second Ctrl-C leaves them to it. Both write what
    became of everybody, and the same command goes on.
    """
    talk = (Pause(ms=2500), HangUp())
    callees = [*people(3, script=talk), *people(6)[3:]]
    async with calling_house(tmp_path / "kept", *callees, options=FAST) as running:
        scene = Scene(running, tmp_path, *callees)
        command = await scene.start("--max", "2")
        await until(lambda: sum(bool(c.streams) for c in running.twin.calls.values()) == 2, 30)
        command.process.send_signal(signal.SIGINT)
        code, out, _ = await command.ended()
        assert code == 1
        assert "stopped: Ctrl-C" in out
        outcomes = [row["outcome"] for row in scene.rows()]
        assert outcomes == ["completed"] * 2 + ["not_called"] * 4
        assert [call.end_reason for call in running.twin.calls.values()] == ["caller-hangup"] * 2
        command = await scene.start("--max", "1")
        await until(lambda: any(call.streams for call in rung(running, callees[2].e164)), 30)
        for _ in range(2):
            command.process.send_signal(signal.SIGINT)
            await asyncio.sleep(0.6)
        code, out, err = await command.ended()
        assert code == 1, out + err
        assert scene.rows()[2]["outcome"] == "on_the_line"
        assert (await scene.run())[0] == 0
        assert scene.counts() == [1] * 6


# What is called at all


@pytest.mark.asyncio
async def test_a_list_with_mistakes_rings_nobody(tmp_path: Path) -> None:
    """All are named by their lines; left out when that is wished, and rows all the same."""
    (callee,) = people(1)
    async with calling_house(tmp_path / "kept", callee, options=FAST) as running:
        scene = Scene(running, tmp_path, callee)
        with scene.list.open("a") as file:
            file.write("12345,Ann\n+442079460123,Bob\n+1 (202) 555-0100,Cy\n=1+1,Di\n")
        code, out, err = await scene.run()
        assert (code, running.twin.calls, scene.result.exists()) == (1, {}, False)
        assert "numbers.csv:3: it is a short code" in err
        assert "numbers.csv:6: " in err
        assert "numbers.csv:5: the number of line 2 again" in out
        code, out, _ = await scene.run("--check", "--json")
        said = json.loads(out)
        assert (code, said["numbers"], said["twice"]) == (1, 2, [{"line": 5, "first": 2}])
        assert [each["line"] for each in said["mistakes"]] == [3, 6]
        code, out, _ = await scene.run("--skip-invalid", "--json")
        rows = json.loads(out)["rows"]
        assert code == 1
        assert [row["outcome"] for row in rows] == ["completed", "invalid", "refused", "invalid"]
        refused = rows[2]
        assert (refused["rule"], refused["setting"]) == ("country", "GATEWAY_OUTBOUND_COUNTRIES")
        assert list(map(str, (row["number"] for row in rows))).count("None") == 2
        assert len(running.twin.calls) == 1


@pytest.mark.asyncio
async def test_caps_of_the_gateway_make_it_slower(tmp_path: Path) -> None:
    """Rules that let the next one in a moment later are waited for, and that is said."""
    callees = people(3)
    async with calling_house(
        tmp_path / "kept", *callees, options=FAST, outbound_at_once=1
    ) as running:
        scene = Scene(running, tmp_path, *callees)
        code, out, _ = await scene.run("--max", "3")
        assert (code, scene.counts()) == (0, [1] * 3), out
        assert "waiting: 1 calls at once are the most" in out


@pytest.mark.asyncio
async def test_agents_are_told_of_the_row(tmp_path: Path) -> None:
    """A column is data of its call; what is set for all counts where a cell is empty."""
    agents = agents_in(
        tmp_path,
        a_toml="",
        a_md="name={{ data.name | default(1) }} city={{ data.city | default(1) }}",
    )
    (callee,) = people(1)
    async with calling_house(
        tmp_path / "kept", callee, options=FAST, agents_dir=agents, agent="a"
    ) as running:
        scene = Scene(running, tmp_path, callee)
        scene.list.write_text(f"number;name;city\n{callee.e164};Ada; \n")
        code, out, _ = await scene.run("--set", "city=Bath", "--set", "name=nobody")
        assert code == 0, out
        (update, *_) = told(running.model.sessions[-1], "C", "session.update")
        assert "name=Ada city=Bath" in update["session"]["instructions"]
