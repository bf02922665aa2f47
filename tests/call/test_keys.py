"""Key presses become groups by `#`, by a pause, or not at all when the call is over."""

import asyncio

import pytest

from gateway.call.keys import Keys
from gateway.core.dtmf import DigitGroup
from tests.call.watching import Chronicle


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause of a moment ends a group."""
    monkeypatch.setattr("gateway.call.keys.DigitGroup", lambda: DigitGroup(gap_s=0.03))


@pytest.mark.asyncio
async def test_a_hash_ends_a_group_at_once() -> None:
    """Digits up to `#` are one group, without the `#`."""
    groups: Chronicle[str] = Chronicle()
    keys = Keys(groups.add)
    for digit in "1042#77":
        keys.press(digit)
    assert groups.rows == ["1042"]
    keys.stop()


@pytest.mark.asyncio
@pytest.mark.usefixtures("quick")
async def test_a_pause_ends_a_group() -> None:
    """Without `#` the pause does it, once, and the next digits begin a new group."""
    groups: Chronicle[str] = Chronicle()
    keys = Keys(groups.add)
    keys.press("4")
    keys.press("2")
    await groups.until(lambda rows: rows == ["42"])
    keys.press("7")
    await groups.until(lambda rows: rows == ["42", "7"])


@pytest.mark.asyncio
@pytest.mark.usefixtures("quick")
async def test_each_press_starts_the_pause_anew() -> None:
    """There is one timer, that of the newest digit."""
    groups: Chronicle[str] = Chronicle()
    keys = Keys(groups.add)
    timers = set()
    for digit in "123":
        keys.press(digit)
        assert keys._timer is not None
        timers.add(keys._timer)
    assert sum(not timer.cancelled() for timer in timers) == 1
    await groups.until(lambda rows: rows == ["123"])


@pytest.mark.asyncio
@pytest.mark.usefixtures("quick")
async def test_after_stop_no_group_comes() -> None:
    """A group that was not finished when the call ended is forgotten."""
    groups: Chronicle[str] = Chronicle()
    stopped, live = Keys(groups.add), Keys(groups.add)
    stopped.press("1")
    stopped.stop()
    live.press("2")
    await groups.until(bool)
    await asyncio.sleep(0)
    assert groups.rows == ["2"]
    stopped.stop()


@pytest.mark.asyncio
@pytest.mark.usefixtures("quick")
async def test_digits_that_are_taken_are_told_to_nobody() -> None:
    """An unfinished group goes to whoever takes it, once; its pause ends nothing any more."""
    groups: Chronicle[str] = Chronicle()
    keys, later = Keys(groups.add), Keys(groups.add)
    assert keys.take() == ""
    keys.press("4")
    keys.press("2")
    assert (keys.take(), keys.take()) == ("42", "")
    later.press("7")
    await groups.until(bool)
    assert groups.rows == ["7"]


@pytest.mark.asyncio
async def test_keys_show_no_digit() -> None:
    """Neither the keys nor their group tell a digit when they are printed."""
    keys = Keys(lambda _: None)
    keys.press("7")
    assert "7" not in repr(keys).partition(" at 0x")[0]
    assert "7" not in repr(keys._group)
    keys.stop()
