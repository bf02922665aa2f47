"""Owns the two programs the recordings are made with: espeak-ng speaks, SoX resamples and filters.

Everything leaves here as samples (1.0 = full scale) at 8 kHz inside the telephone band.
"""

import platform
import re
import shutil
import subprocess
from array import array
from functools import cache
from typing import Final

from audio_signals import Samples, crowd

PACKAGES: Final = {"espeak-ng": "espeak-ng", "sox": "sox"}
"""Program to Debian package."""

_TELEPHONE_BAND: Final = ("rate", "-h", "8000", "sinc", "300-3400")
_FLOATS: Final = ("-t", "raw", "-r", "8000", "-e", "floating-point", "-b", "32", "-c", "1")
# No dither, it is random; errors only, because a piped WAV header has no length to be warned of.
_SOX: Final = ("sox", "-D", "-V1")
_WAV: Final = ("-t", "wav")

_CROWD: Final = (
    ("en+f2", "Did you see the match last night? It was over before it had even started."),
    ("en-us+m3", "The train was late again this morning, so we took the bus to the harbour."),
    ("en-gb-x-rp", "We should order more of the blue ones before they run out of them again."),
    ("en-us+f4", "She told me that the meeting had moved to the building across the street."),
    ("en-gb-scotland", "Have you been to the new place on the corner? The soup is very good."),
    ("en-us+m7", "My brother is painting the kitchen, and now the whole house smells of it."),
    ("en-gb-x-gbclan", "I will never understand how these machines work, nobody explains them."),
    ("en-gb-scotland+f3", "It will rain on Sunday, they say, but they said that about today."),
)


def missing_packages() -> list[str]:
    """The Debian packages this machine lacks."""
    return [package for program, package in PACKAGES.items() if shutil.which(program) is None]


def versions() -> dict[str, str]:
    """What decides about the bytes: the two programs, and the machine that rounds their floats."""
    found = {program: _version(program) for program in PACKAGES}
    return {**found, "machine": platform.machine()}


def speak(text: str, voice: str, wpm: int) -> Samples:
    """`text` as espeak-ng says it, pauses around it included."""
    wav = _run(["espeak-ng", "-v", voice, "-s", str(wpm), "--stdout", text], b"")
    effects = ("gain", "-3", *_TELEPHONE_BAND)
    return _samples(_run([*_SOX, *_WAV, "-", *_FLOATS, "-", *effects], wav))


def band_limited(samples: Samples) -> Samples:
    """`samples` without what a telephone line does not carry; the length stays."""
    raw = array("f", samples).tobytes()
    return _samples(_run([*_SOX, *_FLOATS, "-", *_FLOATS, "-", *_TELEPHONE_BAND], raw))


def babble(n: int, seed: str) -> Samples:
    """Eight people talking at once."""
    return crowd([speak(text, voice, 165) for voice, text in _CROWD], n, seed)


def _samples(raw: bytes) -> Samples:
    return array("f", raw).tolist()


@cache
def _version(program: str) -> str:
    text = _run([program, "--version"], b"").decode()
    found = re.search(r"\d+(\.\d+)+", text)
    return found.group() if found else text.strip()


def _run(command: list[str], stdin: bytes) -> bytes:
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout
