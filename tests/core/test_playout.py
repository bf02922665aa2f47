"""How exactly the heard position is known, and what the estimate may never do.

The accuracy tests interrupt simulated calls and compare what the ledger claims with what the
carrier had played when the ``clear`` reached it. Delays are one way, jitter is evenly distributed
on top of them and drawn for every message, in the direction(s) named. The figures of ``_TABLE``
are milliseconds of |error|: half of the interruptions (p50), 95 of 100 (p95), the worst of all.
Part of the error nothing can avoid: the ``clear`` itself is delayed by a jitter nobody foresees.
"""

import dataclasses
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from gateway.core.playout import CarrierClock, Playout
from tests.core.carrier_model import Carrier, Desk, Habits, Way

_START = 1000.0


# The estimate, step by step


def _sent(ms: int = 1000, now: float = 0.0) -> tuple[Playout, int]:
    """A playout with one piece of audio just sent, and the number of the mark behind it."""
    playout = Playout()
    playout.audio_sent(ms * 8, now)
    return playout, playout.mark_sent(now)


def _probed(rtt_s: float = 0.1) -> Playout:
    """A playout that knows its round trip."""
    playout = Playout()
    probe = playout.mark_sent(-10.0)
    playout.mark_returned(probe, -10.0 + rtt_s)
    return playout


def test_without_any_word_of_the_carrier_time_tells() -> None:
    """With equal travel times the heard position is the time since the write."""
    playout, _ = _sent(1000)
    assert [playout.heard(t) for t in (0.0, 0.25, 1.0, 9.0)] == [0, 2000, 8000, 8000]


def test_bytes_are_heard_when_they_have_sounded() -> None:
    """A byte that is still sounding is not heard."""
    playout, _ = _sent(1000)
    assert playout.heard(0.1 + 0.9 / 8000) == 800


def test_the_end_is_known_before_and_after_it_is_heard() -> None:
    """Half a round trip after it is played; a ``clear`` is an end too."""
    playout = _probed(0.1)
    ends = [playout.ends_at]
    playout.audio_sent(8000, 2.0)
    ends.append(playout.ends_at)
    playout.heard(9.0)
    ends.append(playout.ends_at)
    playout.audio_sent(8000, 10.0)
    playout.cleared(10.5)
    ends.append(playout.ends_at)
    assert ends == [float("-inf"), pytest.approx(3.05), pytest.approx(3.05), pytest.approx(10.55)]


def test_heard_never_falls() -> None:
    """What was once said to be heard stays heard, whatever is learned later."""
    playout = _probed(0.1)
    playout.audio_sent(1600, 0.0)
    mark = playout.mark_sent(0.0)
    playout.audio_sent(8000, 0.0)
    assert playout.heard(0.6) == 4800
    playout.mark_returned(mark, 0.7)
    assert playout.heard(0.7) == 4800
    assert playout.heard(2.0) == 9600


def test_a_returned_mark_proves_what_is_before_it() -> None:
    """However little time has passed, the audio before a returned mark was heard."""
    playout, mark = _sent(1000)
    assert playout.mark_returned(mark, 0.1)
    assert playout.confirmed == 8000
    assert playout.heard(0.1) == 8000


def test_unknown_and_doubled_marks_change_nothing() -> None:
    """A mark counts once, and only when it was sent."""
    playout, mark = _sent(1000)
    assert not playout.mark_returned(mark + 1, 0.5)
    assert playout.heard(0.5) == 4000
    assert playout.mark_returned(mark, 1.0)
    assert not playout.mark_returned(mark, 1.1)
    assert playout.marks_outstanding == 0


def test_marks_of_a_cleared_generation_are_void() -> None:
    """A ``clear`` returns all waiting marks; none of them says anything about hearing."""
    playout, mark = _sent(1000)
    assert playout.cleared(0.25) == 2000
    assert playout.generation == 1
    assert not playout.mark_returned(mark, 0.3)
    assert (playout.sent, playout.heard(0.3), playout.confirmed) == (0, 0, 0)


