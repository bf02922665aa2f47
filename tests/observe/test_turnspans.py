"""Turns and their tools as spans: what belongs to which, and how long each lasts."""

from gateway.core.events import (
    AgentStarted,
    AgentStopped,
    BargeIn,
    CallEnded,
    CallerStarted,
    CallerStopped,
    FalseAlarm,
    Handoff,
    ToolEnded,
    ToolStarted,
    TurnDone,
    UsageCounted,
)
from gateway.observe.turnspans import MOST_TOOLS, MOST_WAITING
from tests.observe.tree import Tree, is_below, lasts, noted, told, turn

ENDED = CallEnded("caller_hung_up", 20_000.0, 9_000.0, 1000, 2, 0)


def asked(
    at_ms: float, item_id: str = "i1", *, spoke_ms: float = 1000.0
) -> list[tuple[float, object]]:
    """The caller speaks so long, and half a second later the model knows that they stopped."""
    began = at_ms - 500 - spoke_ms
    return [
        (began + 100, CallerStarted(began + 100, item_id, began)),
        (at_ms, CallerStopped(at_ms, item_id, at_ms - 500)),
    ]


def tree(*events: tuple[float, object]) -> Tree:
    """A call in which that happens, and which ends after 20 s."""
    return Tree().tell(*events, (20_000.0, ENDED))  # type: ignore[arg-type]


def test_a_turn_lasts_from_the_callers_voice_to_the_answers_end() -> None:
    """Its stages are attributes, and points in time on it."""
    made = tree(
        *asked(3000),
        (3201, TurnDone(turn(), 3201)),
        (3201, AgentStarted("a1", "r1", 3250)),
        (5250, AgentStopped("a1", "r1", 2000, 2000, 5250)),
    )
    span = made.one("turn")
    assert lasts(span) == (1500, 5250)
    assert is_below(span, made.one("call"))
    assert noted(span) == [
        ("caller_stopped", 2500),
        ("turn_ended", 3000),
        ("first_audio", 3200),
        ("first_frame", 3201),
        ("heard", 3250),
    ]
    attributes = told(span)
    assert attributes["gateway.response_ms"] == 750.0
    assert attributes["gateway.gateway_ms"] == 1.0
    assert attributes["gateway.turn.kind"] == "reply"
    assert (attributes["gateway.heard_ms"], attributes["gateway.audio_ms"]) == (2000, 2000)
    assert attributes["gateway.interrupted"] is False
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.response.id"] == "r1"


def test_a_greeting_begins_when_it_was_asked_for() -> None:
    """Nobody spoke before it."""
    made = tree(
        (1000, TurnDone(turn(kind="greeting"), 1000)),
        (1000, AgentStarted("a1", "r1", 1049)),
        (2000, AgentStopped("a1", "r1", 951, 951, 2000)),
    )
    span = made.one("turn")
    assert lasts(span) == (799, 2000)
    assert noted(span)[0] == ("response_created", 799)
    assert "gateway.response_ms" not in told(span)


def test_an_answer_that_had_to_wait_has_no_first_audio() -> None:
    """What is not known is left out; the response time is known all the same."""
    made = tree(*asked(3000), (3500, TurnDone(turn(gateway_ms=None, response_ms=1049.0), 3500)))
    assert noted(made.one("turn")) == [
        ("caller_stopped", 2500),
        ("first_frame", 3500),
        ("heard", 3549),
    ]


def test_a_tool_belongs_to_the_turn_that_waits_for_it() -> None:
    """The answer is not there yet: the turn is open since the caller stopped."""
    made = tree(
        *asked(3000),
        (3100, ToolStarted("look", 3100, 1, "frontdesk", '{"secret": 1}')),
        (3900, ToolEnded("look", 800.0, 3900, 1, "secret")),
        (4200, TurnDone(turn(), 4200)),
    )
    tool = made.one("execute_tool")
    assert tool.name == "execute_tool look"
    assert lasts(tool) == (3100, 3900)
    assert is_below(tool, made.one("turn"))
    attributes = told(tool)
    assert attributes["gen_ai.operation.name"] == "execute_tool"
    assert attributes["gen_ai.tool.name"] == "look"
    assert attributes["gen_ai.agent.name"] == "frontdesk"
    assert "secret" not in str(attributes)


