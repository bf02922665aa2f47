"""What was used is read from the wire as it is, and what is not told apart is never the cheaper."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.usage import CLASSES, transcription_of, used_of
from gateway.sim.realtime.usage import Tokens, usage_object

EXAMPLES = Path(__file__).parents[1] / "fixtures" / "realtime" / "server"


def example(name: str) -> Any:
    """A message of the server's."""
    return json.loads((EXAMPLES / f"{name}.json").read_text())


def counted(used: Any) -> dict[str, int]:
    """The classes something was counted in."""
    return {name: count for name, count in used.items() if count}


@pytest.mark.parametrize(
    ("name", "used"),
    [
        (
            "response.done",
            {"text_in": 59, "audio_in": 9, "audio_cached": 64, "text_out": 41, "audio_out": 147},
        ),
        ("response.done.completed", {"text_in": 72, "text_cached": 128, "text_out": 15}),
        (
            "response.done.incomplete.max_output_tokens",
            {"text_in": 90, "text_out": 10, "audio_out": 40},
        ),
        ("response.done.cancelled.turn_detected", {}),
        ("response.done.cancelled.client_cancelled", {}),
        ("response.done.failed.server_error", {}),
    ],
)
def test_the_golden_answers(name: str, used: dict[str, int]) -> None:
    """Cached tokens are not counted as input again; an answer that used nothing says so."""
    found = used_of(example(name)["response"]["usage"])
    assert counted(found) == used
    assert found.keys() == set(CLASSES)


def test_the_golden_transcriptions() -> None:
    """One is billed by tokens, the other by time."""
    name = "conversation.item.input_audio_transcription.completed"
    used, billed_s = transcription_of(example(name)["usage"])
    assert (counted(used), billed_s) == ({"audio_in": 26, "text_out": 9}, 0.0)
    used, billed_s = transcription_of(example(f"{name}.duration")["usage"])
    assert (counted(used), billed_s) == ({}, 3.0)
    assert used.keys() == set(CLASSES)


@pytest.mark.parametrize(
    ("usage", "used"),
    [
        ({"input_tokens": 100, "output_tokens": 50}, {"audio_in": 100, "audio_out": 50}),
        (
            {"input_tokens": 100, "input_token_details": {"text_tokens": 30}},
            {"text_in": 30, "audio_in": 70},
        ),
        (
            {"output_tokens": 50, "output_token_details": {"text_tokens": 50}},
            {"text_out": 50},
        ),
        (
            {"output_tokens": 50, "output_token_details": {"text_tokens": 20}},
            {"text_out": 20, "audio_out": 30},
        ),
        ({"input_token_details": {"text_tokens": 7}}, {"text_in": 7}),
        ({"input_token_details": {"image_tokens": 7}}, {"image_in": 7}),
        # More in detail than altogether: the details are the dearer.
        (
            {"input_tokens": 10, "input_token_details": {"text_tokens": 30, "audio_tokens": 5}},
            {"text_in": 30, "audio_in": 5},
        ),
        # Cached, and not told of which kind.
        (
            {"input_token_details": {"text_tokens": 80, "audio_tokens": 70, "cached_tokens": 64}},
            {"text_in": 16, "text_cached": 64, "audio_in": 70},
        ),
        (
            {"input_token_details": {"text_tokens": 50, "audio_tokens": 70, "cached_tokens": 64}},
            {"text_cached": 50, "audio_in": 56, "audio_cached": 14},
        ),
        (
            {
                "input_token_details": {
                    "text_tokens": 80,
                    "audio_tokens": 90,
                    "cached_tokens": 128,
                    "cached_tokens_details": {"audio_tokens": 64},
                }
            },
            {"text_in": 16, "text_cached": 64, "audio_in": 26, "audio_cached": 64},
        ),
        # More cached than there was: not more than all.
        (
            {
                "input_token_details": {
                    "audio_tokens": 90,
                    "cached_tokens": 500,
                    "cached_tokens_details": {"audio_tokens": 400, "text_tokens": 100},
                }
            },
            {"audio_cached": 90},
        ),
        # What cannot be counts as not told.
        ({"input_tokens": -5, "output_tokens": 3}, {"audio_out": 3}),
        ({"input_tokens": 10**12, "output_tokens": 3}, {"audio_out": 3}),
        ({"input_tokens": True, "output_tokens": 3}, {"audio_out": 3}),
        ({"input_tokens": "100", "output_tokens": 3}, {"audio_out": 3}),
        ({"input_tokens": 10.5, "output_tokens": 3}, {"audio_out": 3}),
        (
            {"input_tokens": 100, "input_token_details": {"text_tokens": 40, "audio_tokens": -1}},
            {"text_in": 40, "audio_in": 60},
        ),
        ({"input_tokens": 8, "input_token_details": [1, 2]}, {"audio_in": 8}),
    ],
)
def test_what_is_not_told_apart_counts_as_the_dearest(usage: Any, used: dict[str, int]) -> None:
    """A limit of spending must not be passed because a server told less."""
    assert counted(used_of(usage)) == used


