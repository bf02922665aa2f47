"""The gateway's own sounds: keys that every exchange understands, and a soft tone for a hold."""

from __future__ import annotations

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import g711, tones

LOW_HZ = (697, 770, 852, 941)
HIGH_HZ = (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
BLOCK_MS = 10


def power(samples: array[int], hz: float) -> float:
    """Goertzel: the power of one frequency."""
    turn = 2 * math.cos(2 * math.pi * hz / 8000)
    before, last = 0.0, 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    return (last * last + before * before - turn * last * before) / (len(samples) / 2) ** 2 / 2


def key_of(payload: bytes) -> str:
    """The key whose two tones hold nearly all of the energy, else nothing."""
    samples = array("h", g711.to_pcm16(payload))
    lows = [power(samples, hz) for hz in LOW_HZ]
    highs = [power(samples, hz) for hz in HIGH_HZ]
    energy = sum(sample * sample for sample in samples) / len(samples)
    if max(lows) + max(highs) < 0.8 * energy:
        return ""
    return KEYS[lows.index(max(lows))][highs.index(max(highs))]


def levels(payload: bytes) -> list[float]:
    """The level of every 10 ms."""
    n = g711.bytes_of(BLOCK_MS)
    return [g711.level_dbfs(payload[i : i + n]) for i in range(0, len(payload), n)]


def bursts(payload: bytes) -> list[tuple[int, int]]:
    """Where there is sound, in ms, to 10 ms."""
    found: list[tuple[int, int]] = []
    for i, level in enumerate(levels(payload)):
        if level < -70:
            continue
        begin = i * BLOCK_MS
        if found and found[-1][1] == begin:
            begin = found.pop()[0]
        found.append((begin, (i + 1) * BLOCK_MS))
    return found


def decoded(payload: bytes) -> str:
    """The keys in a payload."""
    return "".join(
        key_of(payload[g711.bytes_of(begin) : g711.bytes_of(end)]) for begin, end in bursts(payload)
    )


def test_every_key_is_understood() -> None:
    """A decoder of our own reads the keys back, repeated ones too."""
    keys = "0123456789*#ABCD1122##"
    assert decoded(tones.dtmf(keys)) == keys


@given(st.text("0123456789*#ABCD", max_size=5), st.sampled_from([40, 50, 80, 100]))
def test_short_tones_are_understood_too(keys: str, ms: int) -> None:
    """Down to the 40 ms that every receiver must recognise."""
    assert decoded(tones.dtmf(keys, ms, ms)) == keys


def test_tones_gaps_and_pauses_last_as_asked() -> None:
    """A gap follows every key, a `w` is half a second more."""
    assert bursts(tones.dtmf("1w2", 80, 60)) == [(0, 80), (640, 720)]
    assert g711.ms_of(len(tones.dtmf("1w2", 80, 60))) == 780


@given(st.text("0123456789*#ABCDw", max_size=4), st.integers(40, 200), st.integers(40, 200))
def test_keys_fill_whole_frames(keys: str, tone_ms: int, gap_ms: int) -> None:
    """Whatever the times, less than a frame of silence is added."""
    payload = tones.dtmf(keys, tone_ms, gap_ms)
    pauses = keys.count("w")
    asked = pauses * 500 + (len(keys) - pauses) * (tone_ms + gap_ms)
    assert len(payload) % g711.FRAME_BYTES == 0
    assert 0 <= g711.ms_of(len(payload)) - asked < g711.FRAME_MS


@pytest.mark.parametrize("key", "0123456789*#ABCD")
def test_keys_are_as_loud_as_a_telephone_sends_them(key: str) -> None:
    """-10 dBFS together, the high tone 2 dB above the low one (ITU-T Q.23, Q.24)."""
    payload = tones.dtmf(key)[g711.bytes_of(10) : g711.bytes_of(90)]
    samples = array("h", g711.to_pcm16(payload))
    low = max(power(samples, hz) for hz in LOW_HZ)
    high = max(power(samples, hz) for hz in HIGH_HZ)
    assert g711.level_dbfs(payload) == pytest.approx(-10, abs=0.3)
    assert 10 * math.log10(high / low) == pytest.approx(2, abs=0.5)


def test_keys_begin_and_end_without_a_click() -> None:
    """The first and last half millisecond are far below the tone."""
    payload = tones.dtmf("5", 100)
    assert g711.level_dbfs(payload[:4]) < -40
    assert g711.level_dbfs(payload[g711.bytes_of(100) - 4 : g711.bytes_of(100)]) < -40


@pytest.mark.parametrize(
    ("digits", "place"), [("12x4", 3), ("a", 1), ("12 3", 3), ("W", 1), ("12३", 3), ("1\n", 2)]
)
def test_anything_else_is_refused_without_showing_it(digits: str, place: int) -> None:
    """The error names the place, never a digit: they may be a PIN."""
    with pytest.raises(ValueError, match=f"character {place} of {len(digits)} ") as refused:
        tones.dtmf(digits)
    assert str(refused.value) == (
        f"character {place} of {len(digits)} is none of 0-9, *, #, A-D and w"
    )


@pytest.mark.parametrize(("tone_ms", "gap_ms"), [(39, 100), (100, 39), (0, 0), (-100, 100)])
def test_times_nobody_would_recognise_are_refused(tone_ms: int, gap_ms: int) -> None:
    """Keys that get lost on the way are worse than an error."""
    with pytest.raises(ValueError, match="at least 40"):
        tones.dtmf("1", tone_ms, gap_ms)


def test_no_keys_are_no_audio() -> None:
    """Nothing to send is nothing sent."""
    assert tones.dtmf("") == b""


@given(st.integers(0, 600))
def test_the_hold_tone_lasts_exactly_as_long(frames: int) -> None:
    """To the byte, in whole frames."""
    assert len(tones.hold_tone(frames * g711.FRAME_MS)) == frames * g711.FRAME_BYTES


def test_the_hold_tone_comes_back_every_three_seconds() -> None:
    """A third of a second of tone at once and again, silence between."""
    assert [begin for begin, _ in bursts(tones.hold_tone(9500))] == [0, 3000, 6000, 9000]
    assert all(end - begin == 300 for begin, end in bursts(tones.hold_tone(9500)))


def test_a_beep_is_whole_or_not_at_all() -> None:
    """When the hold ends inside a beep, that beep is left out: cut off it would click."""
    assert bursts(tones.hold_tone(3280)) == [(0, 300)]
    assert bursts(tones.hold_tone(280)) == []


def test_the_hold_tone_is_soft() -> None:
    """It is a tone of 425 Hz 20 dB below speech, and swells instead of starting."""
    payload = tones.hold_tone(300)
    middle = payload[g711.bytes_of(100) : g711.bytes_of(200)]
    samples = array("h", g711.to_pcm16(middle))
    assert g711.level_dbfs(middle) == pytest.approx(-30, abs=0.3)
    assert power(samples, 425) > 0.95 * sum(x * x for x in samples) / len(samples)
    assert levels(payload)[0] < -45
    assert levels(payload)[-1] < -45


@pytest.mark.parametrize("ms", [-20, 10, 2999])
def test_a_hold_of_half_a_frame_is_refused(ms: int) -> None:
    """Only whole frames leave for the carrier."""
    with pytest.raises(ValueError, match="multiple of 20"):
        tones.hold_tone(ms)
