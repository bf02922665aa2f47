"""Owns how answers are cut into deltas: audio by size, words and arguments by token. Pure.

Sizes follow the reference's model of the real stream: 100 to 400 ms, 200 ms on average, the first
one shorter, never aligned to 20 ms frames.
"""

import random
import re
from typing import Final

from gateway.sim.realtime.formats import AudioFormat

_SHORTEST_MS: Final = 100
_LONGEST_MS: Final = 400
_FIRST_MS: Final = (40, 95)
_FRAME_MS: Final = 20

_WORD: Final = re.compile(r"\s*\w+|\s*[^\w\s]+|\s+")
_ARGUMENT: Final = re.compile(r"_?[A-Za-z]+|\d{1,3}|[^A-Za-z\d_]+|_+")


def audio_sizes(n_bytes: int, form: AudioFormat, rng: random.Random) -> list[int]:
    """Sizes in bytes that add up to `n_bytes`."""
    sizes: list[int] = []
    left = n_bytes
    while left > 0:
        drawn = _drawn_ms(first=not sizes, rng=rng)
        size = _off_frame(form.bytes_of(drawn), form)
        if left - size < form.bytes_of(_FRAME_MS):
            size = left
        sizes.append(min(size, left))
        left -= sizes[-1]
    return sizes


def words(text: str) -> list[str]:
    """Tokens of a transcript: a word with its leading space, punctuation on its own."""
    return _WORD.findall(text)


def argument_tokens(arguments: str) -> list[str]:
    """Tokens of a function call's JSON."""
    return _ARGUMENT.findall(arguments)


def _drawn_ms(*, first: bool, rng: random.Random) -> float:
    if first:
        return rng.uniform(*_FIRST_MS)
    # A triangle with its peak at the shortest has its mean at 200.
    return rng.triangular(_SHORTEST_MS, _LONGEST_MS, _SHORTEST_MS)


def _off_frame(size: int, form: AudioFormat) -> int:
    aligned = size % form.bytes_of(_FRAME_MS) == 0
    return size + form.sample_bytes if aligned else size
