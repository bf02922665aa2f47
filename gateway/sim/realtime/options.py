"""Owns the settings of the offline Realtime server. Data only: no behaviour, no I/O.

Times are those of a near, quiet server; the failure modes are off by default and can be combined.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

SPEECH_MODELS: Final = (
    "gpt-realtime-2.1",
    "gpt-realtime-2.1-mini",
    "gpt-realtime-2",
    "gpt-realtime-1.5",
    "gpt-realtime",
    "gpt-realtime-2025-08-28",
    "gpt-realtime-mini",
    "gpt-realtime-mini-2025-10-06",
    "gpt-realtime-mini-2025-12-15",
)
"""Speech-to-speech models that `openai` 3.5x names; every other one is answered `invalid_model`."""

_HERE: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class RealtimeOptions:
    """How an offline Realtime server behaves; a session keeps those it was opened under."""

    script: str = "assistant"
    """What it says: the name of a file in `scripts_dir` without `.toml`, or `echo`.

    A connection may ask for another one: `script=<name>` must exist, `agent=<name>` is taken when
    it does.
    """
    scripts_dir: Path = _HERE / "scripts"
    speech_dir: Path = _HERE / "speech"

    api_key: str | None = None
    """The one accepted key; None accepts any bearer that is not empty."""
    models: tuple[str, ...] = SPEECH_MODELS

    connect_delay_ms: float = 0
    """Before the 101."""
    session_delay_ms: float = 4
    """From the 101 to `session.created` (captured: 3 to 6)."""
    update_delay_ms: float = 20
    """From `session.update` to `session.updated`; nothing else is read meanwhile."""
    create_delay_ms: float = 0
    """From `response.create` to `response.created` or its refusal (captured: 40 and more); nothing
    else is read meanwhile. A client may ask again before it learns that an answer has begun.
    """
    first_audio_ms: float = 350
    """From `response.created` to the first audio delta."""
    speed: float = 4.5
    """How many times faster than real time audio leaves (captured: 4 to 5)."""
    transcription_ms: tuple[float, float] = (700, 1100)
    """From the commit to `transcription.completed`: lowest and highest."""
    rate_limits_ms: float = 43
    """From `response.done` to `rate_limits.updated`."""
    expiry_s: float = 3600
    idle_scale: float = 1
    """Multiplies the wall-clock wait of `idle_timeout_ms`, so that a test need not sit it out."""
    ping_interval_s: float | None = 20
    ping_timeout_s: float | None = 20
    seed: int = 1
    """Of delta sizes and delays. Ids are always fresh."""

    trace: bool = True
    """Whether sessions keep their events; switch it off for load."""
    trace_rows: int = 200_000
    """A trace stops growing here (an hour of 20 ms appends fits)."""
    keep_audio: bool = True
    """Whether sessions keep what was said; off, only the lengths are known afterwards."""
    keep_sessions: bool = True
    """Whether sessions stay known once they have ended; switch it off for a server that lasts."""

    http_status: int | None = None
    """Refuse the handshake with this status instead of the 101."""
    http_retry_after_s: int | None = None
    """`Retry-After` of that refusal."""
    ignore_format: bool = False
    """Formats asked for in `session.update` are not applied: audio stays PCM at 24 kHz."""
    lie_about_format: bool = False
    """Formats asked for are confirmed, and answers are PCM at 24 kHz all the same."""
    fail_after_audio_bytes: int | None = None
    """Abort TCP once this many bytes of speech have left."""
    close_after_s: float | None = None
    """Close this long after `session.created`, with `close_code` and `close_reason`."""
    close_code: int = 1011
    close_reason: str = ""
    stall: Literal["sending", "reading"] | None = None
    """Fall silent (traces show what would have been sent), or stop reading; TCP stays up."""
    stall_after_s: float | None = None
    """When the stall begins, from `session.created`; None: with the first `response.created`."""
    never_answer_close: bool = False
    late_deltas: int = 0
    """Deltas of a cancelled response that still leave before its `response.done`."""
    never_respond: bool = False
    """`response.created` comes and nothing follows, until the response is cancelled."""
    heard_in_silence: str = "Thank you for watching."
    """What the transcriber makes of the item of an idle timeout: real ones hear words in it."""
    transcription_fails: bool = False
    """Caller items end in `transcription.failed`."""
