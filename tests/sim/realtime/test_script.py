"""Scripts load completely or not at all, and complaints name the file and the key."""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.sim.realtime.options import RealtimeOptions
from gateway.sim.realtime.script import Answer, Call, Script, Speech, load_script
from tests.sim.realtime.harness import LINES, SCRIPT, tone, write_script, write_voice

HEAD = 'name = "test"\nvoice = "tones"\n'


def load(folder: Path, text: str) -> Script:
    write_voice(folder)
    write_script(folder, text)
    return load_script(folder / "scripts", "test", folder / "speech")


def test_a_whole_script(tmp_path: Path) -> None:
    """Every table of the format ends up where it belongs."""
    script = load(tmp_path, SCRIPT)
    hello = Speech(LINES["hello"][0], tone(600, hz=300))
    assert script.greeting == Answer((hello,))
    first = script.turns[0]
    assert first.heard == "Where is my order?"
    assert first.parts[1] == Call("lookup_order", '{"order_id":"A-1042"}')
    assert [turn.heard for turn in script.turns] == ["Where is my order?", "Sorry?", "Thank you."]
    assert script.on_text[0].match.search("Caller pressed 5")
    assert set(script.after_tool) == {"lookup_order"}
    (after,) = script.after_tool["lookup_order"]
    assert after.match.search("")
    assert script.otherwise.parts


def test_the_shapes_of_an_answer(tmp_path: Path) -> None:
    """A list of lines is one message, items are several, calls may be many, failures are alone."""
    script = load(
        tmp_path,
        HEAD
        + """
        [[turn]]
        say = ["wait", "bye"]
        call = [{ name = "a" }, { name = "b", arguments = { x = 1 } }]
        instant = true
        [[turn]]
        items = [{ say = "wait" }, { say = ["bye", "else"] }]
        [[turn]]
        fail = "insufficient_quota"
        """,
    )
    both, several, failing = script.turns
    assert [type(part) for part in both.parts] == [Speech, Call, Call]
    assert both.parts[0] == Speech(
        "One moment, please. Goodbye.", tone(400, hz=350) + tone(300, hz=450)
    )
    assert both.parts[1:] == (Call("a", "{}"), Call("b", '{"x":1}'))
    assert both.instant
    assert both.tools == {"a", "b"}
    assert [part.text for part in several.parts if isinstance(part, Speech)] == [
        "One moment, please.",
        "Goodbye. Anything else?",
    ]
    assert failing == Answer(fail="insufficient_quota")


