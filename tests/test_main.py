"""`python -m gateway` is the `gateway` command."""

import subprocess
import sys
from importlib.metadata import entry_points

from gateway import __version__
from gateway.cli.main import main


def test_the_module_is_the_command() -> None:
    """Run as a module it does what the console script does."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "version"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert (done.stdout, done.stderr) == (f"gateway {__version__}\n", "")


def test_the_console_script_is_the_same_command() -> None:
    """What pip installs as `gateway` runs the same function."""
    (script,) = entry_points(group="console_scripts", name="gateway")
    assert script.load() is main
