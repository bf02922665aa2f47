"""What holds for every call event."""

from gateway.core.eventkind import without_words
from gateway.core.events import CallerSpoke, ToolStarted


def test_what_is_shown_of_an_event_is_without_words() -> None:
    """For logs and lists of events; nor does ``repr`` show them."""
    started = ToolStarted("look_up", 5.0, 1, "desk", '{"name": "Ada"}')
    shown = {"tool": "look_up", "at_ms": 5.0, "number": 1, "agent": "desk"}
    assert without_words(started) == shown
    assert "Ada" not in repr(started)
    assert without_words(CallerSpoke("item", "I am Ada")) == {"item_id": "item"}
