"""How far a call is, on the terminal."""

import io
from typing import Any

import pytest
from rich.console import Console

from gateway.cli.call_progress import Progress, answered_by, ended, figures


def view(**changes: Any) -> dict[str, Any]:
    """A call as the API shows it."""
    shown: dict[str, Any] = {
        "id": "D1",
        "to": "+12025550123",
        "from": "+12025550100",
        "agent": None,
        "state": "waiting",
        "outcome": None,
        "words": None,
        "well": None,
        "answered_by": None,
        "call_reason": None,
        "turns": 0,
        "duration_ms": None,
        "cost_usd": None,
    }
    return shown | changes


def shown(*views: dict[str, Any], terminal: bool = False) -> list[str]:
    """The lines of a call that goes through these views."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=40, highlight=False)
    with Progress(console=console) as progress:
        for each in views:
            progress.show(each)
    return out.getvalue().splitlines()


def test_a_line_for_each_step() -> None:
    """Once, however often it is looked; whoever answered is a step, too."""
    over = view(state="ended", outcome="completed", words="answered, and over", well=True, turns=1)
    assert shown(
        view(agent="survey"),
        view(),
        view(state="sending"),
        view(state="ringing"),
        view(state="ringing"),
        view(state="answered", duration_ms=100),
        view(state="answered", answered_by="human", duration_ms=900, turns=1),
        over | {"duration_ms": 65_400, "cost_usd": 0.0123},
    ) == [
        "calling +12025550123 from +12025550100, agent survey (D1)",
        "waiting for its turn",
        "asking the carrier",
        "ringing",
        "answered",
        "answered by a human",
        "ended: answered, and over; 1:05, 1 turn, 0.0123 USD",
    ]


def test_a_terminal_shows_figures_as_well() -> None:
    """On a line that is written again and again."""
    lines = shown(view(state="answered", duration_ms=2000, turns=2), terminal=True)
    assert any("2 turns" in line for line in lines)


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """For JSON."""
    with Progress(quiet=True) as progress:
        progress.show(view())
        progress.hanging_up()
        progress.left()
    assert capsys.readouterr().out == ""


def test_hands_are_told_of() -> None:
    """What Ctrl-C does."""
    out = io.StringIO()
    progress = Progress(console=Console(file=out, width=40))
    progress.hanging_up()
    progress.left()
    assert out.getvalue().splitlines() == [
        "hanging up (again to leave without waiting)",
        "left; the gateway was told to hang up, and may still be at it",
    ]


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("", ""),
        ("human", "by a human"),
        ("fax", "by a fax"),
        ("machine_end_beep", "by a machine"),
        ("unknown", "nobody knows by whom"),
    ],
)
def test_who_answered(who: str, words: str) -> None:
    """In words."""
    assert answered_by(who) == words


def test_figures_are_those_there_are() -> None:
    """None before anybody answered; no cost where no price is known."""
    assert figures(view()) == ""
    assert figures(view(duration_ms=600_000.0, turns=12)) == "10:00, 12 turns"


def test_an_end_that_was_none_says_why() -> None:
    """The carrier was content, the call was not."""
    broken = view(
        outcome="completed", words="answered, and over", well=False, call_reason="model_auth"
    )
    assert ended(broken) == "ended: answered, and over (model_auth)"
    machine = view(outcome="machine", words="a machine", well=False, call_reason="machine")
    assert ended(machine) == "ended: a machine"