def test_numbers_are_not_used_again_after_a_clear() -> None:
    """An old mark cannot pass for a new one."""
    playout, mark = _sent(1000)
    playout.cleared(0.1)
    assert playout.mark_sent(0.1) > mark


def test_lost_marks_are_settled_by_later_ones() -> None:
    """When a later mark comes back, the earlier ones are not waited for."""
    playout = Playout()
    numbers = []
    for _ in range(4):
        playout.audio_sent(1600, 0.0)
        numbers.append(playout.mark_sent(0.0))
    assert playout.mark_returned(numbers[2], 0.7)
    assert playout.marks_outstanding == 1
    assert not playout.mark_returned(numbers[1], 0.8)


def test_marks_that_never_return_are_not_collected() -> None:
    """A carrier that returns no marks costs no memory."""
    playout = Playout()
    for n in range(10_000):
        playout.audio_sent(1600, n * 0.2)
        playout.mark_sent(n * 0.2)
    assert playout.marks_outstanding <= 256
    assert playout.heard(10_000 * 0.2) == playout.sent


def test_probe_measures_the_round_trip() -> None:
    """A mark sent into an empty buffer comes back after one round trip."""
    playout = Playout()
    assert playout.rtt_s == 0.0
    playout.mark_returned(playout.mark_sent(5.0), 5.08)
    assert playout.rtt_s == pytest.approx(0.08)


def test_round_trip_follows_a_longer_route() -> None:
    """After three probes over a longer route the old round trip is forgotten."""
    playout = _probed(0.1)
    for n in range(3):
        playout.mark_returned(playout.mark_sent(float(n)), n + 0.15)
    assert playout.rtt_s == pytest.approx(0.15)


def test_round_trip_of_a_delayed_probe_is_corrected_by_the_next_frame() -> None:
    """The frame behind a probe knows how much of the round trip was inbound jitter."""
    playout = Playout()
    for n in range(10):
        playout.frame(155 + 20 * n, 0.02 * n + 0.02)
    probe = playout.mark_sent(0.2)
    playout.mark_returned(probe, 0.3)
    playout.frame(155 + 20 * 11, 0.3)
    assert playout.rtt_s == pytest.approx(0.04)


def test_lateness_is_seen_at_the_first_late_mark() -> None:
    """A mark later than a frame can explain moves the estimate at once."""
    playout = _probed(0.1)
    playout.audio_sent(1600, 0.0)
    mark = playout.mark_sent(0.0)
    playout.audio_sent(16000, 0.0)
    for n in range(40):
        playout.frame(20 * n, 0.02 * n)
    playout.mark_returned(mark, 0.79)
    assert playout.lateness_s == pytest.approx(0.485, abs=0.011)
    assert playout.heard(0.79) == pytest.approx((0.79 - 0.485) * 8000, abs=90)


def test_small_delays_of_marks_are_not_believed() -> None:
    """Inbound jitter within a frame does not move the estimate."""
    playout = _probed(0.1)
    playout.audio_sent(1600, 0.0)
    mark = playout.mark_sent(0.0)
    for n in range(15):
        playout.frame(20 * n, 0.02 * n + 0.01)
    playout.mark_returned(mark, 0.305)
    assert playout.lateness_s == 0.0


def test_stalled_inbound_way_is_not_lateness() -> None:
    """A mark that waited together with the caller's frames was on time."""
    playout = _probed(0.1)
    playout.audio_sent(1600, 0.0)
    mark = playout.mark_sent(0.0)
    playout.audio_sent(16000, 0.0)
    for n in range(10):
        playout.frame(20 * n, 0.02 * n)
    for n in range(10, 16):  # stalled since 0.2, they all come at 0.9, the mark among them
        playout.frame(20 * n, 0.9)
    playout.mark_returned(mark, 0.9)
    playout.frame(320, 0.9)
    assert playout.lateness_s == pytest.approx(0.0, abs=0.021)


