"""What callers do, from files."""

import json
from collections import Counter
from pathlib import Path

import pytest

from gateway.cli.calls_fixture import fixture_of
from gateway.errors import ConfigError
from gateway.ops.load.ear import is_audible
from gateway.ops.load.fixtures import Fixture, Mix, default_fixtures, load_fixture, load_fixtures
from gateway.ops.load.sound import load_sound
from gateway.sim.twilio.steps import HangUp, Pause, Play, WaitForAgent, WaitForSilence, WaitUntil

CALLS = Path(__file__).parents[2] / "fixtures" / "calls"
LOUD = b"\x10\x90" * 80


def test_the_package_has_callers_of_its_own() -> None:
    """They speak, hang up, and one interrupts."""
    found = load_fixtures([])
    assert found == default_fixtures()
    for fixture in found:
        assert isinstance(fixture.steps[-1], HangUp)
        assert all(step.payload for step in fixture.steps if isinstance(step, Play))


def test_a_recording_waits_for_the_greeting_and_its_answer(tmp_path: Path) -> None:
    """And hangs up."""
    path = tmp_path / "hello.ulaw"
    path.write_bytes(LOUD)
    fixture = load_fixture(path)
    assert fixture.name == "hello"
    kinds = [type(step) for step in fixture.steps]
    assert kinds == [WaitForAgent, WaitForSilence, Play, WaitForAgent, WaitForSilence, HangUp]


def test_an_exported_call_is_a_caller(tmp_path: Path) -> None:
    """What `calls export --as-fixture` writes is played as it is."""
    record = {"call": {"call_sid": "CA1", "recording_from_ms": 0.0}, "turns": []}
    (tmp_path / "one.caller.ulaw").write_bytes(LOUD * 10)
    exported = fixture_of(record, LOUD * 10, "one.caller.ulaw")
    (tmp_path / "one.caller.json").write_text(json.dumps(exported))
    (fixture,) = load_fixtures([str(tmp_path)])
    assert fixture.name == "one.caller"
    assert fixture.steps == (Play(payload=LOUD * 10), HangUp())


def test_a_timeline_is_steps(tmp_path: Path) -> None:
    """Speak at, pause, press keys: a list, or under `caller`."""
    steps = [{"step": "wait_until", "at_ms": 900}, {"step": "pause", "ms": 20}]
    (tmp_path / "a.json").write_text(json.dumps(steps))
    (tmp_path / "b.json").write_text(json.dumps({"caller": steps}))
    assert load_fixture(tmp_path / "a.json").steps == (WaitUntil(900), Pause(20))
    assert load_fixture(tmp_path / "b.json").steps == (WaitUntil(900), Pause(20))


def test_a_folder_is_all_its_callers(tmp_path: Path) -> None:
    """Without what a timeline plays, descriptions of recordings, and other files."""
    (tmp_path / "one.ulaw").write_bytes(LOUD)
    (tmp_path / "one.json").write_text(json.dumps({"words": "hello"}))
    (tmp_path / "spoken.ulaw").write_bytes(LOUD)
    (tmp_path / "two.json").write_text(json.dumps([{"step": "play", "path": "spoken.ulaw"}]))
    (tmp_path / "README.md").write_text("")
    found = load_fixtures([str(tmp_path), f"{tmp_path / 'one.ulaw'}=3"])
    assert [(each.name, each.weight) for each in found] == [("one", 0.5), ("two", 0.5), ("one", 3)]


def test_the_recorded_callers_of_the_tests_can_be_played() -> None:
    """All of them."""
    found = load_fixtures([str(CALLS)])
    assert {path.stem for path in CALLS.glob("*.ulaw")} == {each.name for each in found}


def test_a_mix_keeps_its_weights() -> None:
    """The same number and seed have the same caller; many numbers have the weights."""
    mix = Mix([Fixture("often", (), 3.0), Fixture("seldom", (), 1.0)], seed=7)
    names = [mix.choose(number).name for number in range(1000)]
    assert names == [mix.choose(number).name for number in range(1000)]
    assert 680 < Counter(names)["often"] < 820


def test_who_stays_says_everything_again() -> None:
    """From the first word on, without the greeting, the hour or the hanging up."""
    play = Play(payload=LOUD)
    fixture = Fixture("a", (WaitForAgent(300), WaitUntil(500), play, WaitUntil(900), HangUp()))
    assert fixture.staying == fixture.steps[:-1]
    assert fixture.again == (WaitForSilence(700), play)
    assert Fixture("quiet", (Pause(100), HangUp())).again == ()


@pytest.mark.parametrize("name", ["order_question", "noisy_question", "very_noisy_question"])
def test_the_last_voiced_frame_is_the_end_of_the_words(name: str) -> None:
    """Within 100 ms of the truth about the recording, on a noisy line too."""
    truth = json.loads((CALLS / f"{name}.json").read_text())["speech"][-1]["to_ms"]
    fixture = load_fixture(CALLS / f"{name}.ulaw")
    payload = load_sound(CALLS / f"{name}.ulaw")
    voiced = [
        start
        for start in range(0, len(payload), 160)
        if is_audible(payload[start : start + 160], fixture.voiced_rms)
    ]
    assert abs((voiced[-1] + 160) / 8 - truth) <= 100


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", "{", "no JSON"),
        ("a.json", "{}", "neither a list of steps"),
        ("a.json", "[]", "no step"),
        ("a.json", "[1]", "every step is an object"),
        ("a.json", '[{"step": "sing"}]', "caller step 1"),
        ("a.json", '[{"step": "wait_until"}]', "a field is missing"),
        ("a.json", '[{"step": "play", "path": "none.ulaw"}]', "none.ulaw: No such file"),
    ],
)
def test_a_wrong_timeline_is_named(tmp_path: Path, name: str, content: str, said: str) -> None:
    """The file, and what is wrong in it."""
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=said):
        load_fixtures([str(tmp_path / name)])


@pytest.mark.parametrize("place", ["nowhere", "nowhere=2", "{}=0", "{}=x", "{}=inf"])
def test_a_wrong_place_is_named(tmp_path: Path, place: str) -> None:
    """What was typed."""
    path = tmp_path / "a.ulaw"
    path.write_bytes(LOUD)
    with pytest.raises(ConfigError, match="--fixtures"):
        load_fixtures([place.format(path)])


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    """Nobody is in it."""
    with pytest.raises(ConfigError, match="there is no"):
        load_fixtures([str(tmp_path)])
