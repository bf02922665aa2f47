"""mcp.toml: servers of tools that agents may use. Owns the file's format; connects to nothing."""

from collections.abc import Iterator

from pydantic import Field, RootModel

from gateway.agents.problems import Problem
from gateway.agents.provider import header_problems
from gateway.agents.schema import Table
from gateway.agents.servers import McpServer
from gateway.agents.tomlfile import TomlFile
from gateway.settings import address_fault


class ServerTable(Table):
    """One server."""

    command: str | None = Field(default=None, min_length=1, description="a program")
    args: list[str] = Field(default=[], description="a list of texts")
    env: dict[str, str] = Field(default={}, description="a table of texts")
    url: str | None = Field(default=None, min_length=1, description="an address (https://…)")
    headers: dict[str, str] = Field(default={}, description="a table of texts")
    timeout_s: float = Field(default=10, gt=0, le=120, description="a number above 0, up to 120")
    needs_approval: list[str] = Field(default=[], description="a list of tool names")


class ServersTable(RootModel[dict[str, ServerTable]]):
    """The file."""

    root: dict[str, ServerTable] = Field(default={}, description="a table")


def servers_of(table: ServersTable) -> dict[str, McpServer]:
    """The servers by name."""
    return {
        name: McpServer(
            name=name,
            command=each.command,
            args=tuple(each.args),
            env=each.env,
            url=each.url,
            headers=each.headers,
            timeout_s=each.timeout_s,
            needs_approval=tuple(each.needs_approval),
        )
        for name, each in table.root.items()
    }


def server_problems(file: TomlFile[ServersTable]) -> Iterator[Problem]:
    """What contradicts itself or is no address."""
    for name, server in file.table.root.items():
        if server.command is None and server.url is None:
            if not file.is_spoiled(name):
                yield file.problem((name,), "needs command (a program) or url (an address)")
            continue
        if server.command is not None and server.url is not None:
            yield file.problem((name, "url"), "command is there already, leave one of them out")
            continue
        for key in ("args", "env") if server.command is None else ("headers",):
            if key in server.model_fields_set:
                other = "command" if server.command is None else "url"
                yield file.problem((name, key), f"belongs to {other}")
        fault = server.url and address_fault(server.url, secure="https", plain="http", query=True)
        if fault:
            yield file.problem((name, "url"), fault)
        yield from header_problems(file.problem, (name, "headers"), server.headers)
