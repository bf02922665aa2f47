"""Answers are cut like the real stream: irregular audio, words, argument tokens."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sim.realtime.deltas import argument_tokens, audio_sizes, words
from gateway.sim.realtime.formats import FORMATS, AudioFormat


@pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
def test_sizes_follow_the_model(form: AudioFormat) -> None:
    """100 to 400 ms, 200 ms on average, a shorter first one, none a whole number of frames."""
    sizes = audio_sizes(form.bytes_of(400_000), form, random.Random(1))
    lengths = [form.ms_of(size) for size in sizes]
    assert lengths[0] < 100
    assert all(100 <= ms <= 401 for ms in lengths[1:-1])
    assert sum(lengths[1:-1]) / len(lengths[1:-1]) == pytest.approx(200, abs=10)
    assert not [size for size in sizes[:-1] if size % form.bytes_of(20) == 0]
    assert not [size for size in sizes if size % form.sample_bytes]


@given(st.integers(0, 50_000), st.integers())
def test_sizes_add_up(n_bytes: int, seed: int) -> None:
    """Nothing is lost or added, and the same seed cuts the same way."""
    form = FORMATS["audio/pcmu"]
    sizes = audio_sizes(n_bytes, form, random.Random(seed))
    assert sum(sizes) == n_bytes
    assert all(size > 0 for size in sizes)
    assert sizes == audio_sizes(n_bytes, form, random.Random(seed))


@given(st.text())
def test_tokens_add_up_to_their_text(text: str) -> None:
    """Concatenated deltas are the transcript, and the arguments."""
    assert "".join(words(text)) == text
    assert "".join(argument_tokens(text)) == text


def test_words_are_tokens() -> None:
    """A word keeps the space before it; punctuation stands alone."""
    assert words("Sure, I can help.") == ["Sure", ",", " I", " can", " help", "."]
    assert argument_tokens('{"order_id":"A-1042"}') == [
        '{"',
        "order",
        "_id",
        '":"',
        "A",
        "-",
        "104",
        "2",
        '"}',
    ]
