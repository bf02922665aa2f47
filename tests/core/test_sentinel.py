"""The sentinel: hears what format the model really speaks, and never ends a good call.

False alarms: none. Over every recording of the project (speech, noise, silence, keys; at -30 to
+6 dB, clean and with noise; deltas of 100 to 400 ms; begun at every second), over waves of many
shapes, heights and levels, over noise, and over what the gateway plays itself.

Detections, of the spoken recordings at -18 to +6 dB with and without hiss: 100 % where one of the
two formats is 16-bit samples, 97.5 % of A-law as mu-law, 98 % of mu-law as A-law (the rest are too
short or too noisy). Half of the verdicts need 0.12 s of 16-bit samples or 0.7 to 0.9 s of G.711.
A wrong sample rate is not detected: 0 %, by design.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Final

import pytest

import gateway
from gateway.core import tones
from gateway.core.g711 import audioop, bytes_of, from_pcm16, level_dbfs, silence, to_pcm16
from gateway.core.resample import Upsampler
from gateway.core.sentinel import Sentinel
from tests.fixtures import CALLS

PACKAGE = Path(gateway.__file__).parent
RECORDINGS: Final = {
    path: path.read_bytes()
    for folder in (CALLS, PACKAGE / "sim" / "speech", PACKAGE / "call" / "phrases")
    for path in sorted(folder.rglob("*.ulaw"))
}
WORDS: Final = {"audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw", "audio/pcm": "pcm16"}
BYTES_PER_MS: Final = {"audio/pcmu": 8, "audio/pcma": 8, "audio/pcm": 48}
RATE: Final = {"audio/pcmu": 8000, "audio/pcma": 8000, "audio/pcm": 24_000}
FORMATS = pytest.mark.parametrize("wire_format", WORDS)


def upsampled(pcm: bytes) -> bytes:
    """8 kHz to 24 kHz, all at once."""
    upsampler = Upsampler()
    return upsampler.feed(pcm) + upsampler.flush()


ENCODED: Final[dict[str, Callable[[bytes], bytes]]] = {
    "audio/pcmu": from_pcm16,
    "audio/pcma": lambda pcm: audioop.lin2alaw(pcm, 2),
    "audio/pcm": lambda pcm: pcm,
}
"""From samples at the rate of the format."""


def noise(n: int, peak: int, seed: int = 1) -> bytes:
    """White noise, 16-bit samples."""
    chance = random.Random(seed)
    return array("h", (round(chance.uniform(-peak, peak)) for _ in range(n))).tobytes()


HISS: Final = noise(200_000, 10_000)


def spoken(name: str, payload: bytes) -> bool:
    """True when at least a second of a recording is as loud as speech, and not just loud."""
    tenths = (payload[i : i + 800] for i in range(0, len(payload), 800))
    return name != "noise_only" and sum(level_dbfs(tenth) > -40 for tenth in tenths) >= 10


SPOKEN: Final = [payload for path, payload in RECORDINGS.items() if spoken(path.stem, payload)]


def variants(payload: bytes, gains_db: list[int], hiss: list[float]) -> Iterator[bytes]:
    """16-bit samples of a recording at several levels, with several levels of noise."""
    pcm = to_pcm16(payload)
    for gain_db, share in product(gains_db, hiss):
        louder = audioop.mul(pcm, 2, 10 ** (gain_db / 20))
        yield audioop.add(louder, audioop.mul(HISS[: len(louder)], 2, share), 2)


def in_format(pcm: bytes, wire_format: str) -> bytes:
    """8 kHz samples as a model that speaks this format sends them."""
    return ENCODED[wire_format](upsampled(pcm) if wire_format == "audio/pcm" else pcm)


def verdict(audio: bytes, declared: str, seed: int = 0) -> str | None:
    """What a sentinel says of audio that comes in deltas of 100 to 400 ms."""
    sentinel = Sentinel(declared)
    chance = random.Random(seed)
    while audio and not sentinel.decided:
        n = chance.randint(100, 400) * BYTES_PER_MS[declared]
        found = sentinel.hear(audio[:n])
        if found is not None:
            return found
        audio = audio[n:]
    return None


def waves(rate: int, n: int) -> Iterator[array[int]]:
    """Tones and the waves of instruments at many heights and levels, steady and swelling."""
    heights = [50, 110, 200, 350, 425, 440, 620, 950, 1000, 1300, 1400, 2000, 2100, 2500, 3000]
    heights += [3400, 3900, 3990] + ([5000, 8000, 11_000, 11_990] if rate > 8000 else [])
    shapes: list[Callable[[float], float]] = [
        lambda turn: math.sin(math.tau * turn),
        lambda turn: math.copysign(1.0, math.sin(math.tau * turn)),
        lambda turn: 2.0 * (turn % 1.0) - 1.0,
        lambda turn: max(0.0, math.sin(math.tau * turn)),
        lambda turn: math.sin(math.tau * turn) * math.sin(math.tau * turn / 60.0),
    ]
    for hz, shape, peak in product(heights, shapes, (32_000, 3000, 300)):
        yield array("h", (round(peak * shape(hz * i / rate + 0.01)) for i in range(n)))


def test_there_is_something_to_hear() -> None:
    """The figures below rest on real recordings, most of them spoken."""
    assert len(RECORDINGS) >= 30
    assert len(SPOKEN) >= 20


@FORMATS
@pytest.mark.parametrize("gain_db", [-30, -15, 0, 6])
def test_recordings_as_declared_raise_no_alarm(wire_format: str, gain_db: int) -> None:
    """None in any recording, at any level, with any noise, wherever the call begins."""
    second = 1000 * BYTES_PER_MS[wire_format]
    for path, payload in RECORDINGS.items():
        for pcm in variants(payload, [gain_db], [0.0, 0.01, 0.1]):
            audio = in_format(pcm, wire_format)
            for start in range(0, len(audio), second):
                assert verdict(audio[start:], wire_format, seed=start) is None, path


@FORMATS
def test_tones_and_waves_as_declared_raise_no_alarm(wire_format: str) -> None:
    """Dial tones, whistles, organs: neither clean nor with noise over them."""
    encode, n = ENCODED[wire_format], 4800
    for wave in waves(RATE[wire_format], n):
        assert verdict(encode(wave.tobytes()), wire_format) is None
        hissing = audioop.add(wave.tobytes(), audioop.mul(HISS[: 2 * n], 2, 0.02), 2)
        assert verdict(encode(hissing), wire_format) is None


@FORMATS
def test_what_the_gateway_plays_itself_raises_no_alarm(wire_format: str) -> None:
    """Keys, the hold tone, silence."""
    keys = tones.dtmf("0123456789*#ABCD")
    for payload in (keys, tones.hold_tone(9000), silence(3000), b"\x7f" * 8000, b"\xff\x7f" * 4000):
        assert verdict(in_format(to_pcm16(payload), wire_format), wire_format) is None


@FORMATS
@pytest.mark.parametrize("peak", [1, 2, 30, 200, 3000, 32_000])
def test_noise_raises_no_alarm(wire_format: str, peak: int) -> None:
    """White noise, noise with nothing between its bursts, noise in every second sample only."""
    encode = ENCODED[wire_format]
    steady = array("h", noise(24_000, peak, seed=peak))
    bursts = array("h", (x if i // 160 % 2 else 0 for i, x in enumerate(steady)))
    combed = array("h", (x if i % 2 else 0 for i, x in enumerate(steady)))
    for samples in (steady, bursts, combed):
        assert verdict(encode(samples.tobytes()), wire_format) is None


@FORMATS
def test_gaps_in_speech_raise_no_alarm(wire_format: str) -> None:
    """Lost packets played as digital silence are no other format."""
    chance = random.Random(7)
    for payload in SPOKEN:
        broken = bytearray(payload)
        for _ in range(len(payload) // 400):
            start, n = chance.randrange(len(payload)), chance.randint(8, 240)
            broken[start : start + n] = silence(30)[:n]
        audio = in_format(to_pcm16(bytes(broken[: len(payload)])), wire_format)
        assert verdict(audio, wire_format) is None


@pytest.mark.parametrize(
    ("declared", "spoken_format"),
    [pair for pair in product(WORDS, WORDS) if pair[0] != pair[1]],
)
def test_another_format_is_detected(declared: str, spoken_format: str) -> None:
    """At least 95 % of the spoken recordings, and never as a third format."""
    verdicts = [
        verdict(in_format(pcm, spoken_format), declared)
        for payload in SPOKEN
        for pcm in variants(payload, [-18, -6, 0, 6], [0.0, 0.005])
    ]
    assert set(verdicts) <= {WORDS[spoken_format], None}
    assert verdicts.count(WORDS[spoken_format]) >= 0.95 * len(verdicts)


@pytest.mark.parametrize("rate", [8000, 16_000])
def test_a_wrong_rate_is_not_taken_for_a_wrong_format(rate: int) -> None:
    """16-bit samples at another rate than 24 kHz are 16-bit samples still."""
    for payload in SPOKEN:
        pcm = to_pcm16(payload)
        at_rate, _ = audioop.ratecv(pcm, 2, 1, 8000, rate, None)
        assert verdict(at_rate, "audio/pcm") is None


@pytest.mark.parametrize("rate", [8000, 16_000])
def test_16_bit_samples_are_detected_at_any_rate(rate: int) -> None:
    """A server that was asked for mu-law and sends samples need not send them at 24 kHz."""
    found = []
    for payload in SPOKEN:
        for pcm in variants(payload, [-6, 0], [0.005]):
            at_rate, _ = audioop.ratecv(pcm, 2, 1, 8000, rate, None)
            found.append(verdict(at_rate, "audio/pcmu"))
    assert set(found) <= {"pcm16", None}
    assert found.count("pcm16") >= 0.8 * len(found), found.count("pcm16") / len(found)


@FORMATS
def test_it_decides_soon_and_then_needs_no_more(wire_format: str) -> None:
    """Speech as declared is believed within two seconds, and nothing changes its mind."""
    payload = SPOKEN[0]
    sentinel = Sentinel(wire_format)
    sentinel.hear(in_format(to_pcm16(payload[: bytes_of(2000)]), wire_format))
    assert sentinel.decided
    for other in WORDS:
        assert sentinel.hear(in_format(to_pcm16(payload), other)) is None


def test_an_alarm_is_given_once() -> None:
    """After the verdict there is nothing more to say."""
    audio = in_format(to_pcm16(SPOKEN[0]), "audio/pcm")
    sentinel = Sentinel("audio/pcmu")
    assert sentinel.hear(audio) == "pcm16"
    assert sentinel.decided
    assert sentinel.hear(audio) is None


@FORMATS
def test_it_does_not_listen_for_ever(wire_format: str) -> None:
    """A minute of silence is enough; the sentinel is not asked again."""
    sentinel = Sentinel(wire_format)
    assert sentinel.hear(in_format(bytes(2 * 480_000), wire_format)) is None
    assert sentinel.decided


def test_how_the_audio_is_cut_makes_no_difference() -> None:
    """Byte by byte it hears the same as at once."""
    audio = in_format(to_pcm16(SPOKEN[0]), "audio/pcma")
    sentinel = Sentinel("audio/pcmu")
    said = [found for byte in audio if (found := sentinel.hear(bytes([byte])))]
    assert said == [verdict(audio, "audio/pcmu")] == ["g711_alaw"]


def test_another_format_is_refused_by_name() -> None:
    """A format nobody can check is an error."""
    with pytest.raises(ValueError, match="audio/opus"):
        Sentinel("audio/opus")