def test_a_turn_lasts_as_long_as_its_tools() -> None:
    """The answer was heard long ago, the next turn has begun: the tool still lies within."""
    made = tree(
        *asked(3000),
        (3201, TurnDone(turn(), 3201)),
        (3201, AgentStarted("a1", "r1", 3250)),
        (3300, ToolStarted("slow", 3300, 1)),
        (4250, AgentStopped("a1", "r1", 1000, 1000, 4250)),
        *asked(8000, "i2"),
        (8201, TurnDone(turn(2, response_id="r2"), 8201)),
        (9000, ToolEnded("slow", 5700.0, 9000, 1)),
    )
    first, second = made.spans("turn")
    assert is_below(made.one("execute_tool"), first)
    assert lasts(first) == (1500, 9000)
    assert lasts(second)[0] == 6500


def test_a_tool_before_any_turn_belongs_to_the_call() -> None:
    """And one that never answers ends with it."""
    made = tree((500, ToolStarted("look", 500, 1)))
    tool = made.one("execute_tool")
    assert is_below(tool, made.one("call"))
    assert lasts(tool) == (500, 20_000)
    assert told(tool)["gateway.unfinished"] is True


def test_what_the_caller_interrupts_says_so() -> None:
    """The interruption is noted on the turn that was cut off, and lies within it."""
    made = tree(
        (1000, TurnDone(turn(kind="greeting"), 1000)),
        (1000, AgentStarted("a1", "r1", 1049)),
        (2000, CallerStarted(2000, "i1", 1600)),
        (2001, AgentStopped("a1", "r1", 950, 4000, 2001)),
        (2003, BargeIn("caller", "a1", 950, 3050, 1, 0, 20.0, 0.4, 2003)),
        (4000, CallerStopped(4000, "i1", 3500)),
        (4201, TurnDone(turn(2, response_id="r2"), 4201)),
    )
    greeting, reply = made.spans("turn")
    assert ("barge_in", 2003) in noted(greeting)
    assert lasts(greeting) == (799, 2003)
    assert told(greeting)["gateway.interrupted"] is True
    assert lasts(reply)[0] == 1600


def test_a_sound_that_was_no_turn_makes_none() -> None:
    """It is noted, and the next turn does not begin with it."""
    made = tree(
        (1000, CallerStarted(1000, "i1", 900)),
        (1500, FalseAlarm(400.0, 1500)),
        *asked(5000, "i2"),
        (5201, TurnDone(turn(), 5201)),
    )
    assert lasts(made.one("turn"))[0] == 3500
    assert ("false.alarm", 1500) in noted(made.one("call"))


def test_who_speaks_again_before_the_answer_has_one_turn() -> None:
    """It begins with the first word."""
    made = tree(*asked(3000), *asked(6000, "i2"), (6201, TurnDone(turn(), 6201)))
    assert lasts(made.one("turn"))[0] == 1500


def test_a_caller_without_an_answer_has_a_turn_that_says_so() -> None:
    """It has no number: turns are counted by answers."""
    attributes = told(tree(*asked(3000)).one("turn"))
    assert attributes["gateway.unanswered"] is True
    assert "gateway.turn.number" not in attributes


def test_an_answer_begun_before_the_question_is_a_turn_beside_it() -> None:
    """What the agent says after a tool, while the caller already asks something else."""
    made = tree(
        *asked(3000),
        (3201, TurnDone(turn(), 3201)),
        *asked(6000, "i2"),
        (6100, TurnDone(turn(2, "follow_up", "r2"), 6100)),
        (6100, AgentStarted("a2", "r2", 6149)),
        (6500, AgentStopped("a2", "r2", 351, 351, 6500)),
        (7000, TurnDone(turn(3, "reply", "r3"), 7000)),
    )
    numbers = [told(each)["gateway.turn.number"] for each in made.spans("turn")]
    assert sorted(numbers) == [1, 2, 3]
    by_number = {told(each)["gateway.turn.number"]: each for each in made.spans("turn")}
    assert lasts(by_number[2]) == (5899, 6500)
    assert lasts(by_number[3])[0] == 4500


