"""Steady tones: found wherever they lie, told with their frequency, and not found in voices."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.g711 import from_pcm16, ms_of, silence
from gateway.core.steadytones import Rest, SteadyTones, Tone
from tests.core import sounds

PAIR: Final = (480, 620)


def tones_in(pcm: bytes) -> list[Tone]:
    """The tones of some audio, each when it was over."""
    pieces = SteadyTones([PAIR]).feed(from_pcm16(pcm + sounds.quiet(100)))
    return [piece for piece in pieces if isinstance(piece, Tone) and piece.over]


def in_silence(tone: bytes, before_ms: float = 123) -> bytes:
    """A tone that begins anywhere in a window."""
    return sounds.quiet(before_ms) + tone


@pytest.mark.parametrize("hz", [400, 425, 440, 613, 950, 1100, 1387.5, 1800, 1999, 2100])
@pytest.mark.parametrize("noise", ["none", "white", "babble"])
def test_a_tone_is_found_with_its_frequency(noise: str, hz: float) -> None:
    """Once, in its place to 20 ms, its frequency to two Hertz, also 15 dB above noise."""
    random = Random(f"{noise} {hz}")
    for dbfs in (-6, -20, -33):
        ms = random.uniform(300, 1500)
        pcm = in_silence(sounds.tone({hz: dbfs}, ms, random))
        (found,) = tones_in(sounds.with_noise(pcm, noise, dbfs - 15, random.randrange(160_000)))
        assert list(found.hz) == [pytest.approx(hz, abs=2)]
        assert found.start == pytest.approx(8 * 123, abs=165)
        assert found.end == pytest.approx(8 * (123 + ms), abs=165)
        assert found.power == pytest.approx((32768 * 10 ** (dbfs / 20)) ** 2, rel=0.15)
        assert found.share > 0.9


@pytest.mark.parametrize("noise", ["none", "white", "babble"])
def test_a_pair_is_one_tone(noise: str) -> None:
    """Told by the frequencies asked for, though they are off a little and not of the same level."""
    random = Random(noise)
    for _ in range(20):
        twist = random.uniform(-4, 4)
        levels = {480 + random.uniform(-7, 7): -20.0, 620 + random.uniform(-7, 7): -20.0 + twist}
        pcm = in_silence(sounds.tone(levels, 500, random))
        told = tones_in(sounds.with_noise(pcm, noise, -36, random.randrange(160_000)))
        (found,) = (tone for tone in told if ms_of(tone.end - tone.start) > 100)
        assert list(found.hz) == list(PAIR)
        assert found.start == pytest.approx(8 * 123, abs=165)


def test_two_tones_that_are_no_pair_are_none() -> None:
    """Of a key, of a dial tone, of a ringing tone."""
    for low, high in ((697, 1477), (350, 440), (440, 480)):
        pcm = sounds.tone({low: -16, high: -16}, 1000, Random(1))
        assert [tone for tone in tones_in(pcm) if ms_of(tone.end - tone.start) > 100] == []


def test_a_tone_is_told_while_it_sounds() -> None:
    """From its 60th millisecond on with every window, and once more when it is over."""
    pieces = SteadyTones().feed(from_pcm16(sounds.tone({1000: -16}, 200, Random(2))) + silence(100))
    told = [piece for piece in pieces if isinstance(piece, Tone)]
    assert [ms_of(tone.end) for tone in told] == [60, 80, 100, 120, 140, 160, 180, 200, 200]
    assert [tone.over for tone in told] == [False] * 8 + [True]
    assert {tone.start for tone in told} == {0}


def test_what_is_no_tone_is_told_too() -> None:
    """Window by window with its power, also when it looked like a tone at first."""
    tone = sounds.tone({1000: -16}, 40, Random(3))
    pieces = SteadyTones().feed(silence(40) + from_pcm16(tone) + silence(160))
    assert all(isinstance(piece, Rest) for piece in pieces)
    assert [ms_of(piece.start) for piece in pieces] == [20 * i for i in range(12)]
    assert [piece.power > 1e6 for piece in pieces] == [False] * 2 + [True] * 2 + [False] * 8


def test_a_lost_packet_does_not_end_a_tone() -> None:
    """20 ms of silence in it, or a phase that turns, are no end; 100 ms are."""
    random = Random(4)
    part = sounds.tone({2100: -16}, 300, random)
    for gap_ms, n in ((0, 1), (20, 1), (100, 2)):
        assert len(tones_in(part + sounds.quiet(gap_ms) + part)) == n


def test_tones_that_follow_each_other_are_told_apart() -> None:
    """Without a gap and 25 Hz apart."""
    random = Random(5)
    steps = b"".join(sounds.tone({hz: -16}, 333, random) for hz in (950, 975, 1400))
    assert [tone.hz[0] for tone in tones_in(steps)] == [
        pytest.approx(hz, abs=3) for hz in (950, 975, 1400)
    ]


def test_what_is_not_steady_is_no_tone() -> None:
    """A siren, and a tone that dies away like a bell."""
    random = Random(6)
    siren = b"".join(sounds.tone({hz: -16}, 20, random) for hz in range(500, 1500, 20))
    bell = b"".join(sounds.tone({900: -10 - 5 * i}, 60, random) for i in range(8))
    assert [tone for tone in tones_in(siren + bell) if ms_of(tone.end - tone.start) > 200] == []


def test_voices_hold_no_tone_for_long() -> None:
    """In more than half an hour not one of 265 ms, the shortest beep."""
    heard_ms, longest = 0.0, 0.0
    for pcm in sounds.disturbed((0.75, 0.85, 0.9, 1.0, 1.1, 1.2, 1.3), (sounds.NO_NOISE_DBFS,)):
        heard_ms += len(pcm) / 16
        longest = max([longest, *(ms_of(tone.end - tone.start) for tone in tones_in(pcm))])
    assert heard_ms > 1_400_000
    assert longest < 265


def test_soft_tones_are_silence() -> None:
    """Below -50 dBFS nobody means to be heard."""
    assert tones_in(sounds.tone({1000: -53}, 500, Random(7))) == []


def test_an_endless_tone_is_not_kept() -> None:
    """A minute of it is told all the time and holds the place of a few windows."""
    ear = SteadyTones()
    second = from_pcm16(sounds.tone({1000: -16}, 1000, Random(8)))
    told = [piece for _ in range(60) for piece in ear.feed(second)]
    assert isinstance(told[-1], Tone)
    assert ms_of(told[-1].end - told[-1].start) == 60_000
    assert len(ear._run._first) < 4


@pytest.mark.parametrize("pair", [(350, 440), (480, 720), (0, 500)])
def test_pairs_it_would_not_hear_are_refused(pair: tuple[int, int]) -> None:
    """The quick test for a pair is made for those between 400 and 700 Hz."""
    with pytest.raises(ValueError, match="from 400 to 700 Hz"):
        SteadyTones([pair])


@given(st.lists(st.integers(1, 700), min_size=1, max_size=12))
@settings(max_examples=30)
def test_how_audio_is_cut_changes_nothing(sizes: list[int]) -> None:
    """The same pieces in the same order, however the audio comes."""
    random = Random(9)
    pcm = in_silence(sounds.tone({1000: -16}, 250, random), 33) + sounds.voices()[0][:16000]
    payload = from_pcm16(pcm)
    ear = SteadyTones([PAIR])
    pieces = [piece for part in sounds.chunks(payload, sizes) for piece in ear.feed(part)]
    assert pieces == SteadyTones([PAIR]).feed(payload)
