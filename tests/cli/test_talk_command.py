"""What can be typed after `gateway talk`."""

import importlib
from types import SimpleNamespace

import pytest

from tests.cli.conftest import Command
from tests.ports import free_port


def test_devices_are_listed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the library names them."""
    found = SimpleNamespace(query_devices=lambda: "0 Microphone\n1 Loudspeaker")
    monkeypatch.setattr(importlib, "import_module", lambda _name: found)
    assert command("talk", "--list-devices") == (0, "0 Microphone\n1 Loudspeaker\n", "")


def test_wrong_words_are_told(command: Command) -> None:
    """With the option, or the file."""
    assert command("talk", "--called", "555").err.startswith("gateway: --called: 555 is no number")
    done = command("talk", "--input", "nothing.wav", "--output", "out.wav")
    assert (done.code, done.err) == (2, "gateway: nothing.wav: No such file or directory\n")


def test_without_a_gateway_it_is_said_how_to_have_one(command: Command) -> None:
    """Nothing has to be set for it."""
    with open("hello.ulaw", "wb") as file:
        file.write(b"\xff" * 160)
    url = f"http://127.0.0.1:{free_port()}"
    done = command("talk", "--input", "hello.ulaw", "--output", "o.wav", "--gateway", url)
    assert done.code == 1
    assert done.err.startswith(f"gateway: no gateway answers at {url} (")
    assert done.err.endswith("start one with `gateway serve --offline`\n")
