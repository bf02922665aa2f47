"""Agents saved while people are on the phone: live calls keep theirs, the next has the new."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.agents import AgentFolder
from gateway.core.events import Handoff
from gateway.sim.realtime.session import Session
from gateway.sim.twilio import HangUp, PhoneNumber, TwilioOptions, TwilioTwin, WaitForAgent
from tests.agents.folders import TOOLS, write
from tests.call.watching import until
from tests.cli.test_serve import serving
from tests.e2e import harness
from tests.e2e.harness import ACCOUNT, LIMIT_S, NUMBER, SPEECH, TOKEN, House, house, told
from tests.e2e.scenes import agents_in, calls, live_call, on_key, outputs, scene
from tests.ports import free_port

SCRIPT = (
    on_key("1", calls("transfer_to_b"))
    + on_key("2", calls("look_up", order_id="A-1"))
    + '[otherwise]\nsay = "else"'
)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[AgentFolder]:
    """The folders of agents that houses opened."""
    folders: list[AgentFolder] = []

    class Watched(AgentFolder):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            folders.append(self)

    monkeypatch.setattr(harness, "AgentFolder", Watched)
    return folders


def instructions(session: Session) -> list[str]:
    """What the model was told to be, first and after each handoff."""
    return [event["session"]["instructions"] for event in told(session, "C", "session.update")]


async def handed_over(running: House, times: int) -> Session:
    """A new call, or the one that is live, after its handoff to `b`."""
    session = running.model.sessions[times - 1]
    await running.until(lambda: len(running.of(Handoff)) == times)
    await until(lambda: len(instructions(session)) == 2)
    return session


@pytest.mark.asyncio
async def test_a_live_call_keeps_its_agents(tmp_path: Path, opened: list[AgentFolder]) -> None:
    """The one that answered and the one it is handed to later; the next call has the new ones."""
    folder = agents_in(tmp_path, a_toml='handoffs = ["b"]', b_toml="", a_md="Old a.", b_md="Old b.")
    async with house(scene(tmp_path, SCRIPT), agents_dir=folder, agent="a") as running:
        first = await live_call(running)
        write(folder, a_md="New a.", b_md="New b.")
        assert await opened[0].look()
        first.press("1#")
        assert instructions(await handed_over(running, 1)) == ["Old a.", "Old b."]
        second = await live_call(running)
        second.press("1#")
        assert instructions(await handed_over(running, 2)) == ["New a.", "New b."]


@pytest.mark.asyncio
async def test_a_mistake_costs_no_call(tmp_path: Path, opened: list[AgentFolder]) -> None:
    """The agents before it answer on, what is wrong is named, and mending it is enough."""
    folder = agents_in(tmp_path, a_md="Right.")
    async with house(scene(tmp_path, SCRIPT), agents_dir=folder, agent="a") as running:
        write(folder, a_toml='\ntools = ["end_cal"]', a_md="Wrong.")
        assert not await opened[0].look()
        problem = f"{folder / 'a.toml'}:2: tools: no built-in tool 'end_cal'"
        assert str(opened[0].error).startswith(problem)
        await live_call(running)
        assert instructions(running.model.sessions[0]) == ["Right."]
        write(folder, a_toml='\ntools = ["end_call"]', a_md="Mended.")
        assert await opened[0].look()
        assert opened[0].error is None
        await live_call(running)
        (update,) = told(running.model.sessions[1], "C", "session.update")
        assert update["session"]["instructions"] == "Mended."
        assert [tool["name"] for tool in update["session"]["tools"]] == ["end_call"]


@pytest.mark.asyncio
async def test_a_tools_new_code_is_the_next_calls(
    tmp_path: Path, opened: list[AgentFolder]
) -> None:
    """A live call that runs the tool only afterwards runs what was there when it began."""
    folder = agents_in(tmp_path, a_toml='tools = ["tools.look_up"]')
    async with house(scene(tmp_path, SCRIPT), agents_dir=folder, agent="a") as running:
        first = await live_call(running)
        write(folder, tools_py=TOOLS.replace("shipped", "arrived"))
        assert await opened[0].look()
        second = await live_call(running)
        for call, session in zip((first, second), running.model.sessions, strict=True):
            call.press("2#")
            await session.seen("response.output_audio.delta")  # its answer to the tool's
        given = [outputs(session) for session in running.model.sessions]
        assert given == [["shipped"], ["arrived"]]


@pytest.mark.asyncio
async def test_a_running_gateway_looks_by_itself(tmp_path: Path) -> None:
    """As a process: a mistake is logged and harms no caller, what is right is used by the next."""
    folder = agents_in(tmp_path, a_toml='greeting = "Hello."', b_toml='greeting = "Hello."')
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    number = PhoneNumber(NUMBER, f"{base}/twilio/voice", f"{base}/twilio/status")
    twin = TwilioTwin(TwilioOptions(ACCOUNT, TOKEN, (number,)))
    await twin.start()
    variables = {
        "GATEWAY_AGENTS_DIR": str(folder),
        "GATEWAY_AGENT": "a",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
    }
    try:
        async with serving(tmp_path, "--offline", "--port", str(port), **variables) as process:
            await process.told("gateway.ready")
            write(folder, a_toml='greeting = "Hello."\nvoise = "marin"')
            await process.told("agents.invalid")
            await greeted(twin)
            write(folder, a_toml="", routes_toml='[default]\nagent = "b"')
            await process.told("agents.reloaded")
            await greeted(twin)
            await process.told("call.ended", 2)
    finally:
        await twin.stop()
    lines = [json.loads(text) for text in process.lines]
    (invalid,) = (each for each in lines if each["event"] == "agents.invalid")
    assert invalid["problems"][0].startswith(f"{folder / 'a.toml'}:2: voise: ")
    assert [each["agent"] for each in lines if each["event"] == "call.offered"] == ["a", "b"]


async def greeted(twin: TwilioTwin) -> None:
    """A caller who hears the agent and hangs up."""
    call = twin.place_call(NUMBER, caller=(WaitForAgent(heard_ms=300), HangUp()))
    await call.wait(LIMIT_S)
    assert (SPEECH / "greeting.ulaw").read_bytes()[:1600] in call.heard
