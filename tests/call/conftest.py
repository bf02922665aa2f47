"""What all tests of a call stand on."""

import pytest

from gateway.call import call as call_module
from gateway.call.recorded import Phrase
from tests.call.talk import CLOCK

SHORT: dict[Phrase, bytes] = {"apology": b"\x21" * 800, "goodbye": b"\x22" * 800}
"""Recorded words of a tenth of a second: what they say is not what these tests look at."""


@pytest.fixture
def short_phrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls apologise and say goodbye in a tenth of a second."""
    monkeypatch.setattr(call_module, "phrase", lambda name: SHORT[name])


@pytest.fixture
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dialogue and outbound clock read a time that only the test moves; the loop keeps its own."""
    monkeypatch.setattr("gateway.call.dialogue.time", CLOCK)
    monkeypatch.setattr("gateway.call.floor.time", CLOCK)
    monkeypatch.setattr("gateway.call.outbound.time", CLOCK)
