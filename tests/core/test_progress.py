"""Call progress by ear: what each tone means, in every country of the table, and voices mean none.

The tables are the rates of detection; the last tests those of false alarms.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core import tones
from gateway.core.g711 import from_pcm16, ms_of, to_pcm16
from gateway.core.progress import CADENCES, Cadence, Heard, Progress, Sound
from tests.core import sounds

LEVELS: Final = (-6, -10, -20, -33)
ROWS: Final = [row for rows in CADENCES.values() for row in rows]
NAMES: Final = [f"{where} {row.sound}" for where, rows in CADENCES.items() for row in rows]
DISTURBANCES: Final = [("none", 99, 0.98), ("white", 15, 0.98), ("babble", 15, 0.98)]
SIT_HZ: Final = ((950, 1400, 1800), (985.2, 1428.5, 1776.7), (913.8, 1370.6, 1776.7))
GREETINGS: Final = tuple(pcm for pcm in sounds.voices() if len(pcm) > 16 * 1500)
HOUR_MS: Final = 3_600_000


def heard(pcm: bytes) -> list[Heard]:
    """All that is told of some audio, and of the silence after it."""
    return Progress().feed(from_pcm16(pcm + sounds.quiet(1000)))


def sounds_of(pcm: bytes) -> list[Sound]:
    """The same without the places."""
    return [each.sound for each in heard(pcm)]


def played(parts: list[tuple[dict[float, float], float]], random: Random) -> bytes:
    """Tones and silences (no levels), each with its ms."""
    return b"".join(
        sounds.tone(levels, ms, random) if levels else sounds.quiet(ms) for levels, ms in parts
    )


def near(value: float, part: float, random: Random) -> float:
    """A value as real equipment has it."""
    return value * (1 + random.uniform(-part, part))


def cadence(row: Cadence, dbfs: float, random: Random, bursts: int = 3) -> bytes:
    """A tone of an exchange whose frequencies are 6 Hz off at most, and whose times 5 %."""
    levels = {hz + random.uniform(-6, 6): dbfs - 3 * (len(row.hz) - 1) for hz in row.hz}
    times = [near(ms, 0.05, random) for ms in row.on_off_ms] * bursts
    parts = [(levels if i % 2 == 0 else {}, ms) for i, ms in enumerate(times)]
    return played(parts[: 2 * bursts], random)


def information(dbfs: float, random: Random) -> bytes:
    """Special information tones (ITU-T E.180, and the North American ones)."""
    parts: list[tuple[dict[float, float], float]] = []
    for hz in random.choice(SIT_HZ):
        ms = random.choice((274, 330, 380))
        parts += [({near(hz, 0.01, random): dbfs}, ms), ({}, random.uniform(0, 30))]
    return played(parts, random)


def fax_calling(dbfs: float, random: Random) -> bytes:
    """Two of the beeps of a machine that calls (ITU-T T.30), at the limits of its times."""
    beep = ({1100 + random.uniform(-38, 38): dbfs}, near(500, 0.12, random))
    return played([beep, ({}, near(3000, 0.12, random)), beep], random)


def fax_answering(dbfs: float, random: Random) -> bytes:
    """The tone of a machine that answers, some with turning phase and swelling (ITU-T V.8)."""
    hz, swell, turns = (
        2100 + random.uniform(-15, 15),
        random.choice((0, 0.2)),
        random.random() < 0.5,
    )
    peak = math.sqrt(2) * 32768 * 10 ** (dbfs / 20) / (1 + swell)

    def sample(i: int) -> int:
        level = peak * (1 + swell * math.sin(2 * math.pi * 15 * i / 8000))
        sign = -1 if turns and (i // 3600) % 2 else 1
        return round(sign * level * math.sin(2 * math.pi * hz * i / 8000))

    return array("h", map(sample, range(8 * 2600))).tobytes()


def mailbox(dbfs: float, random: Random) -> bytes:
    """A greeting, a pause or none, and a beep of any pitch and length."""
    greeting = sounds.at_speed(random.choice(GREETINGS), random.uniform(0.9, 1.1))
    beep = ({random.uniform(400, 2000): dbfs}, random.uniform(300, 2000))
    pause = sounds.quiet(random.uniform(0, 800))
    return sounds.at_level(greeting, max(dbfs, -26)) + pause + played([beep], random)


Made = Callable[[float, Random], bytes]


def rate(make: Made, sound: Sound, noise: str, snr_db: float, trials: int) -> float:
    """How often just that is heard."""
    random = Random(f"{sound} {noise} {snr_db}")
    right = 0
    for _ in range(trials):
        dbfs = random.choice(LEVELS)
        pcm = sounds.quiet(random.uniform(100, 200)) + make(dbfs, random) + sounds.quiet(1000)
        pcm = sounds.with_noise(pcm, noise, dbfs - snr_db, random.randrange(160_000))
        told = sounds_of(pcm)
        if noise == "babble" and sound == Sound.FAX_CALLING:
            told = [each for each in told if each != Sound.BEEP]  # its first one is after voices
        right += told == [sound]
    return right / trials


@pytest.mark.parametrize(("noise", "snr_db", "least"), DISTURBANCES)
@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_cadences_are_heard(row: Cadence, noise: str, snr_db: float, least: float) -> None:
    """Busy and congestion of every country, from -6 to -33 dBFS."""
    assert rate(lambda *at: cadence(row, *at), row.sound, noise, snr_db, 20) >= least


@pytest.mark.parametrize(("noise", "snr_db", "least"), DISTURBANCES)
@pytest.mark.parametrize(
    ("make", "sound"),
    [
        (information, Sound.INFORMATION),
        (fax_calling, Sound.FAX_CALLING),
        (fax_answering, Sound.FAX_ANSWERING),
    ],
)
def test_machines_are_heard(
    make: Made, sound: Sound, noise: str, snr_db: float, least: float
) -> None:
    """The tones of networks and fax machines, at the limits of their standards."""
    assert rate(make, sound, noise, snr_db, 50) >= least


@pytest.mark.parametrize(
    ("noise", "snr_db", "least"),
    [
        ("none", 99, 0.97),
        ("white", 20, 0.95),
        ("white", 15, 0.95),
        ("white", 10, 0.95),
        ("babble", 20, 0.95),
        ("babble", 15, 0.95),
    ],
)
def test_beeps_are_heard(noise: str, snr_db: float, least: float) -> None:
    """Of mailboxes, 300 ms to 2 s long, from 400 to 2000 Hz."""
    assert rate(mailbox, Sound.BEEP, noise, snr_db, 60) >= least


def test_a_busy_tone_is_told_once_and_at_its_third_begin() -> None:
    """However long it goes on; another one later is told anew."""
    random = Random(1)
    row = CADENCES["US CA"][0]
    busy = cadence(row, -16, random, bursts=9)
    (once,) = heard(busy)
    assert once.start == 0
    assert ms_of(once.end) == pytest.approx(2000, abs=250)
    assert sounds_of(busy + sounds.quiet(2000) + busy) == [Sound.BUSY] * 2


def test_two_bursts_are_no_cadence() -> None:
    """A tone that came twice may be anything."""
    for row in ROWS:
        assert sounds_of(cadence(row, -16, Random(2), bursts=2)) == []


@pytest.mark.parametrize("on_off_ms", [(1000, 4000), (150, 150), (300, 700), (700, 700), (100, 30)])
@pytest.mark.parametrize("hz", [(425,), (480, 620), (400,)])
def test_other_rhythms_are_no_cadence(hz: tuple[int, ...], on_off_ms: tuple[int, int]) -> None:
    """Ringing, and what no exchange sends."""
    row = Cadence(Sound.BUSY, hz, on_off_ms)
    assert sounds_of(cadence(row, -16, Random(3), bursts=5)) == []


@pytest.mark.parametrize("hz", [(350,), (500,), (1000,), (350, 440), (440, 480)])
def test_other_tones_in_the_same_rhythm_are_none(hz: tuple[int, ...]) -> None:
    """The pitch must be right too."""
    row = Cadence(Sound.BUSY, hz, (500, 500))
    assert sounds_of(cadence(row, -16, Random(4), bursts=5)) == []


@pytest.mark.parametrize(
    ("hz", "ms"),
    [
        ((1800, 1400, 950), (330, 330, 330)),
        ((950, 1400, 1400), (330, 330, 330)),
        ((950, 1400, 1800), (100, 100, 100)),
        ((950, 1400, 1800), (330, 330, 800)),
        ((700, 1200, 1600), (330, 330, 330)),
    ],
)
def test_other_melodies_are_not_the_network(hz: tuple[int, ...], ms: tuple[int, ...]) -> None:
    """Falling, of two tones, too short, too long or elsewhere."""
    parts = [({float(each): -16.0}, float(long)) for each, long in zip(hz, ms, strict=True)]
    assert Sound.INFORMATION not in sounds_of(played(parts, Random(5)))


def test_three_tones_with_pauses_are_not_the_network() -> None:
    """They follow each other at once."""
    parts = [({hz: -16.0}, 330.0) for hz in (950.0, 1400.0, 1800.0)]
    pcm = b"".join(played([part], Random(6)) + sounds.quiet(200) for part in parts)
    assert sounds_of(pcm) == []


def test_a_fax_tone_that_does_not_come_back_is_none() -> None:
    """One beep of 1100 Hz may be anything, and so are two at once, and a long one."""
    random = Random(7)
    beep = sounds.tone({1100: -16}, 500, random)
    for pcm in (beep, beep + sounds.quiet(1000) + beep, sounds.tone({1100: -16}, 4000, random)):
        assert sounds_of(pcm) == []


def test_an_answering_fax_is_told_while_it_sounds() -> None:
    """After 0.7 s of 2.6 to 4, and once."""
    ear = Progress()
    payload = from_pcm16(sounds.tone({2100: -16}, 1000, Random(8)))
    (told,) = ear.feed(payload)
    assert (told.sound, told.start, ms_of(told.end)) == (Sound.FAX_ANSWERING, 0, 700)
    assert ear.feed(payload) == []


def after_greeting(pcm: bytes, pause_ms: float = 300) -> list[Sound]:
    """What is told of a sound that follows a voice."""
    return sounds_of(sounds.voices()[3] + sounds.quiet(pause_ms) + pcm)


def test_a_beep_has_its_place() -> None:
    """To 20 ms, and it is told when 0.3 s of silence followed."""
    greeting = to_pcm16(from_pcm16(sounds.voices()[3])) + sounds.quiet(300)
    beep = sounds.tone({1000: -16}, 700, Random(9))
    (told,) = heard(greeting + beep)
    assert told.sound == Sound.BEEP
    assert told.start == pytest.approx(len(greeting) // 2, abs=165)
    assert told.end == pytest.approx(len(greeting) // 2 + 8 * 700, abs=165)
    ear = Progress()
    assert ear.feed(from_pcm16(greeting + beep + sounds.quiet(250))) == []
    assert len(ear.feed(from_pcm16(sounds.quiet(150)))) == 1


@pytest.mark.parametrize(
    ("levels", "ms"),
    [
        ({1000: -16}, 200),
        ({1000: -16}, 2200),
        ({350: -16}, 500),
        ({2100: -16}, 500),
        ({1000: -16, 1400: -16}, 500),
        ({425: -16}, 1000),
        ({440: -16}, 1500),
        ({440: -19, 480: -19}, 2000),
    ],
    ids=[
        "short",
        "long",
        "low",
        "high",
        "two tones",
        "ringing",
        "ringing in France",
        "ringing in America",
    ],
)
def test_other_sounds_are_no_beep(levels: dict[float, float], ms: float) -> None:
    """Too short, too long, too low, too high, not one tone, or a telephone that rings."""
    assert after_greeting(sounds.tone(levels, ms, Random(10))) == []


def test_a_beep_without_a_voice_before_is_none() -> None:
    """After silence, and after a noise that is always there."""
    beep = sounds.tone({1000: -16}, 500, Random(11))
    assert sounds_of(sounds.quiet(3000) + beep) == []
    noisy = sounds.with_noise(sounds.quiet(3000) + beep + sounds.quiet(1000), "white", -36)
    assert sounds_of(noisy) == []


def test_a_beep_without_silence_after_it_is_none() -> None:
    """A voice that goes on was not interrupted by a mailbox."""
    beep = sounds.tone({1000: -26}, 500, Random(12))
    voice = sounds.at_level(sounds.voices()[3], -20)
    assert sounds_of(voice + beep + voice) == []


def test_keys_are_no_beeps() -> None:
    """Held for long, at any twist that lines make of them, and as the gateway dials them."""
    random = Random(13)
    for low, high in ((697, 1209), (770, 1477), (852, 1336), (941, 1633)):
        for twist in (-8, -4, 0, 4):
            key = sounds.tone({low: -16, high: -16 + twist}, 700, random)
            assert after_greeting(key) == []
    assert after_greeting(to_pcm16(tones.dtmf("1470*#D", 400, 500))) == []


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_a_busy_tone_after_a_voice_is_no_beep(row: Cadence) -> None:
    """The called person hung up: its first burst is not taken for a mailbox."""
    assert after_greeting(cadence(row, -16, Random(14), bursts=5)) == [row.sound]


def test_a_network_after_a_voice_is_no_beep() -> None:
    """The last of its three tones is followed by silence, and is still a part of it."""
    for seed in range(10):
        assert after_greeting(information(-16, Random(seed))) == [Sound.INFORMATION]


def test_recordings_mean_nothing() -> None:
    """In an hour and more of voices with pauses, at any speed, clean and noisy: no false alarm."""
    ears = Progress()
    heard_ms, told = 0.0, []
    speeds = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3)
    for pcm in sounds.disturbed(speeds, (sounds.NO_NOISE_DBFS, -46.0)):
        payload = from_pcm16(pcm + sounds.quiet(600))
        heard_ms += ms_of(len(payload))
        told += ears.feed(payload)
    assert heard_ms > 1.2 * HOUR_MS
    assert told == []


@pytest.mark.parametrize("kind", ["white", "babble"])
def test_noise_means_nothing(kind: str) -> None:
    """At any level."""
    for dbfs in (-40, -25, -10):
        assert heard(sounds.with_noise(sounds.quiet(20_000), kind, dbfs)) == []


@given(st.lists(st.integers(1, 900), min_size=1, max_size=12))
@settings(max_examples=25)
def test_how_audio_is_cut_changes_nothing(sizes: list[int]) -> None:
    """The same sounds at the same places, however the audio comes."""
    random = Random(15)
    pcm = mailbox(-16, random) + sounds.quiet(500) + cadence(ROWS[0], -16, random)
    payload = from_pcm16(pcm)
    ear = Progress()
    pieces = [each for part in sounds.chunks(payload, sizes) for each in ear.feed(part)]
    assert pieces == Progress().feed(payload)
    assert [each.sound for each in pieces] == [Sound.BEEP, Sound.BUSY]
