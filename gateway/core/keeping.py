"""Call events about what is kept of a call and what it costs; see :mod:`gateway.core.events`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.core.shown import words


@dataclass(frozen=True, slots=True)
class Noted:
    """The agent made a note of something worth keeping."""

    at_ms: float
    text: str = words()


@dataclass(frozen=True, slots=True)
class UsageCounted:
    """What one answer, or the transcription of one caller turn, used and cost."""

    source: Literal["response", "transcription"]
    source_id: str
    """The response, or the caller's item."""
    model: str
    used: Mapping[str, int]
    """Tokens by class: ``text_in``, ``text_cached``, ``audio_in``, ``audio_cached``, ``image_in``,
    ``image_cached``, ``text_out``, ``audio_out``; cached ones are not counted in ``…_in`` again.
    """
    billed_s: float
    """Transcribed audio that is billed by time; 0 when it is billed by tokens."""
    cost_usd: float | None
    """None when the price file does not know the model."""
    call_usd: float
    """What the model has cost in this call so far, as far as prices are known."""
    at_ms: float


@dataclass(frozen=True, slots=True)
class SpendReached:
    """A limit of spending was reached: ``soft`` = the agent wraps up, ``hard`` = the call ends."""

    kind: Literal["soft", "hard"]
    scope: Literal["call", "number", "route", "day"]
    spent_usd: float
    limit_usd: float
    at_ms: float


@dataclass(frozen=True, slots=True)
class ConsentChanged:
    """May the call be recorded? ``asked`` → ``granted`` or ``declined``; ``withdrawn`` = it was
    granted and is not any more.
    """

    state: Literal["asked", "granted", "declined", "withdrawn"]
    at_ms: float


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    """From now on the call is recorded."""

    file: str
    """Where, inside the folder of recordings."""
    at_ms: float


@dataclass(frozen=True, slots=True)
class RecordingEnded:
    """The recording is closed."""

    audio_ms: float
    incomplete: str
    """Why a part is missing: ``disk_full``, ``disk_error``, ``disk_slow``; empty = it is whole."""
    kept: bool
    """False when it was deleted because the caller did not want it."""
    at_ms: float
    from_ms: float | None = None
    """When the first of it was heard, known exactly by now; None = as it was told. Below 0: the
    carrier's stream is older than our knowledge of it.
    """
