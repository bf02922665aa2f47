"""From the open link to a confirmed session."""

import pytest

from gateway.call.handshake import Handshake
from gateway.core.events import CallEvent, ModelConnected
from gateway.core.realtime import SessionInfo

PCMU = ("audio/pcmu", "audio/pcmu")


class Shaking:
    """A handshake that writes into lists."""

    def __init__(self, formats: tuple[str, str] = PCMU, greeting: bytes | None = b"hi") -> None:
        self.sent: list[bytes] = []
        self.events: list[CallEvent] = []
        self.it = Handshake(formats, greeting, self.sent.append, self.events.append)


@pytest.mark.parametrize("order", [("created", "configured"), ("configured", "created")])
def test_the_greeting_is_asked_for_when_session_and_settings_are_there(
    order: tuple[str, str],
) -> None:
    """Whichever comes last; and only once."""
    shaking = Shaking()
    getattr(shaking.it, order[0])()
    assert shaking.sent == []
    getattr(shaking.it, order[1])()
    shaking.it.configured()
    assert shaking.sent == [b"hi"]
    assert [type(event) for event in shaking.events] == [ModelConnected]


def test_without_a_greeting_nothing_is_asked() -> None:
    """The caller speaks first."""
    shaking = Shaking(greeting=None)
    shaking.it.created()
    shaking.it.configured()
    assert shaking.sent == []


@pytest.mark.parametrize(
    ("formats", "confirmed", "wrong"),
    [
        (PCMU, PCMU, None),
        (("audio/pcma", "audio/pcm"), ("audio/pcma", "audio/pcm"), None),
        (PCMU, ("audio/pcm", "audio/pcm"), "session has audio/pcm in, audio/pcm out"),
        (PCMU, ("audio/pcmu", "audio/pcm"), "asked for audio/pcmu in, audio/pcmu out"),
        (("audio/pcma", "audio/pcma"), PCMU, "asked for audio/pcma in"),
    ],
)
def test_the_formats_must_be_those_that_were_asked_for(
    formats: tuple[str, str], confirmed: tuple[str, str], wrong: str | None
) -> None:
    """Each direction by itself; the sentence says what is and what should be."""
    said = Shaking(formats).it.updated(SessionInfo(*confirmed))
    assert said is None if wrong is None else wrong in (said or "")


def test_the_session_says_how_it_takes_turns() -> None:
    """Whether it interrupts by itself, and which silence ends a turn."""
    shaking = Shaking()
    shaking.it.updated(SessionInfo(*PCMU, interrupt_response=False, silence_duration_ms=500))
    assert shaking.it.interrupts is False
    assert shaking.it.silence_ms == 500