def test_silence_makes_up_for_lateness() -> None:
    """Audio after a pause starts on time, as far as the pause was long enough."""
    playout = _probed(0.1)
    playout.audio_sent(1600, 0.0)
    playout.mark_returned(playout.mark_sent(0.0), 0.6)
    late = playout.lateness_s
    assert late == pytest.approx(0.285)
    playout.audio_sent(1600, 0.3)
    assert playout.lateness_s == pytest.approx(late - 0.1)
    playout.audio_sent(1600, 5.0)
    assert playout.lateness_s == 0.0
    assert playout.heard(5.1) == 4000


def test_late_mark_from_before_a_silence_says_nothing_after_it() -> None:
    """A mark of the answer before, returning late, does not make the new answer late."""
    playout = _probed(0.1)
    playout.audio_sent(1600, 0.0)
    mark = playout.mark_sent(0.0)
    playout.audio_sent(8000, 1.0)
    playout.mark_returned(mark, 1.1)
    assert playout.lateness_s == pytest.approx(0.0, abs=0.001)


def test_stall_is_seen_while_it_lasts() -> None:
    """Frames go on, marks do not come: the claim stops near what the carrier can have played."""
    playout = _probed(0.1)
    for _ in range(5):
        playout.audio_sent(1600, 0.0)
        playout.mark_sent(0.0)
    for n in range(100):
        playout.frame(20 * n, 0.02 * n)
        playout.heard(0.02 * n) if n == 10 else None
    assert playout.heard(1.98) <= (0.2 + 0.1 + 0.05) * 8000
    assert playout.uncertainty_ms > 1000
    assert playout.ahead_ms(1.98) == 0.0, "sending goes on by plan"


def test_one_lost_mark_is_no_stall() -> None:
    """A missing mark is not held against the playout before the next one should have come."""
    playout = _probed(0.1)
    for _ in range(3):
        playout.audio_sent(1600, 0.0)
        playout.mark_sent(0.0)
    for n in range(25):
        playout.frame(20 * n, 0.02 * n)
    assert playout.heard(0.5) == 4000


def test_vanished_marks_are_given_up() -> None:
    """A carrier that stops returning marks altogether is judged by time again."""
    playout = _probed(0.1)
    playout.audio_sent(1600, 0.0)
    playout.mark_sent(0.0)
    playout.audio_sent(8 * 3600, 0.0)
    for n in range(150):
        playout.frame(20 * n, 0.02 * n)
    assert playout.heard(3.0) == 24000


def test_late_marks_never_stop_the_sending() -> None:
    """However late the marks say the playout is, sending allows for less than the least lead."""
    playout = _probed(0.1)
    playout.audio_sent(1600, 0.0)
    mark = playout.mark_sent(0.0)
    playout.audio_sent(4800, 0.0)
    playout.mark_returned(mark, 5.0)
    assert playout.lateness_s > 4
    assert playout.ahead_ms(5.0) <= 150


def test_audio_behind_a_full_buffer_is_heard_later() -> None:
    """Written audio is heard after what is buffered and half a round trip."""
    playout = _probed(0.1)
    assert playout.starts_at(1.0) == pytest.approx(1.05)
    playout.audio_sent(8000, 1.0)
    assert playout.starts_at(1.0) == pytest.approx(2.05)
    assert not playout.idle(1.99)
    assert playout.idle(2.0)


# The carrier's clock


def test_clock_takes_the_least_delayed_frame() -> None:
    """Jitter only ever delays, so the smallest offset is the true one."""
    clock = CarrierClock()
    assert clock.latest_arrival() == float("inf")
    for n, jitter in enumerate((0.03, 0.0, 0.05)):
        clock.frame(155 + 20 * n, 100.0 + 0.02 * n + jitter)
    assert clock.latest_arrival() == pytest.approx(100.04)
    assert clock.last_timestamp_s == pytest.approx(0.195)


def test_clock_follows_drift() -> None:
    """A carrier clock that is slow by 50 ppm is still known to a millisecond after an hour."""
    clock = CarrierClock()
    for second in range(3600):
        clock.frame(1000 * second, 100.0 + second * 1.00005)
    assert clock.latest_arrival() == pytest.approx(100.0 + 3599 * 1.00005, abs=0.0011)


