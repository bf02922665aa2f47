"""Commands as a person types them, in an environment that has nothing of anybody's in it."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.cli.main import main

AGENTS = Path(__file__).parent.parent.parent / "agents_config"


class Done(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but where the shipped agents are, and a working directory without `.env`."""
    for name in list(os.environ):
        if name.startswith(("GATEWAY_", "TWILIO_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GATEWAY_AGENTS_DIR", str(AGENTS))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def command(
    nothing_set: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs a command in this process: exit code, stdout and stderr."""

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["gateway", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        code = left.value.code
        assert isinstance(code, int)
        return Done(code, *capsys.readouterr())

    return run
