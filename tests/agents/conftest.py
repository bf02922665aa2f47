"""Folders of agents, where their tools run, and no variable of whoever runs the tests."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.agents import Catalogue, McpServers, load
from gateway.call.tools import ToolRunner
from gateway.settings import Settings
from tests.agents import folders

Load = Callable[..., Catalogue]
"""Writes files (`a_toml="…"`) and loads the folder."""


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of whoever runs the tests decides what they see."""
    for name in list(os.environ):
        if name.startswith(("GATEWAY_", "TWILIO_", "OPENAI_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def tool_runner() -> Iterator[ToolRunner]:
    """Where tools run; one for all tests."""
    made = ToolRunner(threads=1, timeout_s=7)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def folder(tmp_path: Path, clean_environment: None) -> Path:
    """A folder with instructions and tools, and no agent yet."""
    made = tmp_path / "agents"
    made.mkdir()
    return folders.write(made)


@pytest.fixture
def loaded(folder: Path, tool_runner: ToolRunner) -> Load:
    """Loads the folder with more files in it."""

    def load_with(settings: Settings | None = None, **files: str) -> Catalogue:
        folders.write(folder, **{"a_toml": "", **files})
        used = settings or folders.settings()
        return load(folder, used, tool_runner, McpServers(tool_runner))

    return load_with