@pytest.mark.parametrize("timestamps", [[155] * 9, [155, 100_000, *range(175, 315, 20)]])
def test_timestamps_that_do_not_run_are_no_clock(timestamps: list[int]) -> None:
    """A carrier with senseless timestamps is judged by arrivals alone."""
    playout = Playout()
    probe = playout.mark_sent(0.0)
    for n, timestamp_ms in enumerate(timestamps):
        playout.frame(timestamp_ms, 0.02 * n)
        if n == 5:
            playout.mark_returned(probe, 0.1)
    assert playout.rtt_s == pytest.approx(0.1)
    assert not playout.carrier_clock.flowing(0.16)


def test_clock_knows_when_frames_stop() -> None:
    """A muted caller sends no frames; timestamps then tell nothing about marks."""
    clock = CarrierClock()
    assert not clock.flowing(5.0)
    clock.frame(155, 5.0)
    assert clock.flowing(5.05)
    assert not clock.flowing(5.5)


# Accuracy


@dataclass(frozen=True)
class _Scene:
    """Calls of a kind, and when in them the agent is cut off."""

    delay_ms: tuple[float, float] = (50.0, 50.0)
    jitter_ms: tuple[float, float] = (10.0, 10.0)
    habits: Habits = field(default_factory=Habits)
    calls: int = 20
    answers: int = 5
    cut_after_s: tuple[float, float] = (1.0, 7.0)
    speed: float = 4.5
    """Audio is generated so much faster than it is spoken."""
    stall_s: tuple[float, float] | None = None
    """The outbound way stalls in every answer for so long."""
    cut_in_stall: bool = False
    muted: bool = False
    """No caller frames around each answer."""
    there_steps: tuple[tuple[float, float], ...] = ()
    """From these times on the outbound way takes so many ms more."""
    listened_s: float = 2.0
    """Caller frames before the first answer."""


class _Call:
    """One simulated call; yields the error of each interruption, ms (positive: claims too much),
    with the width the gateway itself states.
    """

    def __init__(self, scene: _Scene, seed: int) -> None:
        self.scene = scene
        self.rng = random.Random(1000 + seed)
        self.stalls: list[tuple[float, float]] = []
        self.mutes: list[tuple[float, float]] = []
        there = Way(scene.delay_ms[0], scene.jitter_ms[0], self.stalls, scene.there_steps)
        back = Way(scene.delay_ms[1], scene.jitter_ms[1])
        habits = dataclasses.replace(scene.habits, mute=self.mutes)
        self.carrier = Carrier(there, back, habits, seed=seed, start=_START)
        self.desk = Desk(self.carrier, _START)

    def errors(self) -> Iterator[tuple[float, float]]:
        self.desk.run(_START + self.scene.listened_s)
        for n in range(self.scene.answers):
            yield self._answer(n)

    def _answer(self, n: int) -> tuple[float, float]:
        desk, rng = self.desk, self.rng
        cut_at = self._plan()
        item = desk.ledger.item(f"item{n}", 0, "r")
        deltas = self._deltas(desk.now, rng.uniform(8, 12))
        for at, size in deltas:
            if at >= cut_at:
                break
            desk.run(at)
            desk.play(item, bytes(size))
        desk.run(cut_at)
        before = desk.ledger.heard_before
        cut = desk.clear()
        claimed = desk.ledger.heard_before - before
        desk.run(cut_at + rng.uniform(2.5, 4))
        heard = [0, *(clear.heard for clear in self.carrier.clears)]
        return (claimed - (heard[-1] - heard[-2])) / 8, cut.uncertainty_ms

    def _plan(self) -> float:
        """Decides when this answer is cut off, and what happens on the way there."""
        scene, rng, now = self.scene, self.rng, self.desk.now
        cut_at = now + rng.uniform(*scene.cut_after_s)
        if scene.stall_s is not None:
            begin = now + rng.uniform(0.3, 1.5)
            end = begin + rng.uniform(*scene.stall_s)
            self.stalls.append((begin, end))
            cut_at = rng.uniform(begin + 0.8, end) if scene.cut_in_stall else end + cut_at - now
        if scene.muted:
            self.mutes.append((now - 0.5, cut_at + 0.5))
        return cut_at

    def _deltas(self, at: float, length_s: float) -> Iterator[tuple[float, int]]:
        """When the model's deltas arrive and how large they are, irregular and not aligned."""
        rng = self.rng
        while length_s > 0:
            size = rng.randrange(700, 3200)
            yield at, size
            length_s -= size / 8000
            at += size / 8000 / self.scene.speed * rng.uniform(0.8, 1.2)


