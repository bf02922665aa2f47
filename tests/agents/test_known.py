"""The known names are those of the SDK that is installed."""

import typing

from agents.realtime.config import RealtimeInputAudioTranscriptionConfig, RealtimeModelName
from openai.types.realtime.realtime_audio_config_output_param import Voice

from gateway.agents.known import MODELS, TRANSCRIBERS, VOICES


def literals(kind: typing.Any) -> set[str]:
    """Every word a type spells out."""
    found = {each for each in typing.get_args(kind) if isinstance(each, str)}
    return found.union(*(literals(each) for each in typing.get_args(kind) if each not in found))


def test_models_and_voices_are_the_sdks() -> None:
    """A release that brings new names shows here, not as a warning to whoever uses them."""
    assert literals(RealtimeModelName) == MODELS
    assert literals(Voice) == VOICES
    hints = typing.get_type_hints(RealtimeInputAudioTranscriptionConfig)
    assert literals(hints["model"]) == TRANSCRIBERS
