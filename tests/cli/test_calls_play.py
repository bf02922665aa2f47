"""`gateway calls play`: a recording on loudspeakers, of which there are none here."""

import importlib
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from gateway.cli import calls_play
from gateway.cli.calls_play import one_side, play, speaker
from gateway.core.g711 import to_pcm16
from gateway.errors import GatewayError
from tests.cli.conftest import Command
from tests.cli.taped import AGENT, CALLER, STEREO, record_taped_call
from tests.store.sample import CALL_SID, record_calls, sample_call

Write = Callable[[bytes], None]


@pytest.fixture
def played(command: Command, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the loudspeakers got of a call whose recording begins at 0.9 s."""
    parts: list[bytes] = []

    @contextmanager
    def deaf() -> Iterator[Write]:
        yield parts.append

    monkeypatch.setattr(calls_play, "speaker", deaf)
    record_taped_call(Path("data"))
    return parts


def test_a_recording_is_played_whole(command: Command, played: list[bytes]) -> None:
    """Caller left, agent right, in pieces of 100 ms; a pipe gets no progress."""
    assert command("calls", "play", CALL_SID[:8]) == (0, "", "")
    assert b"".join(played) == to_pcm16(STEREO)
    assert {len(part) for part in played[:-1]} == {3200}


@pytest.mark.parametrize(
    ("from_s", "skipped_ms"), [("0", 0), ("0.5", 0), ("0.9", 0), ("1.2", 300), ("1.9", 1000)]
)
def test_a_moment_is_one_of_the_call(
    command: Command, played: list[bytes], from_s: str, skipped_ms: int
) -> None:
    """As `show` counts: the recording may have begun later than the call."""
    assert command("calls", "play", CALL_SID, "--from", from_s).code == 0
    assert b"".join(played) == to_pcm16(STEREO[16 * skipped_ms :])


def test_a_moment_behind_the_end_is_one_line(command: Command, played: list[bytes]) -> None:
    """Which says where the end is."""
    told = "gateway: --from: the recording ends at 0:01.9\n"
    assert command("calls", "play", CALL_SID, "--from", "2") == (1, "", told)
    assert played == []


@pytest.mark.parametrize(("option", "side"), [("--left", CALLER), ("--right", AGENT)])
def test_one_side_alone_is_on_both_ears(
    command: Command, played: list[bytes], option: str, side: bytes
) -> None:
    """The caller is left, the agent right."""
    assert command("calls", "play", CALL_SID, option).code == 0
    both = bytes(byte for byte in side for _ in range(2))
    assert b"".join(played) == to_pcm16(both)
    assert one_side(STEREO, "left" if side is CALLER else "right") == both


@pytest.mark.parametrize("words", [("--left", "--right"), ("--from", "-1"), ("--from", "x")])
def test_wrong_usage_is_exit_2(command: Command, words: tuple[str, ...]) -> None:
    """Before anything is looked for."""
    assert command("calls", "play", CALL_SID, *words).code == 2


def test_a_call_without_a_recording_is_one_line(command: Command) -> None:
    """And no loudspeakers are needed to find out."""
    record_calls(Path("data"), sample_call())
    told = f"gateway: {CALL_SID}: was not recorded\n"
    assert command("calls", "play", CALL_SID) == (1, "", told)


def terminal() -> tuple[Console, io.StringIO]:
    """A terminal, and what is seen on it."""
    file = io.StringIO()
    return Console(file=file, force_terminal=True, width=60), file


def test_a_terminal_shows_where_in_the_call_it_is() -> None:
    """From where it began to the end."""
    out, file = terminal()
    play(lambda _: None, STEREO, 900.0, out)
    assert "0:01.9" in file.getvalue()


def test_ctrl_c_stops() -> None:
    """At once, and that is fine."""
    parts: list[bytes] = []

    def write(part: bytes) -> None:
        if len(parts) == 2:
            raise KeyboardInterrupt
        parts.append(part)

    out, file = terminal()
    play(write, STEREO, 0.0, out)
    assert len(parts) == 2
    assert "stopped" in file.getvalue()


class Refused(Exception):
    """What PortAudio raises."""


class Stream:
    """Stands for sounddevice's stream, which takes everything."""

    def __init__(self, rate: int, *, channels: int, dtype: str) -> None:
        if rate == 0:
            raise Refused
        self.shape = (rate, channels, dtype)
        self.parts: list[bytes] = []

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.parts.append(b"closed")

    def write(self, part: bytes) -> bool:
        """Takes it; True when it came too late for the last one."""
        self.parts.append(part)
        return False


def test_the_device_gets_16_bit_stereo(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is closed in the end."""
    streams: list[Stream] = []

    def opened(*words: Any, **options: Any) -> Stream:
        streams.append(Stream(*words, **options))
        return streams[0]

    fake = SimpleNamespace(RawOutputStream=opened, PortAudioError=Refused)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    with speaker() as write:
        write(b"1234")
    assert streams[0].shape == (8000, 2, "int16")
    assert streams[0].parts == [b"1234", b"closed"]


def refusing(error: Exception) -> Callable[[str], Any]:
    """An import that fails so."""

    def fail(_name: str) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (ModuleNotFoundError("sounddevice"), "sounddevice: pip install -e '.[audio]'"),
        (OSError("PortAudio library not found"), "PortAudio: apt install libportaudio2"),
    ],
)
def test_what_is_missing_is_named(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    hint: str,
) -> None:
    """With how to install it, and what works without; exit 1."""
    record_taped_call(Path("data"))
    monkeypatch.setattr(importlib, "import_module", refusing(error))
    done = command("calls", "play", CALL_SID)
    assert (done.code, done.out) == (1, "")
    assert f"gateway: playing needs {hint}" in done.err
    assert "gateway calls export ID --audio" in done.err


def test_a_machine_without_loudspeakers_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """In PortAudio's own words."""

    def refuse(*_words: Any, **_options: Any) -> Any:
        raise Refused("no output device")

    fake = SimpleNamespace(RawOutputStream=refuse, PortAudioError=Refused)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    told = r"^cannot play on this machine: no output device"
    with pytest.raises(GatewayError, match=told), speaker():
        pass