def _between(there_ms: float, back_ms: float, jitter_ms: float) -> _Scene:
    return _Scene((there_ms, back_ms), (jitter_ms, jitter_ms))


def _cold(jitter_ms: float) -> _Scene:
    """Cut off before the first mark of the call came back."""
    jitters = (jitter_ms, jitter_ms)
    return _Scene(jitter_ms=jitters, calls=100, answers=1, cut_after_s=(0.02, 0.25))


_STALL = (0.9, 1.6)  # the lead is 0.6 s

_TABLE: dict[str, tuple[_Scene, tuple[int, int, int]]] = {
    # one-way delays out/back ± jitter, in the middle of an answer
    "0/0 ± 0": (_between(0, 0, 0), (0, 0, 0)),
    "20/20 ± 0": (_between(20, 20, 0), (0, 0, 0)),
    "50/50 ± 0": (_between(50, 50, 0), (0, 0, 0)),
    "80/80 ± 0": (_between(80, 80, 0), (0, 0, 0)),
    "10/70 ± 0": (_between(10, 70, 0), (0, 0, 0)),
    "70/10 ± 0": (_between(70, 10, 0), (0, 0, 0)),
    "0/0 ± 10": (_between(0, 0, 10), (3, 8, 10)),
    "20/20 ± 10": (_between(20, 20, 10), (3, 8, 10)),
    "50/50 ± 10": (_between(50, 50, 10), (3, 8, 10)),
    "80/80 ± 10": (_between(80, 80, 10), (3, 8, 10)),
    "10/70 ± 10": (_between(10, 70, 10), (3, 8, 10)),
    "70/10 ± 10": (_between(70, 10, 10), (3, 8, 10)),
    "0/0 ± 30": (_between(0, 0, 30), (8, 24, 29)),
    "20/20 ± 30": (_between(20, 20, 30), (9, 24, 29)),
    "50/50 ± 30": (_between(50, 50, 30), (8, 22, 29)),
    "80/80 ± 30": (_between(80, 80, 30), (8, 24, 29)),
    "10/70 ± 30": (_between(10, 70, 30), (9, 24, 29)),
    "70/10 ± 30": (_between(70, 10, 30), (8, 23, 29)),
    # 50/50 from here on
    "jitter 10 out only": (_Scene(jitter_ms=(10, 0)), (3, 8, 10)),
    "jitter 30 out only": (_Scene(jitter_ms=(30, 0)), (8, 22, 29)),
    "jitter 10 back only": (_Scene(jitter_ms=(0, 10)), (0, 0, 0)),
    "jitter 30 back only": (_Scene(jitter_ms=(0, 30)), (0, 0, 0)),
    "first answer ± 10": (_Scene(calls=100, answers=1), (3, 8, 10)),
    "cold start ± 10": (_cold(10), (4, 8, 9)),
    "cold start ± 30": (_cold(30), (11, 23, 28)),
    "drift +50 ppm ± 10": (_Scene(habits=Habits(drift_ppm=50), listened_s=60), (3, 7, 9)),
    "drift -50 ppm ± 10": (_Scene(habits=Habits(drift_ppm=-50), listened_s=60), (3, 7, 9)),
    "model too slow ± 0": (_Scene(jitter_ms=(0, 0), speed=0.9), (0, 0, 0)),
    "model too slow ± 10": (_Scene(speed=0.9), (3, 8, 10)),
    "model as fast as speech ± 10": (_Scene(speed=1.0), (3, 8, 9)),
    "after a stall ± 0": (_Scene(jitter_ms=(0, 0), stall_s=_STALL), (5, 10, 10)),
    "after a stall ± 10": (_Scene(stall_s=_STALL), (4, 10, 14)),
    "after a stall ± 30": (_Scene(jitter_ms=(30, 30), stall_s=_STALL), (9, 23, 30)),
    "caller muted ± 10": (_Scene(muted=True), (3, 8, 9)),
    "caller muted ± 30": (_Scene(jitter_ms=(30, 30), muted=True), (10, 25, 28)),
    "caller muted, after a stall ± 10": (_Scene(muted=True, stall_s=_STALL), (9, 16, 17)),
    "20 ms ticks ± 0": (_Scene(jitter_ms=(0, 0), habits=Habits(ticks=True)), (10, 19, 20)),
    "ticks, early marks ± 10": (_Scene(habits=Habits(ticks=True, early_marks=True)), (7, 18, 26)),
    "cleared marks dropped ± 10": (_Scene(habits=Habits(returns_cleared=False)), (3, 8, 10)),
    "5 % of marks lost ± 10": (_Scene(habits=Habits(mark_loss=0.05)), (3, 9, 381)),
    "half the marks doubled ± 10": (_Scene(habits=Habits(mark_doubling=0.5)), (3, 7, 9)),
    "no marks at all ± 10": (_Scene(habits=Habits(mark_loss=1.0)), (2, 8, 9)),
}
_BEYOND: dict[str, tuple[_Scene, tuple[int, int, int]]] = {
    # what nothing on the wire can tell in time
    "20 ms ticks ± 10": (_Scene(habits=Habits(ticks=True)), (11, 22, 28)),
    "in the middle of a stall ± 10": (
        _Scene(stall_s=(1.2, 1.6), cut_in_stall=True),
        (322, 551, 566),
    ),
    "marks up to 40 ms late ± 10": (_Scene(habits=Habits(marks_late_ms=40)), (16, 35, 45)),
    "30 % of marks lost ± 10": (_Scene(habits=Habits(mark_loss=0.3)), (4, 390, 773)),
    "way out 50 ms longer from the 3rd answer on ± 10": (
        _Scene(there_steps=((_START + 18, 50),), answers=10, calls=10),
        (5, 50, 56),
    ),
}


