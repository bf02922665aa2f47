"""The script's answers come in the right order, whatever the client does."""

import re

from gateway.sim.realtime.director import Director, EchoDirector, director_of
from gateway.sim.realtime.script import Answer, Call, OnText, Script, Speech


def line(text: str, *tools: str, heard: str = "") -> Answer:
    calls = (Call(tool, "{}") for tool in tools)
    return Answer((Speech(text, b"\xff" * 800), *calls), heard=heard)


def director() -> Director:
    return Director(
        Script(
            "test",
            greeting=line("hello"),
            turns=(line("one", "look", heard="Where?"), line("two", heard="When?")),
            on_text=(
                OnText(re.compile("pressed"), line("digits")),
                OnText(re.compile("press"), line("never")),
            ),
            after_tool={
                "look": (
                    OnText(re.compile("shipped"), line("found")),
                    OnText(re.compile("ship"), line("never")),
                    OnText(re.compile(""), line("not found")),
                ),
                "book": (OnText(re.compile("^booked$"), line("done")),),
            },
            otherwise=line("else"),
        )
    )


def said(answer: Answer) -> str:
    part = answer.parts[0]
    assert isinstance(part, Speech)
    return part.text


def test_greeting_comes_before_any_caller_turn() -> None:
    """Also when it is asked for twice; afterwards the rest answers."""
    it = director()
    assert said(it.next_answer(set())) == "hello"
    assert said(it.next_answer(set())) == "hello"
    it.caller_spoke(b"")
    assert said(it.next_answer({"look"})) == "one"
    assert said(it.next_answer({"look"})) == "else"


def test_turns_are_used_in_order_and_end() -> None:
    """Speech and written input take the next turn; then `otherwise` answers."""
    it = director()
    assert it.caller_spoke(b"") == "Where?"
    assert said(it.next_answer({"look"})) == "one"
    it.text_came("user", "and when?")
    assert said(it.next_answer({"look"})) == "two"
    assert it.caller_spoke(b"") == ""
    assert said(it.next_answer({"look"})) == "else"


def test_pieces_of_one_sentence_are_one_turn() -> None:
    """Two items without a response between them share a turn; the first carries its words."""
    it = director()
    assert [it.caller_spoke(b""), it.caller_spoke(b"")] == ["Where?", ""]
    assert said(it.next_answer({"look"})) == "one"
    assert it.caller_spoke(b"") == "When?"


def test_text_that_matches_uses_no_turn() -> None:
    """The first match answers, for the caller and for the system."""
    it = director()
    for role in ("user", "system"):
        it.text_came(role, "Caller pressed 5")
        assert said(it.next_answer({"look"})) == "digits"
    it.caller_spoke(b"")
    assert said(it.next_answer({"look"})) == "one"


def test_system_text_without_a_match_is_no_turn() -> None:
    """A note to the model does not count as the caller."""
    it = director()
    it.text_came("system", "The caller is a gold customer.")
    assert said(it.next_answer(set())) == "hello"


def test_tool_output_has_its_own_answer() -> None:
    """A tool without one falls back to `otherwise`."""
    it = director()
    it.caller_spoke(b"")
    it.next_answer({"look"})
    it.tool_answered("look", "shipped")
    assert said(it.next_answer({"look"})) == "found"
    it.tool_answered("other", "shipped")
    assert said(it.next_answer({"look"})) == "else"


def test_the_output_of_a_tool_chooses_among_its_answers() -> None:
    """The first that matches answers; when none does, `otherwise`."""
    it = director()
    for name, output, answer in (
        ("look", '{"status": "shipped"}', "found"),
        ("look", "unknown", "not found"),
        ("look", "", "not found"),
        ("book", "booked", "done"),
        ("book", "not booked", "else"),
    ):
        it.tool_answered(name, output)
        assert said(it.next_answer(set())) == answer


def test_a_call_to_a_tool_that_is_not_offered_becomes_otherwise() -> None:
    """The whole answer is replaced, and the turn is used up."""
    it = director()
    it.caller_spoke(b"")
    assert said(it.next_answer(set())) == "else"
    it.caller_spoke(b"")
    assert said(it.next_answer(set())) == "two"
    bare = Director(Script("bare", otherwise=line("x", "look")))
    assert bare.idle_answer(set()) == Answer()


def test_speech_beats_an_older_tool_output() -> None:
    """The answer is to what came in last."""
    it = director()
    it.tool_answered("look", "shipped")
    it.caller_spoke(b"")
    assert said(it.next_answer({"look"})) == "one"


def test_a_replayed_conversation_goes_on_where_it_was() -> None:
    """Turns that a client restores with their answers are not given again."""
    it = director()
    it.answered_elsewhere()  # the greeting, as an assistant message
    it.text_came("user", "Where?")
    it.answered_elsewhere()  # the function call
    it.tool_answered("look", "shipped")
    it.answered_elsewhere()  # the answer after it
    it.caller_spoke(b"")
    assert said(it.next_answer({"look"})) == "two"


def test_echo_gives_back_what_it_heard() -> None:
    """Speech as it was, text with a tone, and a tone when there is nothing."""
    it = director_of(Script("echo"))
    assert isinstance(it, EchoDirector)
    assert it.next_answer(set()) == it.idle_answer(set())
    assert it.caller_spoke(b"abc") == ""
    assert it.next_answer(set()) == Answer((Speech("", b"abc"),))
    it.text_came("user", "hi")
    assert said(it.next_answer(set())) == "hi"
    assert said(it.next_answer(set())) == "Beep."
