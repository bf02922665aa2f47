"""What a call came to: every reason it can end for has its outcome."""

import re
from pathlib import Path

import pytest

from gateway.store.records.outcomes import OUTCOMES, Outcome, outcome_of

EVENTS_PAGE = Path(__file__).parents[3] / "docs" / "events.md"


def documented() -> set[str]:
    """The reasons in docs/events.md."""
    page = EVENTS_PAGE.read_text(encoding="utf-8")
    table = page.partition("## Why a call ended")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    return {reason for cell in cells for reason in re.findall(r"`([^`]+)`", cell)}


def test_every_documented_reason_has_an_outcome() -> None:
    """None of them falls through to what is said of unknown reasons."""
    assert len(documented()) > 20
    assert documented() - OUTCOMES.keys() == set()


@pytest.mark.parametrize("status", ["completed", "busy", "failed", "no-answer", "canceled"])
def test_every_final_status_of_the_carrier_has_an_outcome(status: str) -> None:
    """The page writes them with an ellipsis; these are all of Twilio's."""
    assert f"carrier_{status}" in OUTCOMES


@pytest.mark.parametrize(
    ("reason", "answered", "outcome"),
    [
        ("caller_hung_up", True, "completed"),
        ("time_limit", True, "completed"),
        ("shutdown", True, "completed"),
        ("transferred", True, "transferred"),
        ("transfer_lost", True, "failed"),
        ("no_stream", False, "missed"),
        ("carrier_no-answer", False, "missed"),
        ("carrier_completed", True, "completed"),
        ("carrier_completed", False, "missed"),
        ("shutdown", False, "missed"),
        ("model_auth", False, "failed"),
        ("model_closed", True, "failed"),
        ("carrier_failed", False, "failed"),
        ("gateway_crashed", True, "failed"),
        ("nobody_knows", True, "failed"),
    ],
)
def test_an_outcome_follows_from_reason_and_answer(
    reason: str, answered: bool, outcome: Outcome
) -> None:
    """Nothing was completed with a caller nobody answered; what is unknown is no success."""
    assert outcome_of(reason, answered=answered) == outcome
