"""A session's configuration merges, normalises, and refuses as a whole."""

import json
from typing import Any

import pytest

from gateway.sim.realtime.config import SessionConfig
from gateway.sim.realtime.errors import ClientFault
from gateway.sim.realtime.shapes import SESSION
from tests.fixtures.realtime.check import ROOT, validate_server


def config() -> SessionConfig:
    return SessionConfig("sess_1", "gpt-realtime-2.1", 1_795_170_000)


def update(target: SessionConfig, **changes: Any) -> dict[str, Any]:
    """A checked update; the effective configuration afterwards."""
    flags = {name: changes.pop(name, False) for name in ("has_audio", "busy", "keep_formats")}
    patch = {"type": "realtime", **changes}
    SESSION(patch, "session")
    target.update(patch, **flags)
    return target.wire()


def fault(target: SessionConfig, **changes: Any) -> ClientFault:
    """The fault of an update, which must have changed nothing."""
    before = target.wire()
    with pytest.raises(ClientFault) as caught:
        update(target, **changes)
    assert target.wire() == before
    return caught.value


def golden(name: str) -> dict[str, Any]:
    session: dict[str, Any] = json.loads((ROOT / "server" / f"{name}.json").read_text())["session"]
    return session


def test_defaults_are_the_real_ones() -> None:
    """Every field but id and instructions equals the golden session.created, in its order."""
    ours, theirs = config().wire(), golden("session.created")
    assert list(ours) == list(theirs)
    own = ("id", "instructions")
    assert {k: v for k, v in ours.items() if k not in own} == {
        k: v for k, v in theirs.items() if k not in own
    }


def test_the_golden_update_gives_the_golden_session() -> None:
    """The client's session.update of the examples is answered as in the examples."""
    event = json.loads((ROOT / "client" / "session.update.json").read_text())
    ours = update(config(), **{k: v for k, v in event["session"].items() if k != "type"})
    assert {**ours, "id": ""} == {**golden("session.updated"), "id": ""}


def test_only_present_fields_change() -> None:
    """An update of one nested field leaves its neighbours alone."""
    target = config()
    before = target.wire()
    after = update(target, audio={"output": {"speed": 1.2}})
    before["audio"]["output"]["speed"] = 1.2
    assert after == before


def test_null_and_empty_values_clear() -> None:
    """null, "" and [] remove what was set."""
    target = config()
    update(
        target,
        instructions="x",
        tools=[{"type": "function", "name": "f"}],
        audio={"input": {"noise_reduction": {"type": "near_field"}}},
    )
    after = update(
        target,
        instructions="",
        tools=[],
        audio={"input": {"turn_detection": None, "noise_reduction": None, "transcription": None}},
    )
    assert after["instructions"] == ""
    assert after["tools"] == []
    assert after["audio"]["input"]["turn_detection"] is None
    assert after["audio"]["input"]["noise_reduction"] is None


