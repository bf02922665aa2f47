"""``greeting_audio``, ``[idle]``, ``[filler]``: what a caller hears while nobody says anything."""

from collections.abc import Iterator

from gateway.agents import schema
from gateway.agents.problems import Problem
from gateway.agents.tomlfile import TomlFile
from gateway.call.filler import FillerRules
from gateway.call.greeting import RecordedGreeting
from gateway.call.idle import IdleRules

AgentFile = TomlFile[schema.Agent]


def idle_rules(table: schema.Agent) -> IdleRules | None:
    """What is done about a caller who says nothing; None = nothing."""
    return None if table.idle is None else IdleRules(**table.idle.model_dump(exclude_none=True))


def filler_rules(table: schema.Agent, audio: bytes) -> FillerRules | None:
    """What fills the silence of a slow tool; None = nothing."""
    if table.filler is None:
        return None
    given = table.filler.model_dump(exclude_none=True, exclude={"audio"})
    return FillerRules(audio=audio or None, **given)


def recorded_greeting(table: schema.Agent, audio: bytes) -> RecordedGreeting | None:
    """The greeting as it was recorded; None when the model greets, or nobody."""
    if not audio:
        return None
    protected = table.turns is not None and "greeting" in (table.turns.uninterruptible or ())
    return RecordedGreeting(audio, table.greeting_text or "", interruptible=not protected)


def waiting_problems(file: AgentFile) -> Iterator[Problem]:
    """Keys that contradict each other."""
    table = file.table
    if table.greeting_audio is not None and table.greeting is not None:
        yield file.problem(
            ("greeting_audio",), "is played in place of greeting: leave one of them out"
        )
    if table.greeting_audio is not None and table.greeting_text is None:
        yield file.problem(
            ("greeting_audio",), "needs greeting_text: the model is told what was said"
        )
    if table.greeting_text is not None and table.greeting_audio is None:
        yield file.problem(("greeting_text",), "belongs to greeting_audio")
    turns = table.model.turn_detection
    if table.idle is not None and isinstance(turns, schema.TurnDetection) and turns.idle_timeout_ms:
        yield file.problem(
            ("model", "turn_detection", "idle_timeout_ms"),
            "asks too: with [idle] the caller would be asked twice, leave it out",
        )
