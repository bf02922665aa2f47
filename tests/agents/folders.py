"""Folders of agents for tests, and settings that depend on nothing but what is said here."""

from pathlib import Path
from typing import Any

from gateway.call.call import Offer
from gateway.settings import Settings
from tests.web.running import settings_for

SHIPPED = Path(__file__).parents[2] / "agents_config"
URL = "ws://127.0.0.1:9/v1/realtime"
OURS, THEIRS = "+12025550123", "+12025550199"
"""A number of ours, and a caller's."""

TOOLS = '''"""Tools for tests."""

from agents import function_tool


@function_tool
async def look_up(order_id: str) -> str:
    """Look up an order.

    Args:
        order_id: Its number.
    """
    return "shipped"


@function_tool(timeout=3)
async def slow(seconds: int) -> str:
    """Take a while."""
    return "done"


@function_tool
def plain(word: str) -> str:
    """Not async."""
    return word


not_a_tool = 5
'''


def settings(**changes: Any) -> Settings:
    """A model server of our own, a key, and agent `a` for calls without a route."""
    return settings_for(
        8000, changes.pop("url", URL), **{"openai_api_key": "sk-x", "agent": "a"} | changes
    )


def offer(called: str = OURS, **changes: Any) -> Offer:
    """A call to a number of ours."""
    return Offer("CA1", "AC1", changes.pop("caller", THEIRS), called, **changes)


def write(folder: Path, **files: str) -> Path:
    """Files by name: `a_toml` is `a.toml`. Two agents' instructions and tools are always there."""
    always = {"a_md": "Be brief.", "b_md": "Be kind.", "tools_py": TOOLS}
    for name, text in {**always, **files}.items():
        stem, _, kind = name.rpartition("_")
        (folder / f"{stem}.{kind}").write_text(text)
    return folder