def test_turn_detection_is_spelled_out() -> None:
    """Booleans that the client left out are echoed: the SDK cancels by hand without them."""
    detection = {"type": "semantic_vad", "interrupt_response": True}
    after = update(config(), audio={"input": {"turn_detection": detection}})
    assert after["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }


def test_turn_detection_of_the_same_type_merges() -> None:
    """A later threshold keeps the silence that was set before."""
    target = config()
    first = {"type": "server_vad", "silence_duration_ms": 700}
    update(target, audio={"input": {"turn_detection": first}})
    second = {"type": "server_vad", "threshold": 0.7, "create_response": False}
    after = update(target, audio={"input": {"turn_detection": second}})
    detection = after["audio"]["input"]["turn_detection"]
    assert detection["silence_duration_ms"] == 700
    assert detection["threshold"] == 0.7
    assert detection["create_response"] is False
    assert detection["interrupt_response"] is True


def test_transcription_is_normalised() -> None:
    """Language and prompt come back as null when they were not given (captured)."""
    after = update(config(), audio={"input": {"transcription": {"model": "whisper-1"}}})
    assert after["audio"]["input"]["transcription"] == {
        "model": "whisper-1",
        "language": None,
        "prompt": None,
    }
    wrong = fault(config(), audio={"input": {"transcription": {"language": "en"}}})
    assert wrong.code == "missing_required_parameter"


def test_options_of_a_transcriber_belong_to_it() -> None:
    """Another model starts afresh; the same one keeps what an update leaves out."""
    target = config()
    first = {"model": "gpt-transcribe", "language": "en", "keywords": ["Contoso"]}
    update(target, audio={"input": {"transcription": first}})
    after = update(target, audio={"input": {"transcription": {"prompt": "orders"}}})
    assert after["audio"]["input"]["transcription"] == {**first, "prompt": "orders"}
    after = update(target, audio={"input": {"transcription": {"model": "whisper-1"}}})
    assert after["audio"]["input"]["transcription"] == {
        "model": "whisper-1",
        "language": None,
        "prompt": None,
    }


@pytest.mark.parametrize(
    ("model", "option"),
    [
        ("gpt-4o-mini-transcribe", {"keywords": ["Contoso"]}),
        ("whisper-1", {"languages": ["en", "fr"]}),
        ("gpt-transcribe", {"delay": "low"}),
        ("gpt-realtime-whisper", {"prompt": "orders"}),
        ("gpt-4o-transcribe-diarize", {"prompt": "orders"}),
    ],
)
def test_a_transcriber_takes_what_it_is_documented_to_take(
    model: str, option: dict[str, Any]
) -> None:
    """Keywords, languages, delay and prompt are each for some of the models."""
    wrong = fault(config(), audio={"input": {"transcription": {"model": model, **option}}})
    assert wrong.code == "unsupported_parameter"
    assert wrong.param == f"session.audio.input.transcription.{next(iter(option))}"


@pytest.mark.parametrize(
    "option", [{"reasoning": {"effort": "low"}}, {"parallel_tool_calls": True}]
)
def test_only_reasoning_models_reason(option: dict[str, Any]) -> None:
    """The 2.x models take it, the older ones refuse, a deployment's own name is not known."""
    for model in ("gpt-realtime-2.1-mini", "my-deployment"):
        after = update(SessionConfig("sess_1", model, 0), **option)
        assert {name: after[name] for name in option} == option
    older = SessionConfig("sess_1", "gpt-realtime-2025-08-28", 0)
    wrong = fault(older, **option)
    assert wrong.code == "unsupported_parameter"
    assert wrong.param == f"session.{next(iter(option))}"


def test_the_strength_of_noise_reduction_stays() -> None:
    """An update without it keeps it, one without a type needs an earlier one."""
    target = config()
    wrong = fault(target, audio={"input": {"noise_reduction": {"strength": 0.5}}})
    assert wrong.param == "session.audio.input.noise_reduction.type"
    far = {"type": "far_field", "strength": 0.7}
    update(target, audio={"input": {"noise_reduction": far}})
    after = update(target, audio={"input": {"noise_reduction": {"type": "near_field"}}})
    assert after["audio"]["input"]["noise_reduction"] == {"type": "near_field", "strength": 0.7}


def test_a_custom_voice_comes_back_as_its_id() -> None:
    """Voice objects in server events fail the official types."""
    after = update(config(), audio={"output": {"voice": {"id": "voice_1234"}}})
    assert after["audio"]["output"]["voice"] == "voice_1234"
    validate_server({"type": "session.updated", "event_id": "event_1", "session": after})


def test_what_may_not_change_is_refused() -> None:
    """The model; tracing once it is on; the voice once it was heard; the speed in mid-answer."""
    target = config()
    assert fault(target, model="gpt-realtime").code == "cannot_update_model"
    update(target, tracing="auto")
    assert update(target, tracing="auto")["tracing"] == "auto"
    assert fault(target, tracing=None).code == "cannot_update_tracing"
    ash = {"output": {"voice": "ash"}}
    update(target, audio=ash)
    assert fault(target, audio={"output": {"voice": "echo"}}, has_audio=True).code == (
        "cannot_update_voice"
    )
    update(target, audio=ash, has_audio=True)
    assert fault(target, audio={"output": {"speed": 1.5}}, busy=True).code == "cannot_update_speed"


def test_a_rejected_update_changes_nothing() -> None:
    """Good fields next to a bad one are discarded with it (captured)."""
    wrong = fault(config(), instructions="new", output_modalities=["audio", "text"])
    assert wrong.code == "invalid_value"
    assert wrong.param == "session.output_modalities"


def test_formats_can_be_withheld() -> None:
    """With keep_formats the rest of the update still applies."""
    after = update(
        config(),
        instructions="x",
        audio={"output": {"format": {"type": "audio/pcmu"}, "voice": "ash"}},
        keep_formats=True,
    )
    assert after["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert after["audio"]["output"]["voice"] == "ash"
    assert after["instructions"] == "x"


def test_everything_the_types_know_is_accepted() -> None:
    """The example with every field passes and comes back in a valid event."""
    event = json.loads((ROOT / "client" / "session.update.everything.json").read_text())
    after = update(config(), **{k: v for k, v in event["session"].items() if k != "type"})
    validate_server({"type": "session.updated", "event_id": "event_1", "session": after})
    assert after["reasoning"] == {"effort": "low"}
    assert after["audio"]["input"]["transcription"]["languages"] == ["en", "fr"]
