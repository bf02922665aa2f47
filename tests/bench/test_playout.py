"""The caller's ear keeps the truth of what was heard."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.playout import Placement, PlayoutBuffer
from bench.stamps import BYTE_NS

MS = 1_000_000
T0 = 1_000_000_000


def test_audio_is_played_in_real_time() -> None:
    """Eight bytes a millisecond, from the moment of arrival, until nothing is left."""
    ear = PlayoutBuffer()
    ear.append(T0, 1600)
    assert ear.position(T0) == 0
    assert ear.position(T0 + 50 * MS) == 400
    assert ear.position(T0 + 50 * MS + BYTE_NS - 1) == 400
    assert ear.position(T0 + 200 * MS) == 1600
    assert ear.position(T0 + 900 * MS) == 1600


def test_a_dry_buffer_starts_anew_and_says_how_long_it_was_dry() -> None:
    """Silence is not caught up: audio that comes late is played from its arrival."""
    ear = PlayoutBuffer()
    ear.append(T0, 800)
    assert ear.append(T0 + 60 * MS, 800) == 0
    assert ear.append(T0 + 230 * MS, 800) == 30 * MS
    assert ear.position(T0 + 240 * MS) == 1680


def test_a_mark_returns_when_the_audio_before_it_was_played() -> None:
    """Not one byte earlier; in an empty buffer at once."""
    ear = PlayoutBuffer()
    assert ear.mark(T0, "empty") == T0
    assert ear.played_marks(T0) == ["empty"]
    ear.append(T0, 800)
    assert ear.mark(T0, "first") == T0 + 100 * MS
    ear.append(T0, 800)
    assert ear.mark(T0 + MS, "second") == T0 + 200 * MS
    assert ear.played_marks(T0 + 100 * MS - 1) == []
    assert ear.played_marks(T0 + 100 * MS) == ["first"]
    assert ear.played_marks(T0 + 200 * MS) == ["second"]


def test_clear_empties_the_buffer_and_returns_its_marks() -> None:
    """What was not heard is gone, its marks come back, later audio is played at once."""
    ear = PlayoutBuffer()
    ear.append(T0, 1600)
    ear.mark(T0, "end")
    assert ear.clear(T0 + 50 * MS) == (400, ["end"])
    assert ear.cleared == 1200
    assert ear.played_marks(T0 + 900 * MS) == []
    ear.append(T0 + 60 * MS, 800)
    assert ear.outstanding(T0 + 110 * MS) == 400


def test_clear_of_an_empty_buffer_changes_nothing() -> None:
    """Nothing is cleared when everything was heard."""
    ear = PlayoutBuffer()
    ear.append(T0, 80)
    assert ear.clear(T0 + 500 * MS) == (80, [])
    assert ear.cleared == 0


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.sampled_from(["audio", "clear"]), st.integers(1, 4000)),
        max_size=30,
    )
)
def test_every_byte_is_played_waiting_or_cleared(steps: list[tuple[int, str, int]]) -> None:
    """Played + outstanding + cleared = appended, and a byte is never un-played."""
    ear, now, played = PlayoutBuffer(), T0, 0
    for wait_ms, kind, length in steps:
        now += wait_ms * MS
        if kind == "audio":
            ear.append(now, length)
        else:
            ear.clear(now)
        heard = ear.appended - ear.outstanding(now) - ear.cleared
        assert heard >= played
        played = heard


def test_heard_is_told_per_item() -> None:
    """The position in the stream becomes bytes of each item, capped at what the item has."""
    placement = Placement()
    placement.put(0, 0, 0)
    placement.put(160, 0, 160)
    placement.put(400, 1, 0)
    placement.put(560, 1, 160)
    assert placement.heard(200, 0, 400) == 200
    assert placement.heard(200, 1, 800) == 0
    assert placement.heard(600, 0, 390) == 390
    assert placement.heard(600, 1, 800) == 200


def test_padding_behind_an_item_is_not_heard_as_the_item() -> None:
    """Silence after the last byte adds nothing to it."""
    placement = Placement()
    placement.put(0, 0, 0)
    assert placement.heard(320, 0, 250) == 250
