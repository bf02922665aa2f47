"""Transcriptions come late, word by word or at once, and are billed by kind."""

import random

from gateway.sim.realtime import transcribing
from tests.fixtures.realtime.check import validate_server

DELAY = (700, 1100)


def steps(said: str, model: str) -> list[transcribing.Step]:
    made = list(transcribing.steps(said, model, 2600, DELAY, random.Random(3)))
    for _, kind, fields in made:
        where = {"event_id": "event_1", "item_id": "item_1", "content_index": 0}
        validate_server({"type": kind, **where, **fields})
    return made


def test_newer_models_send_words_and_count_tokens() -> None:
    """Deltas add up to the transcript and come before it, within the configured delay."""
    made = steps("Where is my order?", "gpt-4o-mini-transcribe")
    assert "".join(fields["delta"] for _, _, fields in made[:-1]) == "Where is my order?"
    assert len(made) == 6
    last_s, kind, fields = made[-1]
    assert kind.endswith(".completed")
    assert 0.7 <= last_s <= 1.1
    assert [at for at, _, _ in made] == sorted(at for at, _, _ in made)
    assert fields["usage"] == {
        "type": "tokens",
        "total_tokens": 31,
        "input_tokens": 26,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 26},
        "output_tokens": 5,
    }


def test_older_models_send_one_delta_and_bill_seconds() -> None:
    """whisper-1 and gpt-transcribe: one delta, usage by duration."""
    made = steps("Where is my order?", "whisper-1")
    assert len(made) == 2
    assert made[-1][2]["usage"] == {"type": "duration", "seconds": 3}


def test_nothing_heard_is_an_empty_transcript() -> None:
    """No delta, one `completed` with an empty string."""
    (only,) = steps("", "gpt-4o-transcribe")
    assert only[2]["transcript"] == ""


def test_a_transcription_may_fail() -> None:
    """`failed` carries an error and stands alone."""
    ((_, kind, fields),) = transcribing.failure(DELAY, random.Random(1))
    where = {"event_id": "event_1", "item_id": "item_1", "content_index": 0}
    validate_server({"type": kind, **where, **fields})
    assert fields["error"]["code"] == "audio_unintelligible"
