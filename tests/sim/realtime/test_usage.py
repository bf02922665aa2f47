"""Token counts add up, whatever was said."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.sim.realtime.conversation import Audio, Item, Part
from gateway.sim.realtime.formats import PCMU
from gateway.sim.realtime.script import Call, Speech
from gateway.sim.realtime.usage import Meter, Tokens, item_tokens, rate_limits, usage_object, within


def spoken(role: str, ms: int, text: str | None = None) -> Item:
    audio = Audio(PCMU, b"", 8 * ms)
    return Item("item", role=role, content=[Part("audio", transcript=text, audio=audio)])


def test_audio_costs_what_the_documentation_says() -> None:
    """One token per 100 ms of the caller, one per 50 ms of the assistant."""
    assert item_tokens(spoken("user", 1600)).audio == 16
    assert item_tokens(spoken("assistant", 7350)).audio == 147


def check(usage: dict[str, Any]) -> None:
    details, cached = usage["input_token_details"], usage["input_token_details"]["cached_tokens"]
    split = details["cached_tokens_details"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens"] == details["text_tokens"] + details["audio_tokens"]
    assert usage["output_tokens"] == sum(usage["output_token_details"].values())
    assert cached == sum(split.values())
    assert cached % 64 == 0
    assert split["text_tokens"] <= details["text_tokens"]
    assert split["audio_tokens"] <= details["audio_tokens"]


@given(st.lists(st.tuples(st.integers(0, 20_000), st.text(max_size=200), st.booleans())))
def test_usage_adds_up(turns: list[tuple[int, str, bool]]) -> None:
    """Totals are sums, and the cached part is a part, over any conversation."""
    meter, context = Meter(), [spoken("user", 500)]
    for ms, text, changed in turns:
        answer = spoken("assistant", ms, text)
        prefix = text if changed else "You are a friendly agent. " * 20
        check(usage_object(*meter.read(prefix, context, [answer])))
        context += [answer, spoken("user", ms)]


def test_the_cache_holds_until_the_instructions_change() -> None:
    """The second response finds what the first one sent; new instructions cost it all again."""
    meter, prefix, context = Meter(), "Be kind. " * 100, [spoken("user", 10_000)]
    assert meter.read(prefix, context, [])[1] == Tokens()
    sent, cached, _ = meter.read(prefix, context, [])
    assert cached == Tokens(sent.text - sent.text % 64, 64)
    assert meter.read(prefix + "!", context, [])[1] == Tokens()


def test_zeros_and_limits() -> None:
    """Failed responses cost nothing; the limit falls by what was used."""
    check(usage_object())
    assert usage_object()["total_tokens"] == 0
    (limit,) = rate_limits(284)
    assert limit["name"] == "tokens"
    assert limit["limit"] - limit["remaining"] == 284
    assert limit["reset_seconds"] == 0.001


def test_answers_are_cut_to_the_limit() -> None:
    """Whole parts as long as they fit, then a piece of the next one, then nothing."""
    long = Speech("one two three four five six", b"\xff" * 8000)
    parts = (Speech("hi", b"\xff" * 400), long, Call("f", "{}"))
    assert within(parts, 1000) == (list(parts), True)
    kept, whole = within(parts, 20)
    assert not whole
    assert kept[0] == parts[0]
    cut = kept[1]
    assert isinstance(cut, Speech)
    assert 0 < len(cut.payload) < len(long.payload)
    assert long.text.startswith(cut.text)
    assert len(kept) == 2
    assert within((Call("look_up", '{"a":"long one"}'),), 4)[0] != [parts[2]]
