"""The caller's turn on the call's clock."""

import pytest

from gateway.call.callerturn import CallerTurn
from gateway.call.inbound import Inbound
from gateway.core.events import CallerStarted, CallerStopped, CallEvent


class Line:
    """A caller whose audio is two seconds old, five seconds after the stream opened."""

    def __init__(self) -> None:
        self.events: list[CallEvent] = []
        self.inbound = Inbound()
        self.inbound.open(lambda message: None)
        self.inbound.frame(b"\xff" * 16_000)
        self.turn = CallerTurn(self.inbound, lambda: 5000.0, self.events.append)


def test_a_turn_lies_where_the_voice_was() -> None:
    """Not where the model noticed it: its clock counts appended audio, the newest of it is now."""
    line = Line()
    line.turn.began("item_1", 1200)
    line.turn.tell_started()
    assert line.turn.ended(1800, 77.0) == pytest.approx(76.8)
    line.turn.tell_stopped()
    assert line.events == [
        CallerStarted(5000.0, "item_1", 4200.0),
        CallerStopped(5000.0, "item_1", 4800.0),
    ]


def test_a_strange_clock_makes_no_strange_times() -> None:
    """No turn begins before the stream, in the future, or ends before it began."""
    line = Line()
    line.turn.began("item_1", 9000)
    line.turn.ended(-9000, 0.0)
    line.turn.tell_started()
    line.turn.tell_stopped()
    assert line.events == [
        CallerStarted(5000.0, "item_1", 5000.0),
        CallerStopped(5000.0, "item_1", 5000.0),
    ]
