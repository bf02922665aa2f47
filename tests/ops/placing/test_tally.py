"""What calls have come to so far."""

from datetime import date
from typing import Any

import pytest

from gateway.call.meter import Tariff
from gateway.core.events import (
    CallAnswered,
    CalleeIdentified,
    CallEnded,
    CallEvent,
    CallOffered,
    TurnDone,
    UsageCounted,
)
from gateway.core.prices import Carrier, Prices
from gateway.core.turns import Turn
from gateway.ops.placing import tally as tally_module
from gateway.ops.placing.tally import Tallies

PRICES = Prices(date(2026, 11, 20), {}, Carrier(0.01, 0.02, 0.0))


def ended(reason: str = "caller_hung_up", ms: float = 61_000) -> CallEnded:
    """A call that lasted so long."""
    return CallEnded(reason, ms, 0.0, 0, 2, 0)


def used(usd: float) -> UsageCounted:
    """The model has cost so much by now."""
    return UsageCounted("response", "r", "m", {}, 0.0, usd, usd, 0.0)


def turn() -> TurnDone:
    """An answer was heard."""
    fields: dict[str, Any] = dict.fromkeys(Turn.__dataclass_fields__)
    return TurnDone(Turn(**fields), 0.0)


def test_a_call_adds_up() -> None:
    """Turns, the model's cost, the carrier's begun minutes, who answered, how it ended."""
    tallies = Tallies(Tariff(PRICES))
    told: list[tuple[str, str]] = []
    tallies.on_ended = lambda sid, reason: told.append((sid, reason))
    events: list[CallEvent] = [
        CallOffered("+1", "+2", "a", "outbound-api"),
        CallAnswered("MZ", 1.0),
        CalleeIdentified("human", "carrier", 0.0),
        turn(),
        used(0.5),
        turn(),
        used(0.7),
        ended(),
    ]
    for event in events:
        tallies.hear("CA1", event)
    tally = tallies.get("CA1")
    assert tally is not None
    assert (tally.turns, tally.who) == (2, "human")
    assert tallies.duration_ms(tally) == 61_000
    assert tallies.cost_usd(tally) == pytest.approx(0.7 + 2 * 0.02)
    assert told == [("CA1", "caller_hung_up")]


def test_a_call_that_was_never_answered_costs_nothing() -> None:
    """There is no length either."""
    tallies = Tallies(Tariff(PRICES))
    tallies.hear("CA1", CallOffered("+1", "+2", "a", "outbound-api"))
    tally = tallies.get("CA1")
    assert tally is not None
    assert (tallies.duration_ms(tally), tallies.cost_usd(tally)) == (None, 0.0)
    tallies.hear("CA1", CallAnswered("MZ", 1.0))
    assert (tallies.duration_ms(tally) or 0) >= 0


def test_strangers_and_the_long_gone_are_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event without an offer counts for nothing; of ended calls a few are kept."""
    monkeypatch.setattr(tally_module, "MOST_KEPT", 2)
    tallies = Tallies(Tariff(PRICES))
    tallies.hear("CA0", turn())
    for n in range(1, 5):
        tallies.hear(f"CA{n}", CallOffered("+1", "+2", "a", "inbound"))
        tallies.hear(f"CA{n}", ended())
    assert [tallies.get(f"CA{n}") is not None for n in range(5)] == [
        False,
        False,
        False,
        True,
        True,
    ]
