"""The micro benchmark: it times what it says, and every part of it can be called at will."""

import pytest
from rich.console import Console

from bench import micro
from gateway.core import transcode


@pytest.mark.parametrize("name", micro.operations())
def test_every_operation_can_be_called_again_and_again(name: str) -> None:
    """What is timed does not run dry and does not fail."""
    operation = micro.operations()[name]
    for _ in range(3):
        operation()


@pytest.mark.parametrize("name", ["A-law", "16-bit samples"])
def test_conversions_are_timed_on_whole_frames(name: str) -> None:
    """In the steady state a frame goes in and a frame comes out."""
    operations = micro.operations()
    encode = operations[f"{name}: encode a 20 ms frame"]
    decode = operations[f"{name}: decode a 20 ms frame"]
    encode()
    decode()
    encoded, decoded = encode(), decode()
    assert isinstance(encoded, bytes)
    assert isinstance(decoded, bytes)
    assert len(encoded) == (160 if name == "A-law" else 960)
    assert len(decoded) == 160


def test_the_format_of_the_line_has_no_conversion_to_time() -> None:
    """Mu-law passes untouched, which costs nothing."""
    assert transcode.encoder("audio/pcmu") is None
    with pytest.raises(ValueError, match="needs no conversion"):
        micro._conversions("mu-law", "audio/pcmu", b"")


def test_figures_are_microseconds_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every operation has its line in the table."""
    monkeypatch.setattr(micro, "_microseconds", lambda operation: 12.5 if operation else 0.0)
    figures = micro.measure()
    console = Console(record=True, width=120)
    micro.print_table(console, figures)
    shown = console.export_text()
    assert set(figures) == set(micro.operations())
    assert all(name in shown for name in figures)
    assert "12.50" in shown
