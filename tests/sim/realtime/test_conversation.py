"""A conversation keeps items in order and cuts answers to what was heard."""

from collections.abc import Callable
from functools import partial

import pytest

from gateway.sim.realtime.conversation import Audio, Conversation, Item, Part
from gateway.sim.realtime.errors import ClientFault
from gateway.sim.realtime.formats import PCMU


def spoken(item_id: str, ms: int, text: str = "Hello there") -> Item:
    """An answer of `ms` milliseconds."""
    audio = Audio(PCMU, bytes(8 * ms), 8 * ms)
    part = Part("output_audio", transcript=text, audio=audio)
    return Item(item_id, role="assistant", content=[part])


def written(item_id: str, role: str = "user") -> Item:
    return Item(item_id, role=role, content=[Part("input_text", text="hi")])


def filled() -> Conversation:
    """One question, one answer of a second, one call."""
    conversation = Conversation()
    conversation.append(written("q"))
    conversation.append(spoken("a", 1000))
    conversation.append(Item("c", "function_call", name="look", call_id="call_1", arguments="{}"))
    return conversation


def fault(act: Callable[[], object]) -> ClientFault:
    with pytest.raises(ClientFault) as caught:
        act()
    return caught.value


def test_items_go_where_they_are_put() -> None:
    """At the end, behind another one, or in front (`root`); the id before is returned."""
    conversation = filled()
    assert conversation.insert(written("end"), None) == "c"
    assert conversation.insert(written("mid"), "q") == "q"
    assert conversation.insert(written("top"), "root") is None
    assert [item.id for item in conversation] == ["top", "q", "mid", "a", "c", "end"]
    assert conversation.before("top") is None
    assert conversation.before("a") == "mid"
    assert (len(conversation), conversation[0].id) == (6, "top")


def test_deleting_relinks_the_neighbours() -> None:
    """What stood behind a deleted item now stands behind the one before it."""
    conversation = filled()
    conversation.delete("a")
    assert conversation.before("c") == "q"
    assert fault(lambda: conversation.delete("a")).code == "item_delete_invalid_item_id"


def test_items_that_cannot_be_added() -> None:
    """An id that exists, an unknown place, and the output of a call nobody made."""
    conversation = filled()
    assert fault(lambda: conversation.insert(written("q"), None)).message.endswith(
        "'q' already exists."
    )
    assert "'x' does not exist" in fault(lambda: conversation.insert(written("n"), "x")).message
    output = Item("o", "function_call_output", call_id="call_2", output="1")
    wrong = fault(lambda: conversation.insert(output, None))
    assert (wrong.code, wrong.message) == (
        "invalid_tool_call_id",
        "Tool call ID 'call_2' not found in conversation.",
    )
    assert len(conversation) == 3
    assert conversation.call_name("call_1") == "look"
    assert conversation.call_name("call_2") == ""


def test_truncation_drops_sound_and_transcript() -> None:
    """What lies beyond the cut is gone for good; the words go altogether."""
    conversation = filled()
    conversation.truncate("a", 0, 820)
    item = conversation.retrieve("a")
    assert (item.audio_ms, item.transcript) == (820, "")
    assert len(item.wire(with_audio=True)["content"][0]["audio"]) == 8748
    wrong = fault(lambda: conversation.truncate("a", 0, 821))
    assert wrong.message == "Audio content of 820ms is already shorter than 821ms"
    assert wrong.code == "invalid_value"
    conversation.truncate("a", 0, 820)
    conversation.truncate("a", 0, 0)
    assert item.audio_ms == 0


def test_truncation_to_the_exact_end_is_allowed() -> None:
    """The whole length is not beyond the audio; a millisecond more is, fractions do not count."""
    conversation = filled()
    conversation.append(spoken("b", 1500))
    part = conversation[3].spoken
    assert part is not None
    assert part.audio is not None
    part.audio.length += 1  # 1500.125 ms
    assert fault(lambda: conversation.truncate("b", 0, 1501)).code == "invalid_value"
    conversation.truncate("b", 0, 1500)


def test_only_answers_with_sound_can_be_truncated() -> None:
    """Neither the caller's items, nor calls, nor an answer that has not begun to sound."""
    conversation = filled()
    conversation.append(spoken("empty", 0))
    for item_id in ("q", "c", "empty"):
        wrong = fault(partial(conversation.truncate, item_id, 0, 0))
        assert wrong.message == "Only model output audio messages can be truncated"
    assert fault(lambda: conversation.truncate("a", 1, 0)).code == "unsupported_content_type"
    wrong = fault(lambda: conversation.truncate("yo", 0, 10))
    assert wrong.code == "item_truncate_invalid_item_id"
    assert wrong.message == "Item with item_id not found: yo"


def test_assistant_audio_locks_the_voice_until_it_is_gone() -> None:
    """Only sound of the assistant counts."""
    conversation = Conversation()
    conversation.append(written("t", role="assistant"))
    assert not conversation.has_assistant_audio
    conversation.append(spoken("a", 10))
    assert conversation.has_assistant_audio
