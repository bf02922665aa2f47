"""What an answer or a transcription used, as the model tells it.

Owns the classes of tokens. Whatever is not told apart counts as what is dearest; a count that
cannot be right is left out, as if it had not been told.
"""

from collections.abc import Mapping
from typing import Any, Final

CLASSES: Final = (
    "text_in",
    "text_cached",
    "text_out",
    "audio_in",
    "audio_cached",
    "audio_out",
    "image_in",
    "image_cached",
)
"""Classes of tokens. Cached ones are input, too, and not counted in ``…_in`` again."""
_MOST_TOKENS: Final = 10_000_000
_MOST_S: Final = 86_400
"""More than that no single answer or turn can have used."""


def used_of(usage: object) -> Mapping[str, int]:
    """Tokens by class from ``response.usage``: every class, or nothing when it tells no count.

    Input and output without a modality count as audio, cached tokens without one as text.
    """
    return _tokens(usage, rest_of_output="audio_out")


def transcription_of(usage: object) -> tuple[Mapping[str, int], float]:
    """Tokens by class and seconds billed, from the usage of a transcription.

    It has one or the other; with ``({}, 0.0)`` it told nothing that can be right.
    """
    if isinstance(usage, Mapping) and usage.get("type") == "duration":
        seconds = _seconds(usage.get("seconds"))
        return ({}, 0.0) if seconds is None else (dict.fromkeys(CLASSES, 0), seconds)
    return _tokens(usage, rest_of_output="text_out"), 0.0


def _tokens(usage: object, *, rest_of_output: str) -> dict[str, int]:
    sent, made = _count(usage, "input_tokens"), _count(usage, "output_tokens")
    inputs, outputs = _table(usage, "input_token_details"), _table(usage, "output_token_details")
    if sent is None and made is None and not inputs and not outputs:
        return {}
    used = dict.fromkeys(CLASSES, 0)
    for kind in ("text", "audio", "image"):
        used[f"{kind}_in"] = _count(inputs, f"{kind}_tokens") or 0
    used["audio_in"] += max(0, (sent or 0) - sum(used.values()))
    for kind, cached in _cached(used, inputs).items():
        used[f"{kind}_in"] -= cached
        used[f"{kind}_cached"] = cached
    for kind in ("text", "audio"):
        used[f"{kind}_out"] = _count(outputs, f"{kind}_tokens") or 0
    used[rest_of_output] += max(0, (made or 0) - used["text_out"] - used["audio_out"])
    return used


def _cached(used: Mapping[str, int], inputs: Mapping[str, Any]) -> dict[str, int]:
    """Cached tokens by modality, never more than there are."""
    apart = _table(inputs, "cached_tokens_details")
    cached = {
        kind: min(_count(apart, f"{kind}_tokens") or 0, used[f"{kind}_in"])
        for kind in ("text", "image", "audio")
    }
    rest = (_count(inputs, "cached_tokens") or 0) - sum(cached.values())
    for kind in cached:  # the cheapest first, for there caching saves least
        more = max(0, min(rest, used[f"{kind}_in"] - cached[kind]))
        cached[kind] += more
        rest -= more
    return cached


def _table(value: object, key: str) -> Mapping[str, Any]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _count(value: object, key: str) -> int | None:
    found = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(found, bool) or not isinstance(found, int):
        return None
    return found if 0 <= found <= _MOST_TOKENS else None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= _MOST_S else None
