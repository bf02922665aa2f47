"""Owns how one caller's recording is put together, and the truth that is written beside it.

Truth is measured on the clean signal, before noise is added and frames are lost.
"""

import json
import random
from dataclasses import asdict, dataclass, field
from typing import Final

import audio_signals as signals
from audio_signals import FRAME, PER_MS, Samples, Span
from audio_voices import babble, band_limited, speak

from gateway.core.g711 import FRAME_MS, SILENCE_FRAME

_LEAD_MS: Final = 300
_TRAIL_MS: Final = 200
_BEFORE_MS: Final = 20  # what stays of a recording before its first loud window: soft consonants
_AFTER_MS: Final = 60
_TONE_MS: Final = 100
_COUGH_DBFS: Final = -20.0

Placed = tuple[int, Samples]
"""Samples and the millisecond they begin at."""


@dataclass(frozen=True)
class FixtureRecipe:
    """One `[[calls.fixture]]` of the recipe: `words` are spoken, or `sound` or nothing is heard."""

    name: str
    description: str
    words: list[str] = field(default_factory=list)
    phonemes: str | None = None
    pause_ms: int = 0
    voice: str | None = None
    wpm: int = 165
    sound: str | None = None
    dtmf: str | None = None
    length_ms: int = 0
    level_dbfs: float = -20.0
    peak_dbfs: float | None = None
    noise: str | None = None
    noise_dbfs: float | None = None
    lost_share: float = 0.0


@dataclass(frozen=True)
class Truth:
    """What is in a recording; README.md of the fixtures explains each key."""

    name: str
    description: str
    words: str
    voice: str | None
    level_dbfs: float | None
    noise_dbfs: float | None
    duration_ms: int
    speech: list[dict[str, int]]
    sounds: list[dict[str, int]]
    lost_frames: list[int]
    dtmf: str | None


def fixture(recipe: FixtureRecipe) -> tuple[bytes, str]:
    """The mu-law payload and the text of the truth file."""
    clean, spans = _clean(recipe)
    payload = signals.to_mulaw(_on_a_line(clean, recipe))
    lost = _lost_frames(len(payload) // FRAME, recipe)
    marks = [{"from_ms": start, "to_ms": stop} for start, stop in spans]
    truth = Truth(
        name=recipe.name,
        description=recipe.description,
        words=" ".join(recipe.words),
        voice=recipe.voice,
        level_dbfs=round(signals.level_of(clean, spans), 1) if spans else None,
        noise_dbfs=recipe.noise_dbfs,
        duration_ms=len(payload) // PER_MS,
        speech=marks if recipe.words else [],
        sounds=[] if recipe.words else marks,
        lost_frames=lost,
        dtmf=recipe.dtmf,
    )
    return _without(payload, lost), json.dumps(asdict(truth), indent=2) + "\n"


def spoken_line(text: str, voice: str, wpm: int, level_dbfs: float) -> bytes:
    """The payload of `text` alone, with 20 ms before it and 60 ms after it."""
    piece, spans = _trimmed(speak(text, voice, wpm))
    samples = _assembled([(0, piece)], len(piece) // PER_MS)
    return signals.to_mulaw(_at_level(samples, spans, level_dbfs))


def _clean(recipe: FixtureRecipe) -> tuple[Samples, list[Span]]:
    if recipe.length_ms:
        return signals.silence(recipe.length_ms * PER_MS), []
    placed, end_ms = _placed(recipe)
    samples = _assembled(placed, end_ms + _TRAIL_MS)
    if recipe.sound == "dtmf":
        spans = [(at, at + _TONE_MS) for at, _ in placed]
    else:
        spans = signals.active_spans(samples)
        if gap := signals.doubtful_pause(samples):
            raise ValueError(f"{recipe.name}: the pause {gap} is near 300 ms, choose other words")
    if recipe.peak_dbfs is not None:
        peak = max(abs(x) for x in samples)
        return signals.amplified(samples, signals.gain(recipe.peak_dbfs) / peak), spans
    return _at_level(samples, spans, recipe.level_dbfs), spans


def _placed(recipe: FixtureRecipe) -> tuple[list[Placed], int]:
    """What is heard and when, and the millisecond at which the last of it ends."""
    if recipe.sound == "cough":
        piece = band_limited(signals.cough(recipe.name))
        return [(_LEAD_MS, piece)], _LEAD_MS + len(piece) // PER_MS
    if recipe.dtmf is not None:
        tones = [signals.dtmf_tone(key, _TONE_MS) for key in recipe.dtmf]
        starts = [_LEAD_MS + 2 * _TONE_MS * i for i in range(len(tones))]
        return list(zip(starts, tones, strict=True)), starts[-1] + _TONE_MS
    placed, now_ms, end_ms = [], _LEAD_MS, _LEAD_MS
    for words in recipe.words:
        piece, spans = _trimmed(speak(recipe.phonemes or words, recipe.voice or "en", recipe.wpm))
        begin_ms = now_ms - spans[0][0]
        placed.append((begin_ms, piece))
        end_ms = begin_ms + spans[-1][1]
        now_ms = end_ms + recipe.pause_ms
    return placed, end_ms


def _trimmed(samples: Samples) -> tuple[Samples, list[Span]]:
    """Speech cut to a little more than what is loud, and where it is loud after the cut."""
    margin = signals.silence(2 * (_BEFORE_MS + _AFTER_MS) * PER_MS)
    samples = margin + samples + margin
    spans = signals.active_spans(samples)
    cut_ms, end_ms = spans[0][0] - _BEFORE_MS, spans[-1][1] + _AFTER_MS
    piece = signals.faded(samples[cut_ms * PER_MS : end_ms * PER_MS], 5)
    return piece, [(start - cut_ms, stop - cut_ms) for start, stop in spans]


def _assembled(placed: list[Placed], length_ms: int) -> Samples:
    """All pieces in one signal of whole frames, at least `length_ms` long."""
    result = signals.silence(-(-length_ms // FRAME_MS) * FRAME)
    for at_ms, piece in placed:
        for i, x in enumerate(piece, start=at_ms * PER_MS):
            result[i] += x
    return result


def _at_level(samples: Samples, spans: list[Span], level_dbfs: float) -> Samples:
    return signals.amplified(samples, signals.gain(level_dbfs - signals.level_of(samples, spans)))


def _on_a_line(clean: Samples, recipe: FixtureRecipe) -> Samples:
    if recipe.noise is None or recipe.noise_dbfs is None:
        return clean
    makers = {"white": signals.white, "brown": signals.brown, "hum": signals.hum, "babble": babble}
    noise = band_limited(makers[recipe.noise](len(clean), recipe.name))
    factor = signals.gain(recipe.noise_dbfs) / signals.rms(noise)
    return signals.mixed(clean, signals.amplified(noise, factor))


def _lost_frames(n_frames: int, recipe: FixtureRecipe) -> list[int]:
    n_lost = round(n_frames * recipe.lost_share)
    return sorted(random.Random(recipe.name).sample(range(n_frames), n_lost))


def _without(payload: bytes, lost: list[int]) -> bytes:
    frames = [payload[i : i + FRAME] for i in range(0, len(payload), FRAME)]
    for i in lost:
        frames[i] = SILENCE_FRAME
    return b"".join(frames)
