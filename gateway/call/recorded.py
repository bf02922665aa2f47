"""The gateway's own recorded words, played without any model (mu-law, 8 kHz, raw)."""

from functools import cache
from importlib.resources import files
from typing import Literal

Phrase = Literal["apology", "goodbye"]


@cache
def phrase(name: Phrase) -> bytes:
    """The recording of that name, whole frames."""
    return (files("gateway.call") / "phrases" / f"{name}.ulaw").read_bytes()