@pytest.mark.parametrize("usage", [None, {}, [], "usage", 7, {"total_tokens": 5}, {"type": "x"}])
def test_nothing_told_is_not_nothing_used(usage: object) -> None:
    """No class at all, which is not the same as a class with 0."""
    assert used_of(usage) == {}
    assert transcription_of(usage) == ({}, 0.0)


@pytest.mark.parametrize("seconds", [None, -1, True, "3", float("nan"), float("inf"), 1e9])
def test_a_time_that_cannot_be_is_not_told(seconds: object) -> None:
    """Then what it cost is not known."""
    assert transcription_of({"type": "duration", "seconds": seconds}) == ({}, 0.0)


def test_a_transcription_is_text() -> None:
    """What it made counts as text, if nothing says otherwise."""
    used, _ = transcription_of({"type": "tokens", "input_tokens": 26, "output_tokens": 9})
    assert counted(used) == {"audio_in": 26, "text_out": 9}


COUNTS = st.integers(0, 100_000)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_all_tokens_are_counted_once(
    text: int, audio: int, text_cached: int, audio_cached: int, text_out: int, audio_out: int
) -> None:
    """Whatever the offline model bills is there, each token in one class."""
    sent = Tokens(text, audio)
    cached = Tokens(min(text, text_cached), min(audio, audio_cached))
    used = used_of(usage_object(sent, cached, Tokens(text_out, audio_out)))
    assert used["text_in"] + used["text_cached"] == text
    assert used["audio_in"] + used["audio_cached"] == audio
    assert (used["text_cached"], used["audio_cached"]) == (cached.text, cached.audio)
    assert (used["text_out"], used["audio_out"]) == (text_out, audio_out)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
DETAILS = ["text_tokens", "audio_tokens", "image_tokens", "cached_tokens"]
KEYS = ["type", "seconds", "input_tokens", "output_tokens", *DETAILS]
TABLES = st.dictionaries(st.sampled_from(KEYS), JSON | st.sampled_from(["tokens", "duration"]))
USAGES = st.builds(
    lambda top, inputs, cached, outputs: {
        **top,
        "input_token_details": {**inputs, "cached_tokens_details": cached},
        "output_token_details": outputs,
    },
    *[TABLES] * 4,
)


@given(JSON | TABLES | USAGES)
def test_no_usage_is_too_strange(usage: object) -> None:
    """Whatever a server sends: no error, no count below 0, every class or none."""
    used, (heard, billed_s) = used_of(usage), transcription_of(usage)
    for each in (used, heard):
        assert not each or each.keys() == set(CLASSES)
        assert all(count >= 0 for count in each.values())
    assert 0 <= billed_s <= 86_400
