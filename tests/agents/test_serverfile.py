"""mcp.toml: servers as values; its mistakes are in tests/fixtures/broken_agents."""

from pathlib import Path

from gateway.agents.problems import Problem
from gateway.agents.serverfile import ServersTable, server_problems, servers_of
from gateway.agents.servers import McpServer
from gateway.agents.tomlfile import read_toml

TEXT = """
[files]
command = "files-server"
args = ["--root", "shared"]
env = { LEVEL = "low" }

[crm]
url = "https://crm.example.com/mcp"
headers = { X-Team = "phone" }
timeout_s = 2.5
needs_approval = ["delete"]
"""


def test_servers_are_programs_or_addresses(tmp_path: Path) -> None:
    """Each with what belongs to its kind, and a time-out of ten seconds unless it says so."""
    (tmp_path / "mcp.toml").write_text(TEXT)
    problems: list[Problem] = []
    file = read_toml(tmp_path / "mcp.toml", ServersTable, problems)
    assert file is not None
    assert [*problems, *server_problems(file)] == []
    assert servers_of(file.table) == {
        "files": McpServer(
            "files", command="files-server", args=("--root", "shared"), env={"LEVEL": "low"}
        ),
        "crm": McpServer(
            "crm",
            url="https://crm.example.com/mcp",
            headers={"X-Team": "phone"},
            timeout_s=2.5,
            needs_approval=("delete",),
        ),
    }


def test_secrets_of_a_server_are_not_shown() -> None:
    """Variables and headers may hold them."""
    server = McpServer("crm", env={"TOKEN": "canary"}, headers={"Authorization": "canary"})
    assert "canary" not in repr(server)
