"""`python -m gateway` is the `gateway` command."""

import runpy
import sys

import pytest

from gateway import __main__, __version__
from gateway.cli.main import main


def test_the_module_is_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run as a module it does what the console script does."""
    monkeypatch.setattr(sys, "argv", ["gateway", "version"])
    with pytest.raises(SystemExit) as left:
        runpy.run_module("gateway", run_name="__main__")
    assert left.value.code == 0
    assert capsys.readouterr().out == f"gateway {__version__}\n"


def test_importing_it_runs_nothing() -> None:
    """The console script imports `main` from here."""
    assert __main__.main is main