def test_answers_to_one_tool_are_told_apart_by_its_output(tmp_path: Path) -> None:
    """An array keeps its order; the last may do without `match` and then always answers."""
    script = load(
        tmp_path,
        HEAD
        + """
        [[after_tool.book]]
        match = "booked"
        say = "wait"
        [[after_tool.book]]
        say = "bye"
        [after_tool.look]
        match = "found"
        say = "else"
        """,
    )
    booked, other = script.after_tool["book"]
    assert [bool(booked.match.search(text)) for text in ("is booked", "no")] == [True, False]
    assert other.match.search("no")
    (found,) = script.after_tool["look"]
    assert not found.match.search("nothing")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('name = "x"\n', "voice: is missing"),
        ('name = 1\nvoice = "tones"\n', "name: must be a string"),
        (HEAD + "extra = 1\n", "extra: unknown key"),
        (HEAD + "greeting = 1\n", "greeting: must be a table"),
        (HEAD + '[greeting]\nsay = "nope"\n', "greeting.say: line 'nope' is not in"),
        (HEAD + "[greeting]\nsay = []\n", "greeting.say: must be a line name"),
        (HEAD + "[greeting]\nsay = 5\n", "greeting.say: must be a line name"),
        (HEAD + "[greeting]\n", "greeting.say: an answer has say"),
        (HEAD + '[greeting]\nsay = "wait"\nheard = "x"\n', "greeting.heard: unknown key"),
        (HEAD + '[[turn]]\nsay = "wait"\n[[turn]]\nsaid = "x"\n', "turn[2].said: unknown key"),
        (HEAD + '[[turn]]\nsay = "wait"\nheard = 1\n', "turn[1].heard: must be a string"),
        (HEAD + '[[turn]]\nsay = "wait"\ninstant = 1\n', "turn[1].instant: must be true or false"),
        (HEAD + '[[turn]]\nfail = "oops"\n', "turn[1].fail: must be one of server_error"),
        (HEAD + '[[turn]]\nfail = "rate_limit"\nsay = "wait"\n', "turn[1].say: an answer has"),
        (HEAD + '[[turn]]\nsay = "wait"\nitems = []\n', "turn[1].items: say and items exclude"),
        (HEAD + "[[turn]]\nitems = [{}]\n", "turn[1].items[1].say: is missing"),
        (HEAD + "[[turn]]\ncall = {}\n", "turn[1].call[1].name: is missing"),
        (HEAD + '[[turn]]\ncall = { name = "a", args = 1 }\n', "turn[1].call[1].args: unknown"),
        (HEAD + '[[turn]]\ncall = { name = "a", arguments = 1 }\n', "arguments: must be a table"),
        (HEAD + '[[on_text]]\nsay = "wait"\n', "on_text[1].match: is missing"),
        (HEAD + '[[on_text]]\nmatch = "("\nsay = "wait"\n', "match: is no regular expression"),
        (HEAD + '[after_tool.look]\nsay = "no"\n', "after_tool.look.say: line 'no'"),
        (HEAD + "after_tool = 1\n", "after_tool: must be a table"),
        (HEAD + "[after_tool]\nlook = 1\n", "after_tool.look: must be a table"),
        (
            HEAD + '[[after_tool.look]]\nsay = "wait"\n[[after_tool.look]]\nsay = "bye"\n',
            "after_tool.look[1].match: is missing; only the last",
        ),
        (HEAD + '[[after_tool.a]]\nmatch = "["\nsay = "bye"\n', "after_tool.a[1].match: is no"),
        ("name = \n", "at line 1"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, complaint: str) -> None:
    """One line with the file and the key, for every kind of mistake."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert complaint in str(caught.value)
    assert str(tmp_path / "scripts" / "test.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_missing(tmp_path: Path) -> None:
    """A script, a voice, a recording, or an empty recording."""
    write_voice(tmp_path)
    with pytest.raises(ConfigError, match=r"none\.toml: no such file"):
        load_script(tmp_path / "scripts", "none", tmp_path / "speech")
    with pytest.raises(ConfigError, match="named by letters"):
        load_script(tmp_path / "scripts", "../x", tmp_path / "speech")
    with pytest.raises(ConfigError, match=r"lines\.toml: no such file"):
        load(tmp_path, 'name = "x"\nvoice = "nobody"\n')
    write_script(tmp_path, SCRIPT)
    (tmp_path / "speech" / "tones" / "bye.ulaw").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"turn\[3\]\.say: .*bye\.ulaw is empty"):
        load_script(tmp_path / "scripts", "test", tmp_path / "speech")
    (tmp_path / "speech" / "tones" / "bye.ulaw").unlink()
    with pytest.raises(ConfigError, match=r"turn\[3\]\.say: cannot read"):
        load_script(tmp_path / "scripts", "test", tmp_path / "speech")


def packaged(name: str) -> Script:
    shipped = RealtimeOptions()
    return load_script(shipped.scripts_dir, name, shipped.speech_dir)


def test_every_packaged_script_is_whole() -> None:
    """Each loads, greets, knows what to say otherwise, and can hang up."""
    names = sorted(path.stem for path in RealtimeOptions().scripts_dir.glob("*.toml"))
    assert names == ["assistant", "frontdesk", "notary", "survey"]
    for script in map(packaged, names):
        assert script.greeting is not None
        assert script.otherwise.parts
        after = [entry.answer for entries in script.after_tool.values() for entry in entries]
        assert any("end_call" in answer.tools for answer in [*script.turns, *after])


def test_the_notary_says_what_it_must_not_after_something_harmless() -> None:
    """A look at the first hundred characters finds it, and the caller has not heard it by then."""
    advice = packaged("notary").turns[0].parts[0]
    assert isinstance(advice, Speech)
    at = advice.text.index("you should sue")
    assert 60 < at < 100 - len("you should sue")
    assert len(advice.text) > 150
    assert len(advice.payload) > 8 * 8000


def test_the_assistant_speaks_of_the_order() -> None:
    """The assistant greets, looks up the order, answers the interruption, and hangs up."""
    script = packaged("assistant")
    assert script.greeting is not None
    assert [sorted(turn.tools) for turn in script.turns] == [["lookup_order"], [], ["end_call"]]
    long = script.after_tool["lookup_order"][0].answer.parts[0]
    assert isinstance(long, Speech)
    assert len(long.payload) > 7 * 8000
    assert script.on_text[0].match.search("Caller pressed 1042")
    assert script.otherwise.parts
