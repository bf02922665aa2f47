"""Recordings beside the agents' files: what a telephone line can play, or a sentence why not.

A ``.ulaw`` file is raw g711 mu-law at 8 kHz; a ``.wav`` file has one channel of 16 bits at 8 kHz.
"""

import wave
from pathlib import Path, PurePosixPath
from typing import Any

from gateway.agents.lines import KeyPath
from gateway.agents.problems import Problem
from gateway.agents.tomlfile import TomlFile
from gateway.core.g711 import SAMPLE_RATE, audioop, from_pcm16, pad_to_frame

LONGEST_S = 120
_SUFFIXES = (".ulaw", ".wav")


class SoundFault(Exception):
    """Why a file cannot be played; says what to do."""


def read_sound(path: Path) -> bytes:
    """The payload of a recording, whole frames. Raises SoundFault."""
    if path.suffix.lower() not in _SUFFIXES:
        raise SoundFault("must be a .wav or .ulaw file")
    try:
        payload = _wav(path) if path.suffix.lower() == ".wav" else path.read_bytes()
    except OSError:
        raise SoundFault(f"no file {path}") from None
    if not payload:
        raise SoundFault(f"{path} is empty")
    if len(payload) > LONGEST_S * SAMPLE_RATE:
        raise SoundFault(f"{path} is longer than {LONGEST_S} seconds")
    return pad_to_frame(payload)


def sound_of(
    file: TomlFile[Any], path: KeyPath, name: str | None, problems: list[Problem]
) -> bytes:
    """The recording a key names; empty when it names none, or one that cannot be played."""
    if name is None:
        return b""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\0" in name:
        problems.append(file.problem(path, "must be a file of this folder"))
        return b""
    try:
        return read_sound(file.path.parent / name)
    except SoundFault as fault:
        problems.append(file.problem(path, str(fault)))
        return b""


def _wav(path: Path) -> bytes:
    try:
        with wave.open(str(path), "rb") as file:
            shape = file.getnchannels(), 8 * file.getsampwidth(), file.getframerate()
            if shape != (1, 16, SAMPLE_RATE):
                has = f"{shape[0]} channel(s) of {shape[1]} bits at {shape[2]} Hz"
                hint = f"sox {path.name} -r 8000 -c 1 -b 16 line.wav"
                raise SoundFault(f"has {has}; a line plays one of 16 bits at 8000 Hz ({hint})")
            # Enough to tell that it is too long: nothing larger is read.
            return from_pcm16(file.readframes((LONGEST_S + 1) * SAMPLE_RATE))
    except (wave.Error, EOFError, audioop.error):  # the last one: half a sample at the end
        raise SoundFault(f"{path} is no WAV file of 16-bit samples") from None
