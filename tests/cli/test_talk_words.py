"""What is said in a call, as lines: each once, when it will not change any more."""

from typing import Any

import pytest

from gateway.cli.talk_words import Words, line_of


def entry(n: int, kind: str, **fields: Any) -> dict[str, Any]:
    """One of the timeline's."""
    return {"n": n, "at_ms": 0.0, "kind": kind, **fields}


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (entry(1, "caller", text="Hello"), "you: Hello"),
        (entry(1, "agent", agent="faq", text="Hi", cut=False), "faq: Hi"),
        (
            entry(1, "agent", agent="faq", text="Hi", cut=True, heard_ms=1234),
            "faq: Hi  [cut off after 1.2 s]",
        ),
        (entry(1, "barge_in", cause="caller"), "  · interrupted: you spoke"),
        (entry(1, "tool", tool="look_up", duration_ms=50.0), "  · look_up took 0.1 s"),
        (entry(1, "tool", tool="look_up", duration_ms=None), "  · look_up did not end"),
        (entry(1, "handoff", from_agent="a", to_agent="b"), "  · a handed over to b"),
        (
            entry(1, "transfer", what="failed", destination="desk", status="busy"),
            "  · transfer failed to desk busy",
        ),
        (entry(1, "keys", count=2), "  · 2 keys pressed"),
        (entry(1, "turn"), ""),
        (entry(1, "something new"), ""),
    ],
)
def test_an_entry_in_words(told: dict[str, Any], line: str) -> None:
    """What is not shown is no line."""
    assert line_of(told) == line


def test_a_line_is_said_once_and_when_it_is_settled() -> None:
    """What the agent says when it was heard, or somebody speaks after it."""
    said: list[str] = []
    words = Words(said.append)
    words.hear([entry(1, "agent", agent="a", text=None)])
    words.hear([entry(1, "agent", agent="a", text="Hel")])
    words.hear([entry(2, "tool", tool="t", duration_ms=None)])
    assert said == []
    words.hear([entry(1, "agent", agent="a", text="Hello.", heard_text="Hello.")])
    words.hear([entry(1, "agent", agent="a", text="Hello.", heard_text="Hello.")])
    assert said == ["a: Hello."]
    words.hear([entry(2, "tool", tool="t", duration_ms=1000.0), entry(3, "caller", text=None)])
    words.hear([entry(3, "caller", text="Yes"), entry(4, "agent", agent="a", text="Fi")])
    assert said[1:] == ["  · t took 1.0 s", "you: Yes"]
    words.finish()
    assert said[3:] == ["a: Fi"]
