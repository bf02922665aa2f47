"""What can be typed after `gateway log-level`."""

from typer.testing import CliRunner

from gateway.cli.log_level_command import MOST_MINUTES
from gateway.cli.main import app
from gateway.observe import loglevel


def test_the_command_knows_what_the_gateway_allows() -> None:
    """It imports nothing heavy, so it says it once more; this holds the two together."""
    assert MOST_MINUTES == loglevel.MOST_MINUTES
    help_ = CliRunner().invoke(app, ["log-level", "--help"], terminal_width=200).output
    assert f"{loglevel.USUAL_MINUTES:g}" in help_
    assert ", ".join(loglevel.LEVELS[:3]) in help_
