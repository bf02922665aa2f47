"""The shapes of client events are those of the official types and of the live server."""

import json
from typing import Any, get_args

import pytest
from openai.types.realtime import RealtimeClientEvent

from gateway.sim.realtime.errors import ClientFault
from gateway.sim.realtime.shapes import (
    CLIENT_EVENT_TYPES,
    CLIENT_EVENTS,
    FOREIGN_EVENT_TYPES,
    SESSION,
)
from tests.fixtures.realtime.check import ROOT


def golden_client_events() -> list[tuple[str, dict[str, Any]]]:
    paths = sorted((ROOT / "client").glob("*.json"))
    return [(path.stem, json.loads(path.read_text())) for path in paths]


@pytest.mark.parametrize(("name", "event"), golden_client_events())
def test_golden_client_events_have_an_accepted_shape(name: str, event: dict[str, Any]) -> None:
    """Every example passes, except those for WebRTC and for MCP, which are not offered."""
    if event["type"] == "output_audio_buffer.clear":
        assert event["type"] not in CLIENT_EVENTS
    elif "mcp" in name:
        with pytest.raises(ClientFault):
            CLIENT_EVENTS[event["type"]](event, "")
    else:
        CLIENT_EVENTS[event["type"]](event, "")


def test_every_type_that_is_listed_is_handled_or_foreign() -> None:
    """The list in the error text and the table of shapes agree."""
    assert set(CLIENT_EVENT_TYPES) == {*CLIENT_EVENTS, *FOREIGN_EVENT_TYPES}


def test_every_client_event_of_the_types_is_known() -> None:
    """All of them but the one for WebRTC, which the live server does not list either."""
    members = get_args(get_args(RealtimeClientEvent)[0])
    types = {get_args(member.model_fields["type"].annotation)[0] for member in members}
    assert types - set(CLIENT_EVENTS) == {"output_audio_buffer.clear"}
    for member in members:
        kind = get_args(member.model_fields["type"].annotation)[0]
        if kind in CLIENT_EVENTS:
            assert set(member.model_fields) == set(CLIENT_EVENTS[kind].fields)


def test_a_custom_voice_is_an_object_or_an_id() -> None:
    """Anything else must be one of the known names."""
    for voice in ("marin", "voice_1", {"id": "voice_1"}):
        SESSION({"type": "realtime", "audio": {"output": {"voice": voice}}}, "session")
    wrong: list[Any] = ["nobody", {}, {"id": 1}, 5]
    for voice in wrong:
        with pytest.raises(ClientFault) as caught:
            SESSION({"type": "realtime", "audio": {"output": {"voice": voice}}}, "session")
        assert (caught.value.param or "").startswith("session.audio.output.voice")
