"""The outbound clock's rule: at once, then a lead, whole frames, never dry and never too much."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.g711 import BYTES_PER_MS, FRAME_BYTES
from gateway.core.pacing import MESSAGE_MS, Pacing
from tests.core.carrier_model import Carrier, Desk, Habits, Way

_MESSAGE_BYTES = MESSAGE_MS * BYTES_PER_MS


def test_first_audio_leaves_at_once() -> None:
    """Whatever whole frames exist leave while the carrier holds nothing."""
    assert Pacing().grant(0.0, FRAME_BYTES) == FRAME_BYTES
    assert Pacing().grant(0.0, 100 * FRAME_BYTES) == _MESSAGE_BYTES


def test_less_than_a_frame_waits() -> None:
    """The carrier gets whole 20 ms frames."""
    assert Pacing().grant(0.0, FRAME_BYTES - 1) == 0
    assert Pacing().grant(0.0, FRAME_BYTES + 1) == FRAME_BYTES
    assert Pacing().grant(0.0, 0) == 0


def test_nothing_leaves_with_the_lead_reached() -> None:
    """The lead is a bound on what may be asked for, not an average."""
    pacing = Pacing(lead_ms=600)
    assert pacing.grant(600.0, 16000) == 0
    assert pacing.grant(599.9, 16000) == _MESSAGE_BYTES


@given(ahead_ms=st.floats(0, 2000), available=st.integers(0, 100_000), lead=st.integers(200, 5000))
def test_grants_are_whole_frames_within_a_message(
    ahead_ms: float, available: int, lead: int
) -> None:
    """A grant is whole frames, at most a message, at most what there is, never past the lead plus
    one message.
    """
    granted = Pacing(lead_ms=lead).grant(ahead_ms, available)
    assert 0 <= granted <= min(available, _MESSAGE_BYTES)
    assert granted % FRAME_BYTES == 0
    if granted:
        assert ahead_ms + granted / BYTES_PER_MS <= lead + MESSAGE_MS


@given(ahead_ms=st.floats(0, 10_000), lead=st.integers(200, 5000))
def test_at_its_due_time_more_may_leave(ahead_ms: float, lead: int) -> None:
    """Who waits as long as told is not sent away again."""
    pacing = Pacing(lead_ms=lead)
    later_ms = ahead_ms - pacing.wait_s(ahead_ms) * 1000
    assert pacing.grant(max(0.0, later_ms), FRAME_BYTES) == FRAME_BYTES
    assert pacing.wait_s(ahead_ms) <= max(0.0, ahead_ms - lead) / 1000 + 0.002


class _Counting(Desk):
    """Counts how often the pump ran."""

    pumps = 0

    def pump(self) -> None:
        self.pumps += 1
        super().pump()


@pytest.mark.parametrize("lead_ms", [200, 600, 1000])
@pytest.mark.parametrize("delay_ms", [0.0, 80.0])
@pytest.mark.parametrize("habits", [Habits(), Habits(mark_loss=1.0), Habits(marks_late_ms=3000)])
def test_carrier_never_runs_dry_and_never_holds_too_much(
    lead_ms: int, delay_ms: float, habits: Habits
) -> None:
    """With audio available and a steady network the carrier always has some, whatever its marks
    do, and never more than the lead plus one message.
    """
    carrier = Carrier(Way(delay_ms), Way(delay_ms), habits, seed=lead_ms)
    desk = _Counting(carrier, 0.0, Pacing(lead_ms=lead_ms))
    item, rng = desk.ledger.item("a"), random.Random(lead_ms)
    received, begin = 0, desk.now
    while received < 30 * 8000:
        size = rng.randrange(800, 3200)
        desk.play(item, bytes(size))
        received += size
        desk.run(desk.now + size / 8000 / 4.5)
    generated_s = desk.now - begin
    desk.finish(item)
    desk.run(desk.now + 32)
    assert carrier.dry == []
    assert len(carrier.accepted) == received + -received % FRAME_BYTES
    assert carrier.most_held_ms <= lead_ms + MESSAGE_MS
    assert max(desk.messages) <= _MESSAGE_BYTES
    assert all(size % FRAME_BYTES == 0 for size in desk.messages)
    assert desk.ledger.heard_bytes(desk.now) == len(carrier.accepted)
    assert generated_s < 10
    assert desk.pumps <= 1.2 * len(desk.messages), "hardly more than one look per message"


def test_slow_model_is_passed_on_as_it_speaks() -> None:
    """A model slower than speech has each delta played the moment it is a frame long."""
    carrier = Carrier(Way(30), Way(30))
    desk = Desk(carrier, 0.0)
    item = desk.ledger.item("a")
    for _ in range(20):
        desk.play(item, bytes(800))
        assert desk.ledger.queued == 0
        desk.run(desk.now + 0.150)
    assert [round((until - since) * 1000) for since, until in carrier.dry] == [50] * 19
