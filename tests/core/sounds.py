"""Owns the sounds that the detectors of this folder are measured with, as 16-bit samples at 8 kHz.

Levels are RMS in dB of 16-bit full scale. Whoever draws lots brings the `Random`, so that every run
hears the same.
"""

import math
from array import array
from collections.abc import Iterator
from functools import cache
from itertools import cycle, product
from pathlib import Path
from random import Random
from typing import Final

import gateway
from gateway.core.g711 import BYTES_PER_MS, SAMPLE_RATE, audioop, to_pcm16
from tests import fixtures

WIDTH: Final = 2
VOICE_DBFS: Final = -26.0
"""The level at which speech is usually measured (ITU-T P.56)."""
NO_NOISE_DBFS: Final = -96.0
_FULL_SCALE: Final = 32768.0
_NOISE_S: Final = 20
_SPEAKERS: Final = 6
_KEYED: Final = "dtmf_1042"
_SPOKEN: Final = Path(gateway.__file__).parent


def quiet(ms: float) -> bytes:
    """Nothing at all."""
    return bytes(WIDTH * round(ms * BYTES_PER_MS))


def tone(levels: dict[float, float], ms: float, random: Random) -> bytes:
    """Sines of these frequencies (Hz) and levels, each of any phase; peaks too loud are cut."""
    n = round(ms * BYTES_PER_MS)
    mixed = [0.0] * n
    for hz, dbfs in levels.items():
        turn, phase = 2.0 * math.pi * hz / SAMPLE_RATE, random.uniform(0.0, 2.0 * math.pi)
        peak = math.sqrt(2.0) * _FULL_SCALE * 10.0 ** (dbfs / 20.0)
        mixed = [so_far + peak * math.sin(turn * i + phase) for i, so_far in enumerate(mixed)]
    return array("h", [max(-32768, min(32767, round(each))) for each in mixed]).tobytes()


def at_level(pcm: bytes, dbfs: float) -> bytes:
    """The same, louder or softer."""
    level = max(1, audioop.rms(pcm, WIDTH))
    return audioop.mul(pcm, WIDTH, _FULL_SCALE * 10.0 ** (dbfs / 20.0) / level)


def at_speed(pcm: bytes, factor: float) -> bytes:
    """The same, faster and so higher."""
    return audioop.ratecv(pcm, WIDTH, 1, SAMPLE_RATE, round(SAMPLE_RATE / factor), None)[0]


def with_noise(pcm: bytes, kind: str, dbfs: float, begin: int = 0) -> bytes:
    """Mixed with `white` noise or `babble` of that level, from some sample of it on; or `none`."""
    if kind == "none":
        return pcm
    noise = white() if kind == "white" else babble()
    begin = begin * WIDTH % len(noise)
    times = (begin + len(pcm)) // len(noise) + 1
    return audioop.add(pcm, at_level((noise * times)[begin : begin + len(pcm)], dbfs), WIDTH)


@cache
def white() -> bytes:
    """Even noise."""
    random = Random(1)
    return array("h", [round(random.gauss(0, 3000)) for _ in range(_NOISE_S * 8000)]).tobytes()


@cache
def babble() -> bytes:
    """Six people of the recordings talking at once."""
    mixed = bytes(WIDTH * _NOISE_S * SAMPLE_RATE)
    tape = b"".join(at_level(each, VOICE_DBFS) for each in voices())
    for speaker in range(_SPEAKERS):
        begin = speaker * len(tape) // _SPEAKERS // WIDTH * WIDTH
        part = (tape[begin:] + tape)[: len(mixed)]
        mixed = audioop.add(mixed, part, WIDTH)
    return mixed


@cache
def recordings() -> tuple[bytes, ...]:
    """Everything recorded that this project has, but for keys: voices, noise, coughs, silence."""
    callers = (fixtures.payload_of(name) for name in fixtures.names() if name != _KEYED)
    return (*map(to_pcm16, callers), *voices())


@cache
def voices() -> tuple[bytes, ...]:
    """The lines that agents and callers say: one person, close to the microphone."""
    spoken = sorted(_SPOKEN.glob("**/*.ulaw"))
    return tuple(to_pcm16(path.read_bytes()) for path in spoken)


def disturbed(speeds: tuple[float, ...], noise_dbfs: tuple[float, ...]) -> Iterator[bytes]:
    """All recordings at each speed, each with white noise of each level; -96 dBFS is none."""
    for pcm, speed, dbfs in product(recordings(), speeds, noise_dbfs):
        kind = "white" if dbfs > NO_NOISE_DBFS else "none"
        yield with_noise(at_speed(pcm, speed), kind, dbfs)


def chunks(payload: bytes, sizes: list[int]) -> list[bytes]:
    """The payload cut into pieces of these sizes, again and again."""
    pieces = []
    begin = 0
    for size in cycle(sizes):
        if begin >= len(payload):
            break
        pieces.append(payload[begin : begin + size])
        begin += size
    return pieces
