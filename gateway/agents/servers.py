"""One tool server of mcp.toml, as a value. Knows neither the file nor the protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class McpServer:
    """A server of tools: a program of ours (``command``) or an address (``url``), never both."""

    name: str
    """The table's name in mcp.toml."""
    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Added to the program's environment; may carry secrets."""
    url: str | None = None
    """Streamable HTTP."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with each request; may carry secrets."""
    timeout_s: float = 10.0
    """Longest wait for one answer of the server."""
    needs_approval: tuple[str, ...] = ()
    """Names of the tools that ask before they run."""
