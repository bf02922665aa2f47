"""The vocabulary of call events: frozen values with units, and no secrets among them."""

import dataclasses
import inspect
from typing import get_args

import pytest

from gateway.core import events, keeping, supervised
from gateway.core.events import BargeIn, CallEvent, DtmfGroup
from gateway.core.turns import Turn

_EVENTS: tuple[type, ...] = get_args(CallEvent)


def test_every_event_of_the_module_is_in_the_union() -> None:
    """A listener that handles :data:`CallEvent` handles everything."""
    here = {
        member
        for module in (events, keeping, supervised)
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__
    }
    assert here == set(_EVENTS)


@pytest.mark.parametrize("event", _EVENTS)
def test_events_are_frozen_documented_values(event: type) -> None:
    """Nobody can change what somebody else is still to read; each says what happened."""
    assert dataclasses.is_dataclass(event)
    assert event.__doc__
    assert not event.__doc__.startswith(f"{event.__name__}(")
    assert "__slots__" in vars(event)
    parameters = event.__dataclass_params__  # type: ignore[attr-defined]
    assert parameters.frozen


@pytest.mark.parametrize("event", _EVENTS)
def test_times_say_their_unit(event: type) -> None:
    """Every number that is a time or an amount says so; what is neither is a plain count."""
    for field in dataclasses.fields(event):
        if "float" in str(field.type):
            assert field.name.endswith(("_ms", "_s", "_usd")), f"{event.__name__}.{field.name}"


def test_no_event_carries_a_digit_or_a_ticket() -> None:
    """Keys a caller pressed and tickets cannot reach a log, because no event has a place for
    them.
    """
    names = {field.name for event in _EVENTS for field in dataclasses.fields(event)}
    assert not names & {"digit", "digits", "ticket", "token", "signature"}
    assert [field.name for field in dataclasses.fields(DtmfGroup)] == ["count", "at_ms"]


def test_words_are_only_in_fields_that_say_so() -> None:
    """Whoever leaves out those fields has left out all that was said."""
    wordy = {"text", "transcript", "words", "arguments", "result", "note"}
    for event in _EVENTS:
        for field in dataclasses.fields(event):
            assert bool(field.metadata.get("words")) == (field.name in wordy), field.name


@pytest.mark.parametrize(("heard_ms", "cut"), [(0, True), (799, True), (800, False)])
def test_an_item_not_heard_to_its_end_was_cut(heard_ms: int, cut: bool) -> None:
    """Whether by the caller, by a guardrail or by the end of the call."""
    assert events.AgentStopped("item", "response", heard_ms, 800, 5.0).cut == cut


def test_events_are_equal_by_value() -> None:
    """Tests and records can compare them."""
    turn = Turn(1, "reply", "r1", 600.0, 400.0, 2.0, 50.0, 1052.0)
    assert events.TurnDone(turn, 5.0) == events.TurnDone(turn, 5.0)
    cut = BargeIn("caller", "a", 500, 1500, 1, 0, 20.0, 0.1, 9000.0)
    assert cut == dataclasses.replace(cut)
    with pytest.raises(dataclasses.FrozenInstanceError):
        cut.heard_ms = 0  # type: ignore[misc]
