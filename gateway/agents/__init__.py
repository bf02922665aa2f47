"""agents_config/ -> agents ready for the line. What other parts of the house use of it."""

from gateway.agents.catalogue import Catalogue, check, load
from gateway.agents.draft import agent_files
from gateway.agents.folder import AgentFolder
from gateway.agents.mcp import McpServers
from gateway.agents.problems import Problem

__all__ = ["AgentFolder", "Catalogue", "McpServers", "Problem", "agent_files", "check", "load"]
