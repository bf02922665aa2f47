"""Agents that were saved again: the next call has them, live calls keep theirs."""

import asyncio
import importlib
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from agents import FunctionTool, function_tool
from structlog.testing import capture_logs

from gateway.agents import AgentFolder, McpServers
from gateway.agents.folder import snapshot
from gateway.agents.servers import McpServer
from gateway.call.tools import ToolRunner
from gateway.errors import ConfigError
from tests.agents.folders import TOOLS, offer, settings, write
from tests.call.contexts import context
from tests.call.watching import until

CRM = '[crm]\ncommand = "crm-server"'


class Servers(McpServers):
    """Servers that start when they are told to, and what they were told."""

    def __init__(self, runner: ToolRunner) -> None:
        super().__init__(runner)
        self.started: list[list[str]] = []
        self.refuses = False
        self.tool = "find"

    async def start(self, servers: Mapping[str, McpServer]) -> None:
        if self.refuses:
            raise ConfigError("mcp.toml: crm: cannot be reached")
        self.started.append(list(servers))

    def tools(self, name: str) -> list[FunctionTool]:
        @function_tool(name_override=self.tool)
        def find() -> str:
            """Find something."""
            return "found"

        return [find]


@pytest.fixture
def servers(tool_runner: ToolRunner) -> Servers:
    """Servers of nobody."""
    return Servers(tool_runner)


@pytest.fixture
def agents(folder: Path, tool_runner: ToolRunner, servers: Servers) -> AgentFolder:
    """A folder with agent `a`, not opened yet."""
    write(folder, a_toml='tools = ["tools.look_up"]')
    return AgentFolder(folder, settings(), tool_runner, servers)


async def instructions(agents: AgentFolder) -> object:
    """What the next call is told."""
    return (await agents.plan(offer()).build(context())).instructions


@pytest.mark.asyncio
async def test_what_was_saved_holds_for_the_next_call(agents: AgentFolder, folder: Path) -> None:
    """A call that began before keeps its own."""
    await agents.open()
    before = agents.plan(offer())
    assert not await agents.look()
    write(folder, a_md="Be quick.")
    with capture_logs() as logs:
        assert await agents.look()
    assert await instructions(agents) == "Be quick."
    assert (await before.build(context())).instructions == "Be brief."
    assert [log["event"] for log in logs] == ["agents.reloaded"]
    assert agents.error is None


@pytest.mark.asyncio
async def test_a_mistake_leaves_the_old_agents(agents: AgentFolder, folder: Path) -> None:
    """It is logged and shown, once, until the files are right again."""
    await agents.open()
    write(folder, a_toml='tools = ["end_cal"]', a_md="Be quick.")
    with capture_logs() as logs:
        assert not await agents.look()
        assert not await agents.look()
    told = f"{folder / 'a.toml'}:1: tools: no built-in tool 'end_cal' (did you mean end_call?)"
    assert [(log["event"], log["problems"]) for log in logs] == [("agents.invalid", [told])]
    assert str(agents.error) == told
    assert await instructions(agents) == "Be brief."
    write(folder, a_toml="")
    assert await agents.look()
    assert agents.error is None
    assert await instructions(agents) == "Be brief."


@pytest.mark.asyncio
async def test_a_prompt_in_the_place_of_a_file_name_is_a_mistake_like_others(
    agents: AgentFolder, folder: Path
) -> None:
    """It is longer than a name may be, which the file system says with an error of its own."""
    await agents.open()
    prompt = "You are the phone agent of Example Air. " * 20
    write(folder, a_toml=f'instructions = "{prompt}"')
    assert not await agents.look()
    assert "a.toml:1: instructions: no file" in str(agents.error)
    module = "m" * 300
    write(folder, a_toml=f'tools = ["{module}.look_up"]')
    assert not await agents.look()
    assert f"no module {folder / module}.py" in str(agents.error)
    write(folder, a_toml="")
    assert await agents.look()


@pytest.mark.asyncio
async def test_tools_are_really_read_again(agents: AgentFolder, folder: Path) -> None:
    """Saved twice in one second with the same size; what a live call has stays what it was."""
    await agents.open()
    descriptions = []
    for nanosecond, word in enumerate(("An", "No")):
        write(folder, tools_py=TOOLS.replace("Look up an order", f"Look up {word} order"))
        os.utime(folder / "tools.py", ns=(10**18, 10**18 + nanosecond))
        assert await agents.look()
        (tool,) = (await agents.plan(offer()).build(context())).tools
        assert isinstance(tool, FunctionTool)
        descriptions.append(tool.description)
    assert descriptions == ["Look up An order.", "Look up No order."]


