"""What is known of a run while it runs."""

from gateway.ops.load.board import Board
from gateway.ops.load.record import Wait
from gateway.ops.load.target import Usage
from tests.ops.load.records import a_call, a_failed_call, a_pulse


def usage(at_s: float, cpu_s: float) -> Usage:
    """What a process had used by then."""
    return Usage(at_s, cpu_s, rss_mb=100.0, fds=50, fds_most=1000)


def test_pulses_add_up() -> None:
    """Calls and waits of all; what is up of the latest pulse of each worker."""
    board = Board()
    board.hear(a_pulse(a_call(1), up=3))
    second = a_pulse(a_failed_call(2), up=4)
    second.worker, second.turned_away, second.connecting = 1, 2, 1
    board.hear(second)
    board.hear(a_pulse(up=1))
    assert (board.up, board.connecting, board.failed, board.turned_away) == (5, 1, 1, 2)
    assert len(board.records) == 2
    assert board.spread("turn").count == 1
    assert board.spread("frame_late").max_ms == 30
    assert board.spread("clock_late").count == board.clock.total == 3000


def test_one_late_worker_makes_the_run_late() -> None:
    """However many others were in time."""
    board = Board()
    board.hear(a_pulse(late={0: 100_000}))
    late = a_pulse(late={2000: 100})
    late.worker = 1
    board.hear(late)
    assert board.late
    board.look(1.0, None, None)
    assert board.moments[-1].clock_late_p99_ms == 20


def test_a_moment_is_what_happened_since_the_last() -> None:
    """CPU as cores, waits of the last seconds."""
    board = Board()
    board.hear(a_pulse(a_call(1, up_s=1, turn_ms=700)))
    board.look(7.0, usage(100.0, 5.0), None)
    board.hear(a_pulse())
    board.look(20.0, usage(102.0, 6.0), usage(102.0, 1.0))
    first, second = board.moments
    assert (first.turn_p95_ms, first.cpu, first.memory_mb, first.fds) == (700, None, 100, 50)
    assert (second.turn_p95_ms, second.cpu, second.model_cpu) == (None, 0.5, None)
    assert second.generator_cpu == 0
    assert board.fd_share == 0.05


def test_waits_are_told_under_their_figures_names() -> None:
    """Whatever workers call them."""
    board = Board()
    pulse = a_pulse()
    pulse.waits = {"late": [Wait(1.0, 5.0)], "answer": [Wait(1.0, 400.0)]}
    board.hear(pulse)
    assert board.spread("frame_late").count == board.spread("answer").count == 1
