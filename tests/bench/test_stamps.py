"""Stamped audio is recognised whatever a gateway does to its packaging."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from bench.stamps import (
    FRAME_BYTES,
    FrameCount,
    Stamp,
    StampReader,
    end_base64,
    head_base64,
    read_frame,
    stamped_frame,
    tail,
)
from gateway.core.g711 import from_pcm16, to_pcm16

STAMPS = [int(Stamp(owner=700, item=n, seq=40 + n)) for n in range(8)]
AUDIO = b"".join(stamped_frame(stamp) for stamp in STAMPS)


def cut(audio: bytes, sizes: list[int]) -> list[bytes]:
    """`audio` in pieces of these sizes, the rest as the last piece."""
    pieces = []
    for size in sizes:
        pieces.append(audio[:size])
        audio = audio[size:]
    return [*pieces, audio]


@given(
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
)
def test_a_stamp_survives_g711_and_base64(owner: int, item: int, seq: int) -> None:
    """A frame decoded to linear audio, encoded again, sent as base64 still carries its number."""
    stamp = Stamp(owner, item, seq)
    coded = from_pcm16(to_pcm16(stamped_frame(int(stamp))))
    frame = base64.b64decode(base64.b64encode(coded))
    assert read_frame(frame) == int(stamp)
    assert Stamp.unpack(int(stamp)) == stamp


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF))
def test_a_frame_is_made_in_halves(owner: int, item: int, seq: int) -> None:
    """What callers write is the base64 of the same frame."""
    whole = base64.b64encode(stamped_frame(int(Stamp(owner, item, seq))))
    assert head_base64(owner, item) + end_base64(seq) == whole


@given(st.lists(st.integers(1, 700), max_size=12))
def test_frames_are_found_in_pieces_of_any_size(sizes: list[int]) -> None:
    """However a gateway batches or cuts the stream, each frame is found once, at its offset."""
    reader, found = StampReader(), []
    for piece in cut(AUDIO, sizes):
        found += reader.feed(piece)
    assert found == [(stamp, n * FRAME_BYTES) for n, stamp in enumerate(STAMPS)]
    assert reader.stray == 0


@given(st.lists(st.integers(1, 700), max_size=12), st.integers(1, 400))
def test_padding_and_tails_are_told_from_frames(sizes: list[int], padding: int) -> None:
    """Silence and item ends between frames are counted as what they are, and hide no frame."""
    audio = AUDIO + tail(73) + b"\xff" * padding + AUDIO
    reader, found = StampReader(), []
    for piece in cut(audio, sizes):
        found += reader.feed(piece)
    assert [stamp for stamp, _ in found] == STAMPS * 2
    assert found[len(STAMPS)][1] == len(AUDIO) + 73 + padding
    assert (reader.tails, reader.stray) == (73, padding)


def test_two_broken_frames_never_make_a_whole_one() -> None:
    """Where a piece of the stream is missing, no frame is invented from the halves."""
    first, second = stamped_frame(STAMPS[0]), stamped_frame(STAMPS[1])
    for missing in range(10, FRAME_BYTES, 10):
        reader = StampReader()
        found = reader.feed(first[:missing] + second + AUDIO)
        assert [stamp for stamp, _ in found] == [STAMPS[1], *STAMPS]
        assert reader.stray == missing


def test_what_was_cut_off_is_not_continued() -> None:
    """After a flush the rest of a half frame is stray, and offsets go on."""
    reader = StampReader()
    assert reader.feed(AUDIO[: FRAME_BYTES + 50]) == [(STAMPS[0], 0)]
    reader.flush()
    assert reader.feed(AUDIO[:FRAME_BYTES]) == [(STAMPS[0], FRAME_BYTES + 50)]
    assert reader.stray == 50


def test_a_perfect_stream_loses_nothing() -> None:
    """Frames in order are neither lost nor doubled nor reordered."""
    count = FrameCount()
    for seq in range(50):
        count.arrived(seq)
    assert (count.lost(50), count.doubled, count.reordered) == (0, 0, 0)


def test_lost_doubled_and_reordered_frames_are_told_apart() -> None:
    """A hole is lost, a repetition doubled, a late arrival reordered and not lost."""
    count = FrameCount()
    for seq in (0, 1, 3, 2, 4, 4, 7):
        count.arrived(seq)
    assert (count.lost(), count.doubled, count.reordered) == (2, 1, 1)


def test_frames_missing_at_the_end_are_lost_too() -> None:
    """What was sent and never came counts as lost when it is owed."""
    count = FrameCount()
    for seq in range(7):
        count.arrived(seq)
    assert count.lost(10) == 3
    assert count.lost(None) == 0
