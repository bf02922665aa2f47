"""Keys by ear: every key once and at its place, in noise and under speech, and none in speech."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core import tones
from gateway.core.g711 import FRAME_BYTES, SILENCE_FRAME, from_pcm16, ms_of, to_pcm16
from gateway.core.keytones import KeyDown, KeyTones, KeyUp, Presence, key_in
from tests import fixtures
from tests.core import sounds

KEYS: Final = "0123456789*#ABCD"
ROWS: Final = ("123A", "456B", "789C", "*0#D")
LOW_HZ: Final = (697, 770, 852, 941)
HIGH_HZ: Final = (1209, 1336, 1477, 1633)
LEVELS: Final = (-6, -10, -20, -33, -40)
ANY_TWIST: Final = (-8.0, 4.0)
"""High tone over low tone in dB that a receiver must take (ITU-T Q.24)."""
ANY_OFF: Final = 0.015
"""How far each frequency may be off."""
TRIALS: Final = 300
SPEEDS: Final = (0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1, 1.2, 1.3, 1.4)
HOUR_MS: Final = 3_600_000


def key_tone(
    key: str, dbfs: float, ms: float, random: Random, twist: float = 0.0, off: float = 0.0
) -> bytes:
    """A key of that level, each frequency anywhere up to `off` away."""
    row = next(i for i, keys in enumerate(ROWS) if key in keys)
    low_hz, high_hz = LOW_HZ[row], HIGH_HZ[ROWS[row].index(key)]
    tone = sounds.tone(
        {
            low_hz * (1 + random.uniform(-off, off)): -20.0,
            high_hz * (1 + random.uniform(-off, off)): twist - 20,
        },
        ms,
        random,
    )
    return sounds.at_level(tone, dbfs)


def heard(payload: bytes) -> list[KeyDown | KeyUp]:
    """All events of a payload."""
    return KeyTones().feed(payload)


def keys_of(payload: bytes) -> str:
    """The keys pressed in a payload."""
    return "".join(event.key for event in heard(payload) if isinstance(event, KeyDown))


def trial(random: Random, noise: str, snr_db: float, dbfs: float, ms: float) -> bool:
    """One key at its worst; True when just it is told, down and up."""
    key, begin = random.choice(KEYS), random.randrange(160_000)
    tone = key_tone(key, dbfs, ms, random, random.uniform(*ANY_TWIST), ANY_OFF)
    pcm = sounds.quiet(random.uniform(100, 150)) + tone + sounds.quiet(125)
    events = heard(from_pcm16(sounds.with_noise(pcm, noise, dbfs - snr_db, begin)))
    return [type(event) for event in events] == [KeyDown, KeyUp] and {
        event.key for event in events
    } == {key}


@pytest.mark.parametrize(
    ("noise", "snr_db", "ms", "rate"),
    [
        ("none", 99, 40, 0.995),
        ("none", 99, 100, 0.995),
        ("white", 20, 40, 0.995),
        ("white", 15, 40, 0.995),
        ("white", 15, 60, 0.995),
        ("white", 15, 100, 0.995),
        ("white", 10, 40, 0.97),
        ("white", 10, 100, 0.99),
        ("babble", 20, 40, 0.995),
        ("babble", 15, 40, 0.995),
        ("babble", 15, 60, 0.995),
        ("babble", 15, 100, 0.995),
        ("babble", 10, 40, 0.96),
        ("babble", 10, 100, 0.99),
    ],
)
def test_keys_are_heard(noise: str, snr_db: float, ms: float, rate: float) -> None:
    """Each once, with the worst twist and frequencies of Q.24, at -6 to -40 dBFS."""
    random = Random(f"{noise} {snr_db} {ms}")
    found = sum(trial(random, noise, snr_db, random.choice(LEVELS), ms) for _ in range(TRIALS))
    assert found >= rate * TRIALS


@pytest.mark.parametrize("dbfs", [-3, -6, -10, -20, -30, -33, -36, -40])
@pytest.mark.parametrize("noise", ["white", "babble"])
def test_keys_are_heard_at_every_level(noise: str, dbfs: float) -> None:
    """From too loud for the format (its peaks are cut off) to as soft as a whisper."""
    random = Random(f"{noise} {dbfs}")
    assert sum(trial(random, noise, 15, dbfs, 50) for _ in range(100)) >= 99


def test_no_key_is_heard_in_recordings() -> None:
    """Not one in an hour and a half of voices at any speed, clean and in noise."""
    heard_ms = 0.0
    for pcm in sounds.disturbed(SPEEDS, (sounds.NO_NOISE_DBFS, -46.0)):
        payload = from_pcm16(pcm)
        heard_ms += ms_of(len(payload))
        assert heard(payload) == []
    assert heard_ms > 1.5 * HOUR_MS


@pytest.mark.parametrize("kind", ["white", "babble"])
def test_no_key_is_heard_in_noise(kind: str) -> None:
    """Noise is no key, at any level."""
    for dbfs in (-40, -30, -20, -10):
        assert heard(from_pcm16(sounds.with_noise(sounds.quiet(20_000), kind, dbfs))) == []


def test_keys_are_told_at_their_place() -> None:
    """To 10 ms, both their begin and their end."""
    random = Random(3)
    for key, ms in product(KEYS, (40, 55, 100, 333)):
        before = random.randrange(800, 1200)
        tone = key_tone(key, -14, ms, random)
        down, up = heard(from_pcm16(bytes(2 * before) + tone + sounds.quiet(100)))
        assert down.at == pytest.approx(before, abs=80)
        assert up.at == pytest.approx(before + 8 * ms, abs=80)


@given(st.text(KEYS, min_size=1, max_size=8), st.integers(40, 120), st.integers(40, 120))
@settings(max_examples=50)
def test_what_the_gateway_dials_is_read_back(keys: str, tone_ms: int, gap_ms: int) -> None:
    """Down to 40 ms of tone and of gap, repeated keys too."""
    assert keys_of(tones.dtmf(keys, tone_ms, gap_ms)) == keys


def test_the_recorded_keys_are_read() -> None:
    """As the truth beside the recording has them, each where it was pressed."""
    events = heard(fixtures.payload_of("dtmf_1042"))
    truth = fixtures.truth_of("dtmf_1042")
    assert keys_of(fixtures.payload_of("dtmf_1042")) == truth.dtmf
    assert [event.at for event in events] == [
        pytest.approx(8 * ms, abs=80) for span in truth.sounds for ms in (span.from_ms, span.to_ms)
    ]


def test_a_key_is_certain_soon() -> None:
    """40 ms after its begin it has been told, wherever the windows lie."""
    random = Random(5)
    for before, key in product(range(800, 960, 7), "05D"):
        tone = key_tone(key, -14, 40, random)
        assert len(heard(from_pcm16(bytes(2 * before) + tone))) == 1


@pytest.mark.parametrize(("gap_ms", "presses"), [(0, 1), (5, 1), (8, 1), (40, 2), (60, 2)])
def test_short_breaks_are_none(gap_ms: float, presses: int) -> None:
    """A key that drops out for some ms is still the same press; 40 ms of silence end it (Q.24)."""
    random = Random(7)
    for key in KEYS:
        part = key_tone(key, -14, 60, random, off=0.01)
        pcm = sounds.quiet(110) + part + sounds.quiet(gap_ms) + part + sounds.quiet(100)
        assert len(heard(from_pcm16(pcm))) == 2 * presses


def test_keys_that_follow_each_other_at_once_are_two() -> None:
    """Without any gap the first is up where the second is down."""
    random = Random(9)
    pcm = key_tone("1", -14, 100, random) + key_tone("6", -14, 100, random) + sounds.quiet(100)
    events = heard(from_pcm16(pcm))
    assert [event.key for event in events] == ["1", "1", "6", "6"]
    assert [event.at for event in events] == [
        pytest.approx(at, abs=160) for at in (0, 800, 800, 1600)
    ]


@pytest.mark.parametrize("off", [-0.06, -0.045, -0.035, 0.035, 0.045, 0.06])
@pytest.mark.parametrize("which", ["low", "high"])
def test_frequencies_beside_a_key_are_none(off: float, which: str) -> None:
    """3.5 % beside is not a key (Q.24)."""
    random = Random(11)
    low, high = (off, 0.0) if which == "low" else (0.0, off)
    for low_hz, high_hz in ((697, 1633), (770, 1336), (941, 1209)):
        levels = {low_hz * (1 + low): -16.0, high_hz * (1 + high): -16.0}
        assert heard(from_pcm16(sounds.tone(levels, 300, random) + sounds.quiet(60))) == []


@pytest.mark.parametrize("twist", [-14, 9, 14])
def test_lopsided_tones_are_no_key(twist: float) -> None:
    """One tone far above the other is something else."""
    random = Random(13)
    for key in KEYS:
        pcm = key_tone(key, -14, 200, random, twist) + sounds.quiet(60)
        assert heard(from_pcm16(pcm)) == []


@pytest.mark.parametrize("hz", [[941], [1336], [480, 620], [697, 770], [941, 1209, 1900]])
def test_other_tones_are_no_key(hz: list[float]) -> None:
    """One tone, two of the same group, or three at once."""
    pcm = sounds.tone(dict.fromkeys(hz, -16.0), 500, Random(15)) + sounds.quiet(60)
    assert heard(from_pcm16(pcm)) == []


@pytest.mark.parametrize("ms", [5, 10, 15])
def test_clicks_are_no_key(ms: float) -> None:
    """What is shorter than 20 ms is not pressed by anybody (Q.24 lets 40 ms be the shortest)."""
    random = Random(17)
    for key in KEYS:
        pcm = sounds.quiet(103) + key_tone(key, -14, ms, random) + sounds.quiet(100)
        assert heard(from_pcm16(pcm)) == []


@given(st.lists(st.integers(1, 700), min_size=1, max_size=12))
@settings(max_examples=40)
def test_how_audio_is_cut_changes_nothing(sizes: list[int]) -> None:
    """The same keys at the same places, however the audio comes."""
    payload = tones.dtmf("19w0#", 70, 50) + fixtures.payload_of("yes")
    ear = KeyTones()
    assert [e for part in sounds.chunks(payload, sizes) for e in ear.feed(part)] == heard(payload)


def test_it_says_whether_a_key_is_down() -> None:
    """From the press that was told to the release that was told."""
    ear = KeyTones()
    states = []
    payload = tones.dtmf("5", 100, 100)
    for begin in range(0, len(payload), FRAME_BYTES):
        ear.feed(payload[begin : begin + FRAME_BYTES])
        states.append(ear.down)
    assert states == [False] + [True] * 5 + [False] * 4


def test_no_key_is_shown() -> None:
    """Neither the events nor the ear tell a log which key it was."""
    down, up = heard(tones.dtmf("7"))
    ear = KeyTones()
    ear.feed(tones.dtmf("7", 100, 40)[: 4 * FRAME_BYTES])
    assert repr(ear) == "<KeyTones key down>"
    assert repr(KeyTones()) == "<KeyTones idle>"
    assert all("7" not in repr(event).split("at=")[0] for event in (down, up))


def presences(noise: str, snr_db: float, ms: float) -> list[Presence]:
    """What is said of frames that hold so much of a key, at their begin or at their end."""
    random = Random(f"{noise} {snr_db} {ms}")
    said = []
    for _ in range(TRIALS):
        dbfs = random.choice(LEVELS)
        twist = random.uniform(*ANY_TWIST)
        tone = key_tone(random.choice(KEYS), dbfs, ms, random, twist, ANY_OFF)
        rest = sounds.quiet(20 - ms)
        pcm = tone + rest if random.random() < 0.5 else rest + tone
        pcm = sounds.with_noise(pcm, noise, dbfs - snr_db, random.randrange(160_000))
        said.append(key_in(from_pcm16(pcm)))
    return said


@pytest.mark.parametrize(
    ("noise", "snr_db", "ms", "surely", "noticed"),
    [
        ("none", 99, 20, 0.995, 1.0),
        ("none", 99, 10, 0.3, 1.0),
        ("none", 99, 7.5, 0.0, 0.99),
        ("none", 99, 5, 0.0, 0.97),
        ("white", 15, 20, 0.99, 1.0),
        ("white", 15, 10, 0.3, 0.99),
        ("white", 15, 5, 0.0, 0.9),
        ("babble", 15, 20, 0.99, 0.995),
        ("babble", 15, 10, 0.3, 0.99),
        ("babble", 15, 5, 0.0, 0.85),
        ("babble", 10, 20, 0.97, 0.99),
        ("babble", 10, 10, 0.3, 0.98),
    ],
)
def test_a_frame_shows_a_key(
    noise: str, snr_db: float, ms: float, surely: float, noticed: float
) -> None:
    """A full frame surely; a part of one is not overlooked from 5 ms on."""
    said = presences(noise, snr_db, ms)
    assert said.count(Presence.SURELY) >= surely * len(said)
    assert len(said) - said.count(Presence.NO) >= noticed * len(said)


def test_frames_of_voices_seldom_seem_to_hold_a_key() -> None:
    """Surely one in 300 at most, and possibly one in 15."""
    said = [
        key_in(from_pcm16(pcm[begin : begin + 2 * FRAME_BYTES]))
        for pcm in sounds.recordings()
        for begin in range(0, len(pcm) - 2 * FRAME_BYTES + 1, 2 * FRAME_BYTES)
    ]
    assert said.count(Presence.SURELY) <= len(said) / 300
    assert said.count(Presence.POSSIBLY) <= len(said) / 15


def test_silence_holds_no_key() -> None:
    """Nor does what is nearly silence."""
    assert key_in(SILENCE_FRAME) == Presence.NO
    assert key_in(from_pcm16(sounds.at_level(to_pcm16(tones.dtmf("5"))[:320], -70))) == Presence.NO


@pytest.mark.parametrize("n", [0, 80, 159, 161, 320])
def test_only_frames_are_judged(n: int) -> None:
    """A frame has 20 ms."""
    with pytest.raises(ValueError, match="160 bytes"):
        key_in(bytes(n))
