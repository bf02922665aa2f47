"""The ear: when it hears a voice, when marks are due, and what is none."""

import pytest

from gateway.call.recorded import phrase
from gateway.core.g711 import audioop, silence, to_pcm16
from gateway.core.resample import Upsampler
from gateway.ops.doctor.ear import Ear, judged
from gateway.ops.doctor.finding import Wrong
from tests.e2e.harness import SPEECH

VOICE = (SPEECH / "greeting.ulaw").read_bytes()
SID = "CAd0c70000" + "0" * 24
PIECE = 1600
PIECE_S = 0.2


def hearing(audio: bytes, *, began_s: float = 100.0, after_s: float = 0.0) -> Ear:
    """What is left in an ear, of audio that comes in pieces of 200 ms from some moment on."""
    ear = Ear(began_s)
    for number, at in enumerate(range(0, len(audio), PIECE)):
        ear.audio(audio[at : at + PIECE], began_s + after_s + number * PIECE_S)
    return ear


def test_a_voice_is_heard_when_it_is() -> None:
    """From the beginning of the stream, in the carrier's time."""
    ear = hearing(silence(400) + VOICE, after_s=0.5)
    assert ear.first_ms == pytest.approx(500)
    assert ear.voice_ms is not None
    assert 900 <= ear.voice_ms <= 1500
    assert ear.enough
    told = judged(ear, 10, SID)
    assert told.startswith(f"heard {ear.voice_ms / 1000:.1f} s after the stream began: mu-law, -")


def test_what_comes_early_is_played_later() -> None:
    """One after the other, as the carrier's buffer does."""
    ear = Ear(100.0)
    ear.audio(silence(2000), 100.0)
    ear.audio(VOICE, 100.1)
    assert ear.voice_ms == pytest.approx(2000)


def test_a_voice_in_odd_pieces_is_the_same() -> None:
    """The carrier takes audio of any length."""
    whole, odd = hearing(VOICE), Ear(100.0)
    for at in range(0, len(VOICE), 333):
        odd.audio(VOICE[at : at + 333], 100.0)
    assert odd.payload == whole.payload == VOICE
    assert odd.enough


def test_marks_are_due_when_what_was_before_them_is_played() -> None:
    """And at once when it was cleared, or nothing was."""
    ear = Ear(100.0)
    ear.mark("at once", 100.0)
    ear.audio(silence(1000), 100.0)
    ear.mark("after a second", 100.0)
    assert ear.due(100.0) == ["at once"]
    assert ear.due(100.9) == []
    ear.audio(silence(1000), 100.9)
    ear.mark("after two", 100.9)
    assert ear.due(101.0) == ["after a second"]
    ear.clear(101.1)
    assert ear.due(101.1) == ["after two"]
    ear.audio(VOICE, 101.2)
    assert ear.due(200.0) == []


NO_VOICE = {
    "nothing": (b"", "nothing was heard within 7 s"),
    "silence": (silence(3000), "3.0 s of audio came, and it is silence"),
    "a click": (b"\x00" * 160 + silence(2000), "it is silence"),
    "the apology": (silence(100) + phrase("apology"), "the gateway's own apology"),
    "the goodbye": (phrase("goodbye"), "the gateway's own goodbye"),
    "16-bit samples": (Upsampler().feed(to_pcm16(VOICE)), "sounds like pcm16"),
    "A-law": (audioop.lin2alaw(to_pcm16(VOICE), 2), "sounds like g711_alaw"),
    "a file's header": (b"RIFF\x00\x00\x00\x00WAVEfmt " + VOICE, "a file's header"),
}


@pytest.mark.parametrize("name", NO_VOICE)
def test_what_is_no_voice_in_mu_law_is_named(name: str) -> None:
    """Each for what it is, with the call to look at where that helps."""
    audio, says = NO_VOICE[name]
    with pytest.raises(Wrong) as wrong:
        judged(hearing(audio), 7, SID)
    assert says in wrong.value.detail
    assert wrong.value.fix


def test_every_shipped_voice_passes() -> None:
    """No good call is called a bad one."""
    recordings = sorted(SPEECH.parent.rglob("*.ulaw"))
    assert len(recordings) > 20
    for path in recordings:
        judged(hearing(path.read_bytes()), 10, SID)