def _measure(scene: _Scene) -> tuple[tuple[float, float, float], float]:
    """(p50, p95, max) of |error|, and the share of errors within the stated width."""
    errors = [error for seed in range(scene.calls) for error in _Call(scene, seed).errors()]
    sizes = sorted(abs(error) for error, _ in errors)
    within = sum(abs(error) <= width for error, width in errors) / len(errors)
    p50, p95 = (sizes[int(share * len(sizes))] for share in (0.5, 0.95))
    return (p50, p95, sizes[-1]), within


@pytest.mark.parametrize("name", [*_TABLE, *_BEYOND])
def test_accuracy(name: str) -> None:
    """The heard position when the ``clear`` arrives is as exact as the table says."""
    scene, stated = (_TABLE | _BEYOND)[name]
    measured, within = _measure(scene)
    assert measured == pytest.approx(stated, abs=0.6)
    assert within >= 0.9 or name in _BEYOND, "the width the gateway states is honest"


def test_stated_accuracy_is_within_a_frame() -> None:
    """Up to 10 ms of jitter p95 is at most 20 ms, in every scene of the table."""
    for name, (scene, (_, p95, _)) in _TABLE.items():
        assert p95 <= (20 if max(scene.jitter_ms) <= 10 else 30), name


def test_the_carriers_clock_reads_any_moment() -> None:
    """By the frame that had the shortest way; nothing is known before the first one."""
    clock = CarrierClock()
    assert clock.timestamp_s(5.0) is None
    clock.frame(1000, 5.05)
    clock.frame(1020, 5.03)
    assert clock.timestamp_s(6.01) == pytest.approx(2.0)
