"""Tracks: joined on one clock, written as stereo."""

import wave
from pathlib import Path

from gateway.sim.twilio.tracks import joined, write_stereo


def test_streams_stand_where_they_were_in_time() -> None:
    """The silence between two streams is part of the track; no stream is an empty track."""
    assert joined([]) == b""
    assert joined([(5.0, b"\1" * 8), (5.01, b"\2" * 8)]) == b"\1" * 8 + b"\xff" * 72 + b"\2" * 8


def test_overlapping_streams_lose_nothing() -> None:
    """A stream that begins before the last one's track ends follows it."""
    assert joined([(5.0, b"\1" * 80), (5.005, b"\2" * 8)]) == b"\1" * 80 + b"\2" * 8


def test_the_shorter_track_ends_in_silence(tmp_path: Path) -> None:
    """Both channels have the length of the longer one."""
    write_stereo(tmp_path / "x.wav", b"\x00" * 160, b"")
    with wave.open(str(tmp_path / "x.wav"), "rb") as file:
        assert file.getnframes() == 160
        samples = memoryview(file.readframes(160)).cast("h")
    assert set(samples[1::2]) == {0}
    assert 0 not in samples[0::2]
