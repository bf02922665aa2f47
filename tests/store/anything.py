"""Call events of every kind with anything in them, for what must hold whatever is told."""

import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from hypothesis import strategies as st

from gateway.core.events import (
    AgentSpoke,
    AgentStarted,
    AgentStopped,
    BargeIn,
    CallEnded,
    CallerSpoke,
    CallerStarted,
    CallerStopped,
    CallEvent,
    CallOffered,
    TurnDone,
)
from gateway.core.turns import Turn

KINDS: tuple[type[Any], ...] = typing.get_args(CallEvent)
TALK = (
    AgentSpoke,
    AgentStarted,
    AgentStopped,
    BargeIn,
    CallerSpoke,
    CallerStarted,
    CallerStopped,
    TurnDone,
)
"""What happens most, and is the hardest to put into order."""

NASTY = ("", " ", "a\0b", "half \ud800 of a pair", "long " * 80, "Grüße, 你好 👋")
IDS = st.sampled_from(["", "a", "b", "c", "gateway_greeting", "gateway:goodbye", "gateway:filler"])
TEXTS = IDS | st.sampled_from(NASTY) | st.text(max_size=40)
TIMES = st.floats(0, 1e7)
COUNTS = st.integers(0, 100_000)


def _values(hint: Any) -> st.SearchStrategy[Any]:
    if typing.get_origin(hint) is typing.Literal:
        return st.sampled_from(typing.get_args(hint))
    if typing.get_origin(hint) is Mapping:
        return st.dictionaries(st.sampled_from(["text_in", "audio_out", "more"]), COUNTS)
    if hint == float | None:
        return st.none() | TIMES
    if hint is Turn:
        return _any_of(Turn)
    return {str: TEXTS, int: COUNTS, float: TIMES, bool: st.booleans()}[hint]


def _any_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    ids = {"item_id", "response_id"}
    return st.builds(
        kind,
        **{
            each.name: IDS if each.name in ids else _values(hints[each.name])
            for each in fields(kind)
        },
    )


ANYTHING: st.SearchStrategy[CallEvent] = st.one_of(
    st.one_of([_any_of(kind) for kind in KINDS]), st.one_of([_any_of(kind) for kind in TALK])
)
"""An event of any kind."""
OFFERS: st.SearchStrategy[CallEvent] = _any_of(CallOffered)
ENDS: st.SearchStrategy[CallEvent] = _any_of(CallEnded)
