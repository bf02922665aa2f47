"""``/api/agents``: who answers, what is wrong, and reading the files again."""

from pathlib import Path
from typing import Any

import pytest

from gateway.agents import AgentFolder, McpServers
from gateway.call.tools import ToolRunner
from tests.agents.folders import settings, write
from tests.web.api.desk import TOKEN, desk

pytestmark = pytest.mark.asyncio

PATH = "/api/agents"


class Trail:
    """An audit trail that remembers what was noted."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str]] = []

    def note(self, _who: Any, action: str, *, call_sid: str = "", detail: str = "") -> None:
        """One line."""
        self.noted.append((action, detail))


@pytest.fixture
def agents(tmp_path: Path) -> AgentFolder:
    """A folder with agents `a` and `b`."""
    runner = ToolRunner(threads=1, timeout_s=1)
    write(
        tmp_path,
        a_toml='[model]\nvoice = "cedar"',
        b_toml='handoffs = ["a"]',
        routes_toml='[[route]]\nnumber = "+12025550123"\nagent = "b"',
    )
    return AgentFolder(tmp_path, settings(), runner, McpServers(runner))


async def test_every_agent_is_listed(agents: AgentFolder) -> None:
    """Its model, its voice, its numbers, and since when it is what it is."""
    await agents.open()
    async with desk(settings(api_token=TOKEN), agents=agents) as http:
        first, second = (await http.get(PATH)).json()
    assert agents.read_at is not None
    read_at = first.pop("reloaded_at")
    assert read_at.startswith(agents.read_at.strftime("%Y-%m-%dT%H:%M"))
    expected = {"name": "a", "voice": "cedar", "numbers": [], "problems": [], "state": "ready"}
    assert {name: first[name] for name in expected} == expected
    assert first["model"].startswith("gpt-realtime")
    assert (second["name"], second["numbers"]) == ("b", ["+12025550123"])


async def test_files_are_read_again_when_they_are_right(
    agents: AgentFolder, tmp_path: Path
) -> None:
    """The new agents are told, and it is written down who did it."""
    await agents.open()
    trail = Trail()
    async with desk(settings(api_token=TOKEN), agents=agents, audit=trail) as http:
        write(tmp_path, a_toml='[model]\nvoice = "marin"')
        answer = await http.post(f"{PATH}/reload")
        assert (answer.status_code, answer.json()[0]["voice"]) == (200, "marin")
        before = agents.read_at
        assert (await http.post(f"{PATH}/reload")).status_code == 200
    assert agents.read_at != before
    assert trail.noted == [("agents.reload", ""), ("agents.reload", "")]


async def test_mistakes_are_told_and_the_old_agents_stay(
    agents: AgentFolder, tmp_path: Path
) -> None:
    """With file and line, at the agent they belong to; also of a file that was never right."""
    await agents.open()
    async with desk(settings(api_token=TOKEN), agents=agents, audit=Trail()) as http:
        write(tmp_path, a_toml='tools = ["end_cal"]', c_toml="voic = 1")
        answer = await http.post(f"{PATH}/reload")
        assert answer.status_code == 422
        told = answer.json()
        assert "a.toml:1: tools: no built-in tool 'end_cal'" in told["error"]
        assert told["error"].endswith("(and 2 more)")
        assert {each["severity"] for each in told["problems"]} == {"error"}
        rows = {row["name"]: row for row in (await http.get(PATH)).json()}
        assert {name: row["state"] for name, row in rows.items()} == {
            "a": "broken",
            "b": "ready",
            "c": "broken",
        }
        (fault,) = rows["a"]["problems"]
        assert (fault["file"], fault["line"]) == (str(tmp_path / "a.toml"), 1)
        assert fault["text"].startswith("tools: no built-in tool")
        (tmp_path / "c.toml").unlink()
        write(tmp_path, a_toml="")
        answer = await http.post(f"{PATH}/reload")
        assert [row["state"] for row in answer.json()] == ["ready", "ready"]


async def test_a_gateway_without_a_folder_says_so() -> None:
    """503, for both."""
    async with desk(settings(api_token=TOKEN)) as http:
        assert (await http.get(PATH)).status_code == 503
        assert (await http.post(f"{PATH}/reload")).status_code == 503
