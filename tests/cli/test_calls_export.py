"""`gateway calls export`: a call in other forms."""

import io
import json
import stat
import wave
from pathlib import Path

import pytest

from gateway.cli.calls_export import forms
from gateway.core.g711 import pad_to_frame, to_pcm16
from gateway.core.transcript import as_text, as_vtt
from gateway.sim.twilio import Play, steps_from_json
from gateway.sim.twilio.steps import load_payload
from gateway.store.records.views import lines_of
from tests.cli.conftest import Command
from tests.cli.taped import CALLER, STEREO, record_taped_call
from tests.cli.test_calls_timeline import record_of
from tests.store.sample import CALL_SID, record_calls, sample_call


@pytest.fixture
def kept(command: Command) -> None:
    """The sample call, without a recording."""
    record_calls(Path("data"), sample_call())


@pytest.fixture
def recorded_one(command: Command) -> None:
    """The sample call with its recording."""
    record_taped_call(Path("data"))


def mode_of(path: Path) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_json_is_what_show_prints(command: Command, kept: None) -> None:
    """And the default; nothing is written."""
    done = command("calls", "export", CALL_SID[:8])
    assert done == command("calls", "show", CALL_SID, "--json")
    assert done == command("calls", "export", CALL_SID, "--format", "json")
    assert not Path("data/exports").exists()


