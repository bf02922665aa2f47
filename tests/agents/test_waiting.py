"""Recorded greetings, idle callers and fillers: from the file to the plan of a call."""

import pytest

from gateway.call.filler import FillerRules
from gateway.call.greeting import RecordedGreeting
from gateway.call.idle import IdleRules
from tests.agents.conftest import Load
from tests.agents.folders import offer

SOUND = "U" * 320


def test_nothing_is_done_unless_the_file_says_so(loaded: Load) -> None:
    """Neither asked nor filled nor played."""
    plan = loaded().plan(offer())
    assert (plan.idle, plan.filler, plan.recorded_greeting) == (None, None, None)


def test_the_files_words_and_times_are_followed(loaded: Load) -> None:
    """Each key reaches the plan."""
    text = (
        "idle = { after_s = 8, asks = 3, ask = 'Ask.', goodbye = 'Bye.' }\n"
        "filler = { after_s = 0.5 }"
    )
    plan = loaded(a_toml=text).plan(offer())
    assert plan.idle == IdleRules(8.0, 3, "Ask.", "Bye.")
    assert plan.filler == FillerRules(after_s=0.5, audio=None)


def test_what_is_left_out_has_its_default(loaded: Load) -> None:
    """One number is enough, and an empty table for the filler."""
    plan = loaded(a_toml="idle = { after_s = 8 }\nfiller = {}").plan(offer())
    assert plan.idle == IdleRules(8.0)
    assert plan.filler == FillerRules()


@pytest.mark.parametrize("protected", [True, False])
def test_a_recorded_greeting_is_played_and_told(loaded: Load, protected: bool) -> None:
    """Its audio, its words, and whether it may be interrupted; the model is not asked to greet."""
    turns = 'interruption = "gateway"\nturns.uninterruptible = ["greeting"]' if protected else ""
    text = f'greeting_audio = "hello.ulaw"\ngreeting_text = "Hello."\n{turns}'
    plan = loaded(a_toml=text, hello_ulaw=SOUND).plan(offer())
    assert plan.recorded_greeting == RecordedGreeting(
        SOUND.encode(), "Hello.", interruptible=not protected
    )
    assert plan.greeting_request() is None


def test_a_recorded_phrase_fills(loaded: Load) -> None:
    """The recording is read once, with the files."""
    plan = loaded(a_toml='filler = { audio = "wait.ulaw" }', wait_ulaw=SOUND).plan(offer())
    assert plan.filler == FillerRules(audio=SOUND.encode())


def test_the_routes_warning_reaches_the_call(loaded: Load) -> None:
    """Beside the limit it warns of."""
    routes = "[default]\nmax_minutes = 10\nwarn_minutes = 1"
    route = loaded(routes_toml=routes).route(offer())
    assert (route.max_minutes, route.warn_minutes) == (10, 1)
