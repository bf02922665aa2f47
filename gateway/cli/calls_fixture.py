"""A recorded caller as test material: its side of the call, and what is in it.

The same form as the recorded callers of the tests: ``NAME.ulaw``, and ``NAME.json`` with the truth
about it. ``caller`` in there is what the Twilio twin's caller can be told to do.
"""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from gateway.core.g711 import ms_of


def fixture_of(record: Mapping[str, Any], payload: bytes, file: str) -> dict[str, Any]:
    """What is in a caller's side of a call; ``file`` is the name of its mu-law file.

    It is played as it was spoken, pauses included, then the caller hangs up.
    """
    call = record["call"]
    spoken = [turn for turn in record["turns"] if turn["who"] == "caller"]
    length_ms = int(ms_of(len(payload)))
    return {
        "name": PurePath(file).stem,
        "description": f"The caller's side of the call {call['call_sid']}",
        "words": " ".join(turn["text"] for turn in spoken if turn["text"]),
        "voice": None,
        "level_dbfs": None,
        "noise_dbfs": None,
        "duration_ms": length_ms,
        "speech": _spans(spoken, call["recording_from_ms"] or 0.0, length_ms),
        "sounds": [],
        "lost_frames": [],
        "dtmf": None,
        "caller": [{"step": "play", "path": file}, {"step": "hang_up"}],
    }


def _spans(spoken: list[Mapping[str, Any]], from_ms: float, length_ms: int) -> list[dict[str, int]]:
    """When the caller spoke, in milliseconds of the recording, as far as it goes."""
    spans = []
    for turn in spoken:
        if turn["from_ms"] is None or turn["to_ms"] is None:
            continue
        begin, end = (
            min(max(round(turn[edge] - from_ms), 0), length_ms) for edge in ("from_ms", "to_ms")
        )
        if begin < end:
            spans.append({"from_ms": begin, "to_ms": end})
    return spans
