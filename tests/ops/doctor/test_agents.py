"""The agents check: the first mistake, and how many there are."""

from pathlib import Path

import pytest

from gateway.ops.doctor.agents import agents_right
from gateway.ops.doctor.finding import Wrong
from gateway.settings import Settings, load_settings
from tests.e2e.harness import ROOT


def settings(folder: Path) -> Settings:
    """The agents of a folder."""
    return load_settings(_env_file=None, agents_dir=folder)


@pytest.mark.asyncio
async def test_the_shipped_agents_are_right() -> None:
    """Counted, with where they are."""
    folder = ROOT / "agents_config"
    assert await agents_right(settings(folder)) == f"6 agents in {folder}"


@pytest.mark.asyncio
async def test_the_first_mistake_is_shown_and_the_others_counted(tmp_path: Path) -> None:
    """With file and line."""
    (tmp_path / "assistant.toml").write_text("greating = 'x'\nvoise = 'y'\n")
    (tmp_path / "assistant.md").write_text("Be brief.")
    with pytest.raises(Wrong) as wrong:
        await agents_right(settings(tmp_path))
    assert f"{tmp_path}/assistant.toml:1: greating" in wrong.value.detail
    assert wrong.value.detail.endswith("(and 1 more)")
    assert "gateway agents check" in wrong.value.fix


@pytest.mark.asyncio
async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """By its variable."""
    with pytest.raises(Wrong, match="GATEWAY_AGENTS_DIR"):
        await agents_right(settings(tmp_path / "nowhere"))


@pytest.mark.asyncio
async def test_warnings_are_counted_and_are_no_fault(tmp_path: Path) -> None:
    """The agents can be used."""
    (tmp_path / "assistant.toml").write_text("[model]\nmodel_name = 'gpt-nobody-knows'\n")
    (tmp_path / "assistant.md").write_text("Be brief.")
    told = await agents_right(settings(tmp_path))
    assert told == f"1 agent in {tmp_path}, 1 warning"
