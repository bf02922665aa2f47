"""The gateway's own words are there and can be played as they are."""

from typing import get_args

import pytest

from gateway.call.recorded import Phrase, phrase
from gateway.core.g711 import FRAME_BYTES, level_dbfs


@pytest.mark.parametrize("name", get_args(Phrase))
def test_every_phrase_is_speech_in_whole_frames(name: Phrase) -> None:
    """Each recording is mu-law of one to ten seconds in whole frames, and not silence."""
    payload = phrase(name)
    assert len(payload) % FRAME_BYTES == 0
    assert 8_000 <= len(payload) <= 80_000
    assert level_dbfs(payload) > -40


def test_a_phrase_is_read_once() -> None:
    """A hundred calls that fail together read the disk once."""
    assert phrase("apology") is phrase("apology")
    assert phrase("apology") != phrase("goodbye")
