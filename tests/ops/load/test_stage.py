"""A gateway and a model of our own, for the time of a load test."""

from pathlib import Path

import httpx2
import pytest

from gateway.errors import GatewayError
from gateway.ops.load.stage import Stage, shipped_agents
from gateway.ops.load.target import usage_of


def test_agents_come_with_the_gateway() -> None:
    """Wherever it is installed."""
    assert (shipped_agents() / "assistant.toml").is_file() or list(shipped_agents().iterdir())


def looked_at(pid: int) -> tuple[str, Path]:
    """The environment and the folder of a process."""
    process = Path(f"/proc/{pid}")
    return (process / "environ").read_bytes().decode(), (process / "cwd").readlink()


def is_there(folder: Path) -> bool:
    """Whether it exists."""
    return folder.exists()


@pytest.mark.asyncio
async def test_both_are_up_and_then_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With secrets of their own, whatever is set here, and nothing left behind."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "somebody's real one")
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://somebody/real")
    async with Stage(3, None) as stage:
        assert stage.model_pid is not None
        pids = [stage.gateway_pid, stage.model_pid]
        async with httpx2.AsyncClient(base_url=stage.url, trust_env=False) as http:
            assert (await http.get("/readyz")).status_code == 200
        environment, folder = looked_at(stage.gateway_pid)
        assert stage.auth_token in environment
        assert "somebody" not in environment
        assert "GATEWAY_MAX_CALLS=23" in environment
        # Said, as /run/secrets would be read otherwise.
        assert f"GATEWAY_DATABASE_URL=sqlite:///{folder}/calls.db" in environment
        assert (folder / "calls.db").is_file()
    assert [usage_of(pid) for pid in pids] == [None, None]
    assert not is_there(folder)


@pytest.mark.asyncio
async def test_a_gateway_that_does_not_start_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its own last line."""
    monkeypatch.setenv("GATEWAY_AGENTS_DIR", str(tmp_path / "none"))
    with pytest.raises(GatewayError, match="the gateway did not start: "):
        async with Stage(3, "ws://127.0.0.1:9/v1/realtime"):
            pass
