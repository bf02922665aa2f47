"""Names a deployment may use without being asked whether they are meant.

Anything else is a warning, never an error: models and voices appear faster than releases of ours.
"""

MODELS = frozenset(
    {
        "gpt-realtime",
        "gpt-realtime-1.5",
        "gpt-realtime-2",
        "gpt-realtime-2.1",
        "gpt-realtime-2.1-mini",
        "gpt-realtime-2025-08-28",
        "gpt-realtime-mini",
        "gpt-realtime-mini-2025-10-06",
        "gpt-realtime-mini-2025-12-15",
        "gpt-4o-realtime-preview",
        "gpt-4o-realtime-preview-2024-10-01",
        "gpt-4o-realtime-preview-2024-12-17",
        "gpt-4o-realtime-preview-2025-06-03",
        "gpt-4o-mini-realtime-preview",
        "gpt-4o-mini-realtime-preview-2024-12-17",
    }
)
"""``RealtimeModelName`` of openai-agents 0.24."""

TRANSCRIBERS = frozenset(
    {
        "gpt-transcribe",
        "gpt-live-transcribe",
        "gpt-4o-transcribe",
        "gpt-4o-mini-transcribe",
        "gpt-4o-mini-transcribe-2025-12-15",
        "gpt-4o-transcribe-diarize",
        "gpt-realtime-whisper",
        "whisper-1",
    }
)
"""``RealtimeInputAudioTranscriptionConfig.model`` of openai-agents 0.24."""

# fmt: off
VOICES = frozenset(
    {"alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"}
)
# fmt: on
"""Built-in voices of the Realtime API: ``RealtimeAudioConfigOutputParam`` of openai 3.51."""

REASONING_MODELS = frozenset({"gpt-realtime-2", "gpt-realtime-2.1", "gpt-realtime-2.1-mini"})
"""Those that take ``reasoning`` and ``parallel_tool_calls``: types of openai 3.51."""

TRANSCRIBERS_WITH: dict[str, frozenset[str]] = {
    "keywords": frozenset({"gpt-transcribe", "gpt-live-transcribe"}),
    "languages": frozenset({"gpt-transcribe", "gpt-live-transcribe"}),
    "delay": frozenset({"gpt-realtime-whisper"}),
    "prompt": TRANSCRIBERS - {"gpt-realtime-whisper", "gpt-4o-transcribe-diarize"},
}
"""Options only some transcribers take: types of openai 3.51."""
