"""Lines that stay, and one that changes."""

from io import StringIO

import pytest
from rich.console import Console

from gateway.cli.statusline import StatusLine


def test_what_is_said_stays_as_it_is() -> None:
    """In one line, whatever a terminal would make of it; what goes on is for terminals."""
    out = StringIO()
    with StatusLine(console=Console(file=out, width=20)) as line:
        line.now("3 on the line")
        line.say("[bold]:smile: a line that is longer than that\x1b[2J")
    assert out.getvalue() == "[bold]:smile: a line that is longer than that\\x1b[2J\n"


def test_a_terminal_shows_what_goes_on() -> None:
    """Until it is over."""
    out = StringIO()
    with StatusLine(console=Console(file=out, force_terminal=True)) as line:
        line.now("3 on the line")
    assert "3 on the line" in out.getvalue()


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither."""
    with StatusLine(quiet=True) as line:
        line.say("hello")
    assert capsys.readouterr() == ("", "")
