"""A recorded caller as test material."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.cli.calls_fixture import fixture_of
from gateway.sim.twilio import HangUp, Play, steps_from_json
from tests.fixtures import Span, Truth

PAYLOAD = b"\xff" * 8 * 10_000


def made(*spoken: tuple[str, float | None, float | None], from_ms: float | None) -> dict[str, Any]:
    """The fixture of a call in which the caller said that, recorded from that moment on."""
    turns = [
        {"who": "caller", "text": text, "from_ms": begin, "to_ms": end}
        for text, begin, end in spoken
    ]
    turns.append({"who": "agent", "text": "Not the caller's.", "from_ms": 1.0, "to_ms": 2.0})
    call = {"call_sid": "CA1", "recording_from_ms": from_ms}
    return fixture_of({"call": call, "turns": turns}, PAYLOAD, "CA1.caller.ulaw")


def test_it_has_the_form_of_the_recorded_callers() -> None:
    """With nothing more than what the caller can be told to do."""
    fixture = made(("Hello.", 500.0, 900.4), from_ms=0.0)
    script = fixture.pop("caller")
    truth = msgspec.convert(fixture, Truth)
    assert (truth.name, truth.words, truth.duration_ms) == ("CA1.caller", "Hello.", 10_000)
    assert (truth.speech, truth.dtmf) == ([Span(500, 900)], None)
    folder = Path("somewhere")
    assert steps_from_json(script, folder) == (Play(folder / "CA1.caller.ulaw"), HangUp())


@pytest.mark.parametrize(
    ("spoken", "from_ms", "speech"),
    [
        ((500.0, 900.0), 400.0, [{"from_ms": 100, "to_ms": 500}]),
        ((500.0, 900.0), 700.0, [{"from_ms": 0, "to_ms": 200}]),
        ((500.0, 900.0), 1000.0, []),
        ((9_800.0, 11_000.0), None, [{"from_ms": 9_800, "to_ms": 10_000}]),
        ((11_000.0, 12_000.0), None, []),
        ((None, 900.0), None, []),
        ((500.0, None), None, []),
    ],
)
def test_speech_is_counted_from_the_beginning_of_the_recording(
    spoken: tuple[float | None, float | None], from_ms: float | None, speech: list[dict[str, int]]
) -> None:
    """What was said before or behind it is not in it."""
    fixture = made(("Hello.", *spoken), from_ms=from_ms)
    assert fixture["speech"] == speech


def test_words_nobody_transcribed_are_left_out() -> None:
    """The rest is in the order it was spoken in."""
    fixture = made(("One.", 1.0, 2.0), ("", 3.0, 4.0), ("Two.", 5.0, 6.0), from_ms=None)
    assert fixture["words"] == "One. Two."
