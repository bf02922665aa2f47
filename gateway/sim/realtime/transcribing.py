"""Owns the transcription of caller items: when its words come, and what it costs. Pure.

Asynchronous to the answer: deltas and `completed` come about a second after the commit. The newer
transcribers send a delta per word and count tokens, the others one delta and the duration.
"""

import math
import random
from collections.abc import Iterator
from typing import Any, Final

from gateway.sim.realtime.deltas import words
from gateway.sim.realtime.events import obfuscation
from gateway.sim.realtime.usage import CALLER_MS_PER_TOKEN

_WORD_BY_WORD: Final = "gpt-4o-"
_DELTAS_SHARE: Final = 0.8
_TOKEN_S: Final = 0.005
_PREFIX: Final = "conversation.item.input_audio_transcription."

Step = tuple[float, str, dict[str, Any]]
"""Seconds since the commit, event type, its fields."""


def steps(
    said: str, model: str, audio_ms: float, delay_ms: tuple[float, float], rng: random.Random
) -> Iterator[Step]:
    """The events of one transcription."""
    last_s = rng.uniform(*delay_ms) / 1000
    word_by_word = model.startswith(_WORD_BY_WORD)
    tokens = words(said) if word_by_word else [said] * bool(said)
    for n, token in enumerate(tokens):
        at_s = min(_DELTAS_SHARE * last_s + n * _TOKEN_S, last_s)
        yield at_s, f"{_PREFIX}delta", {"delta": token, "obfuscation": obfuscation(token)}
    usage = _tokens(len(tokens), audio_ms) if word_by_word else _duration(audio_ms)
    yield last_s, f"{_PREFIX}completed", {"transcript": said, "usage": usage}


def failure(delay_ms: tuple[float, float], rng: random.Random) -> Iterator[Step]:
    """A transcription that does not succeed."""
    error = {
        "type": "server_error",
        "code": "audio_unintelligible",
        "message": "The audio could not be transcribed.",
        "param": None,
    }
    yield rng.uniform(*delay_ms) / 1000, f"{_PREFIX}failed", {"error": error}


def _tokens(made: int, audio_ms: float) -> dict[str, Any]:
    heard = math.ceil(audio_ms / CALLER_MS_PER_TOKEN)
    return {
        "type": "tokens",
        "total_tokens": heard + made,
        "input_tokens": heard,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
        "output_tokens": made,
    }


def _duration(audio_ms: float) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(audio_ms / 1000)}
