"""How far a campaign is, on the terminal."""

import io
from datetime import timedelta

from rich.console import Console

from gateway.cli.campaign_progress import CampaignProgress, counted, some, standing
from gateway.core.callee import Refusal
from tests.core.campaigns import NOON, attempt, campaign, contacts, end, let_in


def shown() -> tuple[CampaignProgress, io.StringIO]:
    """A progress, and what it prints."""
    text = io.StringIO()
    return CampaignProgress(console=Console(file=text, width=200, markup=False)), text


def test_each_call_is_a_line() -> None:
    """What became of it, how long it took, what it cost, and when it is rung again."""
    progress, text = shown()
    one, other, third = contacts(3)
    running = campaign(one, other, third)
    one.attempts = [
        attempt("completed", words="answered, and over", duration_ms=72_000, cost_usd=0.0123)
    ]
    other.attempts = [attempt("busy", words="the line was busy")]
    other.again_at = NOON + timedelta(minutes=10)
    third.refusal = Refusal("country", "", "not called [bold]\x1b[31m")
    progress.begun("spring", running)
    progress.over(one)
    progress.over(other)
    progress.refused(third)
    lines = text.getvalue().splitlines()
    assert lines[0] == "campaign spring: 3 numbers"
    assert lines[1] == "+12025550100  answered, and over; 1:12, 0.0123 USD"
    assert lines[2].startswith("+12025550101  the line was busy; again at ")
    assert lines[3] == "+12025550102  not called (country): not called [bold]\\x1b[31m"


def test_an_answer_that_went_wrong_says_so() -> None:
    """Somebody picked up, and the model was not there."""
    progress, text = shown()
    (one,) = contacts(1)
    one.attempts = [
        attempt("completed", words="answered, and over", well=False, call_reason="model_auth")
    ]
    progress.over(one)
    assert "answered, and over (model_auth)" in text.getvalue()


def test_where_it_stands() -> None:
    """On the line, to go, to be rung again, and what came of the others."""
    people = contacts(5)
    running = campaign(*people, most=3)
    calls = []
    for n in range(3):
        contact = running.next(NOON)
        assert contact is not None
        calls.append(let_in(running, contact, f"d{n}"))
    end(running, calls[0], "completed")
    end(running, calls[1], "busy")
    said = standing(running)
    assert said.startswith("1 on the line, 2 to go, 1 to be rung again, the first at ")
    assert said.endswith(", 1 completed")
    assert counted(people) == "1 completed"


def test_the_end() -> None:
    """Why it was stopped, and the counts; nothing when it is to be quiet."""
    progress, text = shown()
    running = campaign(*contacts(1))
    running.stop("Ctrl-C")
    progress.ended(running, 3725)
    assert text.getvalue().splitlines() == ["stopped: Ctrl-C", "nobody was called; 1:02:05"]
    with CampaignProgress(quiet=True) as quiet:
        quiet.show(running)
        quiet.ended(running, 1)


def test_the_same_is_said_once() -> None:
    """Until something else was."""
    progress, text = shown()
    for words in ("a", "a", "b", "a"):
        progress.once(words)
    assert text.getvalue().split() == ["a", "b", "a"]


def test_of_many_mistakes_some_are_shown() -> None:
    """And how many more there are."""
    lines = [str(n) for n in range(25)]
    assert some(lines[:20]) == lines[:20]
    assert some(lines) == [*lines[:20], "… and 5 more: see --check"]
