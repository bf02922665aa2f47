"""Owns token arithmetic: what a response is billed for and what is left of the rate limit. Pure.

Audio: 1 token per 100 ms of the caller, 1 per 50 ms of the assistant (documentation). Text:
about four characters per token, an approximation. The whole conversation is billed again with
each response; what was sent before in the same order is cached, in multiples of 64, and the cache
breaks when instructions or tools change. Cancelled and failed responses cost nothing (captured).
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.sim.realtime.conversation import Item
from gateway.sim.realtime.deltas import words
from gateway.sim.realtime.formats import PCMU
from gateway.sim.realtime.script import Call, Speech

CALLER_MS_PER_TOKEN: Final = 100
ASSISTANT_MS_PER_TOKEN: Final = 50
_CACHE_BLOCK: Final = 64
_TOKENS_PER_ITEM: Final = 3
_LIMIT: Final = 15_000_000
_LIMIT_WINDOW_S: Final = 60


def text_tokens(text: str) -> int:
    """Tokens of written or transcribed words, approximately."""
    return math.ceil(len(text) / 4)


def audio_tokens(ms: float, ms_per_token: int) -> int:
    """Tokens of speech; a begun one counts."""
    return math.ceil(ms / ms_per_token)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A count by modality."""

    text: int = 0
    audio: int = 0

    @property
    def total(self) -> int:
        return self.text + self.audio

    def blocks(self) -> "Tokens":
        return Tokens(self.text - self.text % _CACHE_BLOCK, self.audio - self.audio % _CACHE_BLOCK)


def item_tokens(item: Item) -> Tokens:
    """What one item adds to the input of a response."""
    words = item.name + item.arguments + item.output
    words += "".join((part.text or "") + (part.transcript or "") for part in item.content)
    spoken = ASSISTANT_MS_PER_TOKEN if item.role == "assistant" else CALLER_MS_PER_TOKEN
    return Tokens(_TOKENS_PER_ITEM + text_tokens(words), audio_tokens(item.audio_ms, spoken))


class Meter:
    """The bill of one session."""

    def __init__(self) -> None:
        self._prefix = ""
        self._sent = Tokens()

    def read(
        self, prefix: str, context: Iterable[Item], output: Iterable[Item]
    ) -> tuple[Tokens, Tokens, Tokens]:
        """(input, cached, output) tokens; `prefix` is instructions and tools as one text."""
        before = [item_tokens(item) for item in context]
        sent = Tokens(
            text_tokens(prefix) + sum(tokens.text for tokens in before),
            sum(tokens.audio for tokens in before),
        )
        known = self._sent if prefix == self._prefix else Tokens()
        cached = Tokens(min(known.text, sent.text), min(known.audio, sent.audio)).blocks()
        self._prefix, self._sent = prefix, sent
        made = [item_tokens(item) for item in output]
        return sent, cached, Tokens(sum(m.text for m in made), sum(m.audio for m in made))


def prefix_of(instructions: str, tools: list[Any]) -> str:
    """What stands in front of the conversation in every request."""
    return instructions + (json.dumps(tools) if tools else "")


def usage_object(
    sent: Tokens = Tokens(), cached: Tokens = Tokens(), made: Tokens = Tokens()
) -> dict[str, Any]:
    """`response.usage`; without arguments the zeros of a failed or cancelled response."""
    return {
        "total_tokens": sent.total + made.total,
        "input_tokens": sent.total,
        "output_tokens": made.total,
        "input_token_details": {
            "text_tokens": sent.text,
            "audio_tokens": sent.audio,
            "image_tokens": 0,
            "cached_tokens": cached.total,
            "cached_tokens_details": {
                "text_tokens": cached.text,
                "audio_tokens": cached.audio,
                "image_tokens": 0,
            },
        },
        "output_token_details": {"text_tokens": made.text, "audio_tokens": made.audio},
    }


def rate_limits(total_tokens: int) -> list[dict[str, Any]]:
    """Tokens only: that is all the live server sends (openai-agents-js#1022)."""
    return [
        {
            "name": "tokens",
            "limit": _LIMIT,
            "remaining": _LIMIT - total_tokens,
            "reset_seconds": round(total_tokens / _LIMIT * _LIMIT_WINDOW_S, 3),
        }
    ]


def within(parts: Sequence[Speech | Call], limit: float) -> tuple[list[Speech | Call], bool]:
    """`parts` cut to `limit` output tokens, and whether nothing had to be cut."""
    kept: list[Speech | Call] = []
    for part in parts:
        cost = _part_tokens(part)
        if cost > limit:
            return [*kept, _fitted(part, limit)], False
        kept.append(part)
        limit -= cost
    return kept, True


def _part_tokens(part: Speech | Call) -> int:
    if isinstance(part, Call):
        return _TOKENS_PER_ITEM + text_tokens(part.name + part.arguments)
    spoken = audio_tokens(PCMU.ms_of(len(part.payload)), ASSISTANT_MS_PER_TOKEN)
    return _TOKENS_PER_ITEM + text_tokens(part.text) + spoken


def _fitted(part: Speech | Call, limit: float) -> Speech | Call:
    share, cut = 1.0, part
    while share > 0 and _part_tokens(cut) > limit:
        share = max(0.0, share - 0.02)
        cut = _shortened(part, share)
    return cut


def _shortened(part: Speech | Call, share: float) -> Speech | Call:
    if isinstance(part, Call):
        return Call(part.name, part.arguments[: int(len(part.arguments) * share)])
    tokens = words(part.text)
    text = "".join(tokens[: int(len(tokens) * share)])
    return Speech(text, part.payload[: int(len(part.payload) * share)])