def test_tokens_are_those_of_the_turns_answers() -> None:
    """Of an answer without words (a tool was called), too; those of a transcription are not."""
    used = {"text_in": 10, "audio_in": 20, "audio_cached": 5, "text_out": 3, "audio_out": 4}
    made = tree(
        *asked(3000),
        (3100, UsageCounted("response", "r0", "m", used, 0.0, 0.01, 0.01, 3100)),
        (3201, TurnDone(turn(), 3201)),
        (3300, UsageCounted("transcription", "i1", "t", {"audio_in": 99}, 0.0, 0.5, 0.51, 3300)),
        (3400, UsageCounted("response", "r1", "m", used, 0.0, None, 0.51, 3400)),
    )
    attributes = told(made.one("turn"))
    assert attributes["gen_ai.usage.input_tokens"] == 70
    assert attributes["gen_ai.usage.output_tokens"] == 14
    assert attributes["gateway.cost_usd"] == 0.01


def test_after_a_handoff_turns_are_the_other_agents() -> None:
    """From its own answers on."""
    made = tree(
        *asked(3000),
        (3201, TurnDone(turn(), 3201)),
        (3400, Handoff("frontdesk", "booking", 3400)),
        *asked(8000, "i2"),
        (8201, TurnDone(turn(2, response_id="r2"), 8201)),
    )
    first, second = made.spans("turn")
    assert told(first)["gen_ai.agent.name"] == "frontdesk"
    assert told(second)["gen_ai.agent.name"] == "booking"
    assert ("handoff", 3400) in noted(first)


def test_words_go_to_their_turn_and_late_ones_to_the_call() -> None:
    """A transcript of a turn that is over is noted on the call, beside no other's words."""
    from gateway.core.events import AgentSpoke, CallerSpoke

    made = Tree(redact=lambda words, _asked: words)
    made.tell(
        *asked(3000),  # type: ignore[arg-type]
        (3150, AgentSpoke("a1", "It is")),
        (3201, TurnDone(turn(), 3201)),
        (3201, AgentStarted("a1", "r1", 3250)),
        (3300, CallerSpoke("i1", "Where is it?")),
        (3301, AgentSpoke("a1", "here.")),
        (4250, AgentStopped("a1", "r1", 1000, 1000, 4250)),
        *asked(8000, "i2"),  # type: ignore[arg-type]
        (8100, CallerSpoke("i1", "too late")),
        (8200, AgentSpoke("a9", "never heard")),
        (20_000, ENDED),
    )
    first, second = made.spans("turn")
    assert told(first)["gateway.pii.transcript.caller"] == "Where is it?"
    assert told(first)["gateway.pii.transcript.agent"] == "It is here."
    assert "gateway.pii.transcript.caller" not in told(second)
    assert noted(made.one("call")) == [("caller.spoke", 8100), ("agent.spoke", 20_000)]


def test_what_never_ends_is_bounded() -> None:
    """Items of which nothing more is heard, tools that never answer: the oldest are given up."""
    made = Tree()
    for number in range(1, 200):
        at = number * 1000.0
        made.tell(
            (at, TurnDone(turn(number, "greeting", f"r{number}"), at)),
            (at, AgentStarted(f"a{number}", f"r{number}", at)),
            (at, ToolStarted("stuck", at, number)),
        )
    ended = made.spans()
    assert len([each for each in ended if each.name == "execute_tool stuck"]) == 199 - MOST_TOOLS
    assert len([each for each in ended if each.name == "turn"]) >= 198 - MOST_WAITING
    made.call.close(made.call._begun_ns + 10**12)
    assert len(made.spans("turn")) == 199