@pytest.mark.asyncio
async def test_broken_tools_do_not_stay_importable(agents: AgentFolder, folder: Path) -> None:
    """What agents of live calls import later is still theirs."""
    write(folder, tools_py=LATE, late_py="word = 'old'")
    await agents.open()
    write(folder, tools_py="1 / 0", late_py="word = 'new'")
    assert not await agents.look()
    assert importlib.import_module("agents_config.late").word == "old"


LATE = """
from agents import function_tool

from . import late

@function_tool
def look_up() -> str:
    return late.word
"""


@pytest.mark.asyncio
async def test_a_folder_must_be_right_to_be_opened(agents: AgentFolder, folder: Path) -> None:
    """There is nothing to fall back on."""
    write(folder, a_toml="voise = 1")
    with pytest.raises(ConfigError, match="voise"):
        await agents.open()
    with pytest.raises(RuntimeError, match="not opened"):
        agents.plan(offer())


@pytest.mark.asyncio
async def test_servers_are_started_before_they_are_used(
    agents: AgentFolder, folder: Path, servers: Servers
) -> None:
    """Again when mcp.toml or the agents that use them were saved."""
    await agents.open()
    write(folder, a_toml='mcp_servers = ["crm"]', mcp_toml=CRM)
    assert await agents.look()
    assert servers.started == [[], ["crm"]]


@pytest.mark.asyncio
async def test_a_server_that_cannot_be_reached_changes_nothing(
    agents: AgentFolder, folder: Path, servers: Servers
) -> None:
    """The old agents stay, and what is wrong is told."""
    await agents.open()
    servers.refuses = True
    write(folder, a_toml='mcp_servers = ["crm"]', mcp_toml=CRM, a_md="Be quick.")
    assert not await agents.look()
    assert agents.error == "mcp.toml: crm: cannot be reached"
    assert await instructions(agents) == "Be brief."


@pytest.mark.asyncio
async def test_a_clash_with_a_server_brings_the_old_ones_back(
    agents: AgentFolder, folder: Path, servers: Servers
) -> None:
    """It shows only once the server has told its tools."""
    await agents.open()
    servers.tool = "look_up"
    text = 'tools = ["tools.look_up"]\nmcp_servers = ["crm"]'
    write(folder, a_toml=text, mcp_toml=CRM)
    assert not await agents.look()
    assert "there is a tool 'look_up' already" in str(agents.error)
    assert servers.started == [[], ["crm"], []]


@pytest.mark.asyncio
async def test_agents_are_asked_through_the_folder(agents: AgentFolder, folder: Path) -> None:
    """By route and by name, always of the newest catalogue."""
    write(folder, a_toml="", b_toml="", routes_toml='[[route]]\ncampaign = "x"\nagent = "b"')
    await agents.open()
    assert agents.plan(offer(campaign="x")).name == "b"
    assert agents.plan_for("a", offer(campaign="x")).route.name == "x"
    assert agents.route(offer(campaign="x")).agent == "b"


@pytest.mark.asyncio
async def test_doubts_are_logged(agents: AgentFolder, folder: Path) -> None:
    """Warnings, at every reading."""
    write(folder, a_toml='[model]\nturn_detection = "off"')
    with capture_logs() as logs:
        await agents.open()
    assert [log["event"] for log in logs] == ["agents.doubtful"]


@pytest.mark.asyncio
async def test_watching_looks_again_and_again(
    agents: AgentFolder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is cancelled."""
    monkeypatch.setattr("gateway.agents.folder.LOOK_EVERY_S", 0.0)
    await agents.open()
    before = agents.catalogue
    watching = asyncio.create_task(agents.watch())
    write(folder, a_md="Be quick.")
    await until(lambda: agents.catalogue is not before)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


def test_a_snapshot_is_of_what_was_saved(folder: Path) -> None:
    """Texts, tables and Python at any depth; no caches, nothing hidden, no other files."""
    for name in ("shop/orders.py", "shop/__init__.py", ".git/x.py", "__pycache__/x.py", "n.txt"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    (folder / "gone.md").symlink_to("nowhere.md")
    names = {path.relative_to(folder).as_posix() for path in snapshot(folder)}
    assert names == {"a.md", "b.md", "tools.py", "shop/orders.py", "shop/__init__.py"}
    assert snapshot(folder / "nowhere") == {}