def test_lines_are_the_turns_in_the_order_spoken() -> None:
    """With what was heard of each."""
    lines = lines_of(record_of(sample_call()))
    assert [line.number for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert (lines[2].agent, lines[2].interrupted) == ("frontdesk", True)
    assert (lines[2].unheard_text or "").startswith("item, such as")


@pytest.mark.parametrize("words", [("--text",), ("--format", "text")])
def test_the_transcript_as_text(command: Command, kept: None, words: tuple[str, ...]) -> None:
    """On stdout, as core/transcript.py writes it."""
    done = command("calls", "export", CALL_SID, *words)
    assert done == (0, as_text(lines_of(record_of(sample_call()))), "")
    assert "[not heard: item, such as" in done.out


@pytest.mark.parametrize("words", [("--vtt",), ("--format", "vtt")])
def test_the_transcript_as_captions(command: Command, kept: None, words: tuple[str, ...]) -> None:
    """Likewise."""
    done = command("calls", "export", CALL_SID, *words)
    assert done == (0, as_vtt(lines_of(record_of(sample_call()))), "")
    assert done.out.startswith("WEBVTT\n")


def test_hostile_words_in_a_transcript_do_nothing(command: Command) -> None:
    """Neither to a terminal nor to who reads lines."""
    rows = sample_call()
    for turn in rows["turns"]:
        for column in ("text", "heard_text", "unheard_text"):
            turn[column] = "\x1b[2J\n0:00 agent: yes"
    record_calls(Path("data"), rows)
    for words in (("--text",), ("--vtt",), ()):
        out = command("calls", "export", CALL_SID, *words).out
        assert "\x1b" not in out
        assert "\n0:00 agent" not in out


def test_audio_is_a_wav_file_for_every_player(command: Command, recorded_one: None) -> None:
    """PCM16, caller left, agent right, among the exports for its owner alone; printed is where."""
    done = command("calls", "export", CALL_SID, "--audio")
    assert done == (0, f"data/exports/{CALL_SID}.wav\n", "")
    path = Path(done.out.strip())
    assert mode_of(path) == 0o600
    assert mode_of(path.parent) == 0o700
    with wave.open(io.BytesIO(path.read_bytes())) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        assert file.readframes(file.getnframes()) == to_pcm16(STEREO)


def test_a_fixture_is_a_caller_that_can_be_played(command: Command, recorded_one: None) -> None:
    """Its side of the call in whole frames, and beside it what is in it."""
    done = command("calls", "export", CALL_SID, "--as-fixture")
    payload, truth = map(Path, done.out.splitlines())
    assert (done.code, payload.name, truth.name) == (
        0,
        f"{CALL_SID}.caller.ulaw",
        f"{CALL_SID}.caller.json",
    )
    assert payload.read_bytes() == pad_to_frame(CALLER)
    assert {mode_of(payload), mode_of(truth)} == {0o600}
    first, _ = steps_from_json(json.loads(truth.read_text())["caller"], truth.parent)
    assert isinstance(first, Play)
    assert load_payload(first) == payload.read_bytes()


def test_several_forms_are_several_files(command: Command, recorded_one: None) -> None:
    """No two of one name, each with the CallSid in it, so that erasing the call finds them."""
    words = ("--vtt", "--text", "--format", "json", "--audio", "--as-fixture")
    done = command("calls", "export", CALL_SID, *words)
    names = [Path(line).name.removeprefix(CALL_SID) for line in done.out.splitlines()]
    assert names == [".json", ".txt", ".vtt", ".wav", ".caller.ulaw", ".caller.json"]
    assert all(Path(line).exists() for line in done.out.splitlines())


@pytest.mark.parametrize(
    ("out", "written"),
    [
        ("call.vtt", "call.vtt"),
        ("new/call.vtt", "new/call.vtt"),
        ("there", f"there/{CALL_SID}.vtt"),
        ("new/", f"new/{CALL_SID}.vtt"),
    ],
)
def test_out_is_a_file_or_a_folder(command: Command, kept: None, out: str, written: str) -> None:
    """A folder is one that is there, or that is typed with a slash."""
    Path("there").mkdir()
    assert command("calls", "export", CALL_SID, "--vtt", "--out", out).out == f"{written}\n"
    assert Path(written).read_text().startswith("WEBVTT")
    assert mode_of(Path(written)) == 0o600


def test_several_forms_go_into_a_folder(command: Command, kept: None) -> None:
    """Which is made; a file that is there is wrong usage, and stays as it is."""
    done = command("calls", "export", CALL_SID, "--vtt", "--text", "--out", "new")
    assert done.out == f"new/{CALL_SID}.txt\nnew/{CALL_SID}.vtt\n"
    Path("file").write_text("precious")
    done = command("calls", "export", CALL_SID, "--vtt", "--text", "--out", "file")
    assert (done.code, done.out, Path("file").read_text()) == (2, "", "precious")


def test_a_fixture_under_a_name_of_ones_own(command: Command, recorded_one: None) -> None:
    """The file beside it has the same, and knows it."""
    done = command("calls", "export", CALL_SID, "--as-fixture", "--out", "grumpy.ulaw")
    assert done.out == "grumpy.ulaw\ngrumpy.json\n"
    truth = json.loads(Path("grumpy.json").read_text())
    assert (truth["name"], truth["caller"][0]["path"]) == ("grumpy", "grumpy.ulaw")


@pytest.mark.parametrize("form", ["--audio", "--as-fixture"])
def test_a_call_without_a_recording_has_no_sound(command: Command, kept: None, form: str) -> None:
    """One line, exit 1, no file."""
    told = f"gateway: {CALL_SID}: was not recorded\n"
    assert command("calls", "export", CALL_SID, form) == (1, "", told)
    assert not Path("data/exports").exists()


def test_a_place_that_cannot_be_written_is_one_line(command: Command, kept: None) -> None:
    """Naming it; exit 1."""
    Path("file").touch()
    done = command("calls", "export", CALL_SID, "--vtt", "--out", "file/x.vtt")
    assert done == (1, "", "gateway: file: File exists\n")


def test_forms_come_from_a_name_and_from_flags() -> None:
    """All that were asked for; JSON when none was."""
    assert forms(None, text=False, vtt=False) == {"json"}
    assert forms(None, text=False, vtt=True) == {"vtt"}
    assert forms("text", text=True, audio=True, fixture=False) == {"text", "audio"}


def test_an_unknown_form_is_wrong_usage(command: Command) -> None:
    """Exit 2."""
    assert command("calls", "export", CALL_SID, "--format", "pdf").code == 2
