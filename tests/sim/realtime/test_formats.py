"""The three wire formats convert into one another."""

import pytest

from gateway.core.g711 import audioop
from gateway.sim.realtime.formats import FORMATS, PCM, PCMA, PCMU, AudioFormat
from gateway.sim.realtime.vad import level_dbfs
from tests.sim.realtime.harness import tone


def test_only_linear_pcm_has_a_rate() -> None:
    """The session shows a rate for audio/pcm and none for G.711."""
    assert PCM.wire() == {"type": "audio/pcm", "rate": 24000}
    assert PCMU.wire() == {"type": "audio/pcmu"}
    assert PCMA.wire() == {"type": "audio/pcma"}


@pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
def test_speech_survives_a_round_trip(form: AudioFormat) -> None:
    """Duration is exact and the level stays within half a decibel."""
    payload = tone(200)
    there = form.from_payload(payload)
    assert form.ms_of(len(there)) == pytest.approx(200, abs=0.2)
    back = form.to_payload(there)
    assert len(back) == pytest.approx(len(payload), abs=2)
    heard = level_dbfs(audioop.ulaw2lin(back, 2))
    assert heard == pytest.approx(-20, abs=0.5)
    assert level_dbfs(form.linear(there)) == pytest.approx(-20, abs=0.5)


def test_bytes_never_split_a_sample() -> None:
    """A fraction of a millisecond is cut to whole samples."""
    assert PCM.bytes_of(1.99) % 2 == 0
    assert PCMU.bytes_of(1.99) == 15
