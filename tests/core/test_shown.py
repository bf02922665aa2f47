"""What is shown of a call event: its name and its fields, and never what was said."""

from dataclasses import fields
from types import MappingProxyType
from typing import Any, get_args

import pytest

from gateway.core.events import (
    BargeIn,
    CallerSpoke,
    CallEvent,
    ConsultStarted,
    ToolStarted,
    TransferFailed,
    TurnDone,
    UsageCounted,
)
from gateway.core.shown import event_name, shown_fields, words
from gateway.core.turns import Turn

TURN = Turn(3, "reply", "r1", 600.123, 400.0, 1.999, 50.0, 1052.5)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (CallerSpoke("item"), "caller.spoke"),
        (TransferFailed("desk", "busy", 1.0), "transfer.failed"),
        (ConsultStarted("desk", 1.0), "consult.started"),
        (BargeIn("caller", "a", 1, 1, 1, 0, 1.0, 1.0, 1.0), "barge_in"),
    ],
)
def test_a_name_is_the_thing_and_what_happened(event: CallEvent, name: str) -> None:
    """Small letters, a dot between the two; a few have a name of their own."""
    assert event_name(event) == name


def test_what_is_shown_of_an_event_is_without_words() -> None:
    """For logs and lists of events; nor does ``repr`` show them."""
    started = ToolStarted("look_up", 5.0, 1, "desk", '{"name": "Ada"}')
    shown = {"tool": "look_up", "at_ms": 5.0, "number": 1, "agent": "desk"}
    assert shown_fields(started) == shown
    assert "Ada" not in repr(started)
    assert shown_fields(CallerSpoke("item", "I am Ada")) == {"item_id": "item"}


def test_a_turn_lies_flat_among_the_others() -> None:
    """Its stages are fields like any other, rounded like them."""
    shown = shown_fields(TurnDone(TURN, 9000.0))
    assert shown.keys() == {"at_ms", *(each.name for each in fields(Turn))}
    assert (shown["endpoint_ms"], shown["gateway_ms"], shown["kind"]) == (600.12, 2.0, "reply")


def test_costs_are_not_rounded_away() -> None:
    """A cent has four more digits; what is not known stays unknown."""
    used = MappingProxyType({"audio_in": 12})
    cost_usd = 0.0000014999
    event = UsageCounted("response", "r1", "model", used, 0.0, None, cost_usd, 12.345)
    shown = shown_fields(event)
    assert (shown["cost_usd"], shown["call_usd"], shown["at_ms"]) == (None, 0.000001, 12.35)
    assert type(shown["used"]) is dict


@pytest.mark.parametrize("kind", get_args(CallEvent))
def test_only_words_are_left_out(kind: type[Any]) -> None:
    """Every other field of every event is shown."""
    wordy = {"text", "arguments", "result"}
    names = {each.name for each in fields(kind)}
    event = kind(**dict.fromkeys(names, "Ada") | ({"turn": TURN} if kind is TurnDone else {}))
    turn = {each.name for each in fields(Turn)} if kind is TurnDone else set()
    assert shown_fields(event).keys() == (names | turn) - wordy - {"turn"}


def test_words_are_declared() -> None:
    """A field of an event of tomorrow is left out by its declaration alone."""
    declared = words("nothing")
    assert (declared.default, declared.repr) == ("nothing", False)
    assert declared.metadata == {"words": True}
