"""Owns one question about the first audio of a call: is it in the format it was declared to be?

A model server that speaks another format than the one asked for is heard as a roar by the caller,
and nothing on the wire says so. The audio does: read in the right way, a sample follows from the
ones before it; read in any other way, it comes as a surprise. So each window is read as mu-law, as
A-law and as 16-bit samples, and votes for the reading that is clearly the least surprising.

A wrong alarm would end a good call, so an alarm has more to prove: several votes, as lively as a
voice, and not one for the declared format; and a mark of the other format itself. Of 16-bit samples
the fine bytes are noise while the coarse ones carry the sound; G.711 swings about zero. What proves
nothing (noise, tones, silence) is let pass.

A wrong sample rate is not looked for. Speech at another rate is as smooth as before, and being too
fast, too slow or without high frequencies is what other voices, noise and tones are as well.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from gateway.core.g711 import audioop

__all__ = ["Sentinel"]

_ULAW: Final = "g711_ulaw"
_ALAW: Final = "g711_alaw"
_PCM16: Final = "pcm16"
_NOTHING: Final = ""
_DECLARED: Final = {"audio/pcmu": _ULAW, "audio/pcma": _ALAW, "audio/pcm": _PCM16}
_WIDTH: Final = 2
_READINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    _ULAW: lambda window: audioop.ulaw2lin(window, _WIDTH),
    _ALAW: lambda window: audioop.alaw2lin(window, _WIDTH),
    _PCM16: lambda window: window,
}

_WINDOW: Final = 800
"""Bytes: 100 ms of G.711, 17 ms of 16-bit samples at 24 kHz (a period of the deepest voice)."""
_AUDIBLE: Final = 100
"""RMS of 16-bit samples, -50 dBFS: below it the steps of the format are all there is."""
_VOTES_FOR: Final = 2
_VOTES_AGAINST: Final = 4
_LIVELY: Final = 1.5
"""How many times the level of the loudest of these must be that of the softest. Every voice varies
so; a steady sawtooth may have just the level at which a wrong law blunts its edges.
"""
_LONGEST: Final = 600
"""Windows after which audio that shows no format (silence, noise) is let pass."""
_EVERY_ONE: Final = 50
_SELDOM: Final = 16
"""Of audio that has shown nothing in its first windows every 16th is looked at: speech shows its
format in two, and what shows none for long would cost more than all else that is done with it.
"""

# Measured: of 280 000 audible windows of speech and music (-30 to +6 dB, clean and noisy, in all
# formats) not one shows a wrong format with these figures. Of 64 000 sounds put together at random
# from sines, sawtooths, pulses and noise, two raise an alarm: beating pulses, which no voice makes.
_SURPRISING: Final = 0.5
"""A reading with more is not speech, or not the right one."""
_CLEARLY: Final = 1.7
"""How many times the surprise of a rival must be that of the least surprising reading."""
_STRANGE: Final = 0.25
"""Least surprise of the declared reading for an alarm: a wrong one is not just a little rough."""
_ROUGHER: Final = 1.1
"""How many times the roughness of the declared reading must be that of the other one."""
_FINE_TO_COARSE: Final = 4.0
"""How many times the surprise of the fine bytes of 16-bit samples is that of the coarse ones."""
_FINE_VALUES: Final = 140
"""Least number of different fine bytes among the 400 of a window; chance gives about 200."""
_VALUES: Final = 48
"""Least number of different codewords in a window of G.711; square waves have fewer."""
_STEADY: Final = 0.06
"""Most of the level of G.711 audio that may be a steady component. Digital silence between bursts
of noise in 16-bit samples, read as G.711, is a large one.
"""
_LEAST: Final = 0.001
_FULL_SCALE: Final = 32767


class _Reading:
    """A window read in one way: its level and its surprise.

    Surprise is the share of the energy that a linear prediction from the two samples before leaves
    over (Levinson's recursion): 0 for any tone, 1 for white noise.
    """

    __slots__ = ("_steady", "audible", "mean", "rms", "samples", "surprise")

    def __init__(self, samples: bytes) -> None:
        self.samples = samples
        self.rms = audioop.rms(samples, _WIDTH)
        self.mean = audioop.avg(samples, _WIDTH)
        self._steady = self.mean**2 / max(1, self.rms**2)
        self.audible = self.rms**2 - self.mean**2 >= _AUDIBLE**2
        self.surprise = 1.0
        if self.audible:
            first, second = self._likeness(1), self._likeness(2)
            left = max(_LEAST, 1.0 - first * first)
            reflection = (second - first * first) / left
            self.surprise = max(_LEAST, left * (1.0 - reflection * reflection))

    def _likeness(self, lag: int) -> float:
        """The correlation of the samples with those `lag` before, a steady component left out."""
        later, earlier = self.samples[_WIDTH * lag :], self.samples[: -_WIDTH * lag]
        forth = audioop.findfactor(later, earlier)
        back = audioop.findfactor(earlier, later)
        likeness = math.copysign(math.sqrt(abs(forth * back)), forth)
        return (likeness - self._steady) / (1.0 - self._steady)

    def roughness(self) -> float:
        """The RMS of the steps from sample to sample against twice that of the samples.

        Steps above it count as much: the edges of a sawtooth are steep but rare.
        """
        halved = audioop.mul(self.samples, _WIDTH, 0.5)
        steps = audioop.add(halved[_WIDTH:], audioop.mul(halved[:-_WIDTH], _WIDTH, -1), _WIDTH)
        limited = audioop.mul(steps, _WIDTH, _FULL_SCALE / self.rms)
        return audioop.rms(limited, _WIDTH) / _FULL_SCALE


class Sentinel:
    """Hears the first audio of a call and says once if it is surely of another format."""

    __slots__ = ("_declared", "_held", "_votes", "_windows", "decided")

    def __init__(self, wire_format: str) -> None:
        """`audio/pcmu`, `audio/pcma` or `audio/pcm` (16 bits); ValueError names any other."""
        if wire_format not in _DECLARED:
            raise ValueError(f"unknown audio format {wire_format!r}")
        self.decided = False
        """True when it needs to hear no more."""
        self._declared = _DECLARED[wire_format]
        self._held = b""
        self._votes: defaultdict[str, list[int]] = defaultdict(list)
        self._windows = 0

    def hear(self, audio: bytes) -> str | None:
        """More audio as it came from the model, cut anywhere.

        Returns `"pcm16"`, `"g711_alaw"` or `"g711_ulaw"` once, when the audio is surely that and
        not what was declared.
        """
        held = self._held + audio
        whole = len(held) - len(held) % _WINDOW
        self._held = held[whole:]
        for start in range(0, whole, _WINDOW):
            if self.decided:
                break
            if found := self._count(held[start : start + _WINDOW]):
                return found
        return None

    def _count(self, window: bytes) -> str | None:
        """One more window votes; the verdict, if that makes it one."""
        self._windows += 1
        self.decided = self._windows >= _LONGEST
        if self._windows > _EVERY_ONE and self._windows % _SELDOM:
            return None
        readings = _readings(window, self._declared)
        shown = _shown(window, readings, self._declared) if readings else _NOTHING
        if readings:
            self._votes[shown].append(readings[shown].rms if shown else 0)
        alarm = shown not in (_NOTHING, self._declared) and self._is_alarm(shown)
        agreed = len(self._votes[self._declared]) >= _VOTES_FOR
        self.decided = self.decided or alarm or agreed
        return shown if alarm else None

    def _is_alarm(self, shown: str) -> bool:
        """True when the votes for this format, each with its level, are proof."""
        votes = self._votes[shown]
        return (
            not self._votes[self._declared]
            and len(votes) >= _VOTES_AGAINST
            and max(votes) >= _LIVELY * min(votes)
        )


def _readings(window: bytes, declared: str) -> dict[str, _Reading] | None:
    """The window read in every way; None if it is silent in any."""
    readings: dict[str, _Reading] = {}
    for name in sorted(_READINGS, key=lambda name: name != declared):
        readings[name] = _Reading(_READINGS[name](window))
        if not readings[name].audible:
            return None
    return readings


def _shown(window: bytes, readings: dict[str, _Reading], declared: str) -> str:
    """The format the window shows itself to be in, or nothing."""
    least, next_least = sorted(readings, key=lambda name: readings[name].surprise)[:2]
    best = readings[least]
    rival = readings[next_least if least == declared else declared]
    if best.surprise > _SURPRISING or rival.surprise < _CLEARLY * best.surprise:
        return _NOTHING
    if least == declared:
        return declared
    strange = rival.surprise >= _STRANGE and rival.roughness() >= _ROUGHER * best.roughness()
    marked = _is_pcm16(window) if least == _PCM16 else _is_g711(window, best)
    return least if strange and marked else _NOTHING


def _is_pcm16(window: bytes) -> bool:
    """Every second byte is noise, and the others carry the sound."""
    halves = (audioop.lin2lin(window[place::2], 1, _WIDTH) for place in (0, 1))
    fine, coarse = (_Reading(half).surprise for half in halves)
    return fine >= _FINE_TO_COARSE * coarse and len(set(window[0::2])) >= _FINE_VALUES


def _is_g711(window: bytes, reading: _Reading) -> bool:
    """The sound swings about zero, and through many values."""
    steady = abs(reading.mean) > _STEADY * reading.rms
    return not steady and len(set(window)) >= _VALUES
