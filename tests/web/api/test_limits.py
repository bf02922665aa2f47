"""How often may be tried: freely at first, then later and later; nobody is remembered for ever."""

from gateway.web.api.limits import FORGET_S, Backoff


class Clock:
    """Time by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_some_tries_are_free_and_then_they_cost() -> None:
    """Each wait is twice the one before, up to the longest; others wait for nothing."""
    clock = Clock()
    tries = Backoff(free=3, longest_s=20, now=clock)
    waits = []
    for _ in range(8):
        clock.now += tries.wait_s("a")
        assert tries.wait_s("a") == 0
        tries.tried("a")
        waits.append(tries.wait_s("a"))
    assert waits == [0, 0, 1, 2, 4, 8, 16, 20]
    assert tries.wait_s("b") == 0


def test_a_wait_passes() -> None:
    """To the moment."""
    clock = Clock()
    tries = Backoff(free=1, longest_s=20, now=clock)
    tries.tried("a")
    clock.now += 0.75
    assert tries.wait_s("a") == 0.25
    clock.now += 0.25
    assert tries.wait_s("a") == 0


def test_many_at_once_are_counted_at_once() -> None:
    """What comes of the first is not waited for."""
    tries = Backoff(free=2, longest_s=20, now=Clock())
    tries.tried("a")
    tries.tried("a")
    assert tries.wait_s("a") > 0


def test_who_was_right_has_not_tried() -> None:
    """Their try is taken back, those before it are not: nobody washes off guesses so."""
    tries = Backoff(free=3, longest_s=20, now=Clock())
    for _ in range(5):
        tries.tried("a")
        tries.was_right("a")
    assert tries.wait_s("a") == 0
    for _ in range(2):
        tries.tried("a")
    tries.tried("a")
    tries.was_right("a")
    assert tries.wait_s("a") == 0
    tries.tried("a")
    assert tries.wait_s("a") == 1
    tries.was_right("never seen")


def test_time_and_success_forget() -> None:
    """An hour without a try, or being forgiven."""
    clock = Clock()
    tries = Backoff(free=2, longest_s=20, now=clock)
    for _ in range(6):
        tries.tried("a")
    clock.now += FORGET_S + 21
    tries.tried("a")
    assert tries.wait_s("a") == 0
    for _ in range(6):
        tries.tried("a")
    tries.forget("a")
    assert tries.wait_s("a") == 0


def test_memory_is_bounded() -> None:
    """Who was not seen for longest is forgotten first; numbers grow without breaking."""
    tries = Backoff(free=1, longest_s=20, room=3, now=Clock())
    for key in ("a", "b", "c", "a", "d"):
        tries.tried(key)
    assert len(tries) == 3
    assert tries.wait_s("b") == 0
    assert tries.wait_s("a") == 2
    for _ in range(2000):
        tries.tried("a")
    assert tries.wait_s("a") == 20
