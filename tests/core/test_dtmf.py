"""Key presses become groups: by `#`, by a pause, or by length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.dtmf import DigitGroup

_KEYS = "0123456789*ABCD"


def test_hash_ends_a_group_and_is_not_part_of_it() -> None:
    """`12#` is the answer 12, and nothing is left waiting."""
    group = DigitGroup()
    assert [group.press(digit, now=i / 10) for i, digit in enumerate("12#")] == [None, None, "12"]
    assert group.due() is None
    assert group.expire(100.0) is None


def test_a_pause_ends_a_group() -> None:
    """The gap counts from the last press, and its very end is over."""
    group = DigitGroup(gap_s=2.0)
    group.press("4", now=10.0)
    group.press("2", now=11.5)
    assert group.due() == 13.5
    assert group.expire(13.4) is None
    assert group.expire(13.5) == "42"
    assert group.expire(20.0) is None
    assert group.due() is None


def test_the_longest_group_ends_itself() -> None:
    """Endless pressing yields groups of the longest length."""
    group = DigitGroup(longest=3)
    pressed = [group.press(digit, now=0.1) for digit in "1234567"]
    assert pressed == [None, None, "123", None, None, "456", None]


def test_a_single_hash_is_an_answer() -> None:
    """With nothing waiting, `#` is what the caller said."""
    group = DigitGroup()
    assert group.press("#", now=0.0) == "#"
    assert group.due() is None


def test_a_star_is_a_digit_like_others() -> None:
    """`*` and the letters of a military keypad do not end a group."""
    group = DigitGroup()
    assert [group.press(digit, now=0.0) for digit in "*A5D#"] == [None] * 4 + ["*A5D"]


def test_a_late_timer_does_not_merge_two_answers() -> None:
    """A press after the pause finishes the old group first and begins the next."""
    group = DigitGroup(gap_s=2.0)
    group.press("1", now=0.0)
    assert group.press("2", now=5.0) == "1"
    assert group.due() == 7.0
    assert group.press("#", now=5.5) == "2"


def test_a_late_hash_only_ends_the_old_group() -> None:
    """The `#` belongs to the digits before it, however late it is."""
    group = DigitGroup(gap_s=2.0)
    group.press("1", now=0.0)
    assert group.press("#", now=5.0) == "1"
    assert group.due() is None


@pytest.mark.parametrize("digit", ["", "12", "a", "E", " ", "\u0661", "\n"])
def test_other_keys_are_refused(digit: str) -> None:
    """A carrier that invents keys is refused without showing them, and changes nothing."""
    group = DigitGroup()
    with pytest.raises(ValueError, match=r"^not a DTMF digit$"):
        group.press(digit, now=0.0)
    assert group.due() is None


@pytest.mark.parametrize(("gap_s", "longest"), [(0, 4), (-1, 4), (float("nan"), 4), (1, 0)])
def test_impossible_limits_are_refused(gap_s: float, longest: int) -> None:
    """A group that could never end or never begin is a mistake."""
    with pytest.raises(ValueError, match="gap_s"):
        DigitGroup(gap_s, longest)


def test_digits_are_never_shown() -> None:
    """The representation says whether something waits, and not what or how much."""
    group = DigitGroup()
    assert repr(group) == "<DigitGroup empty>"
    for digit in "4929":
        group.press(digit, now=0.0)
    assert repr(group) == "<DigitGroup collecting>"
    assert not hasattr(group, "__dict__")


@given(
    st.lists(st.tuples(st.sampled_from(_KEYS + "#"), st.floats(0, 5), st.booleans()), max_size=80),
    st.integers(1, 6),
)
def test_no_digit_is_lost_doubled_or_reordered(
    presses: list[tuple[str, float, bool]], longest: int
) -> None:
    """Whatever the rhythm and however late the timer, the groups hold just what was pressed."""
    group = DigitGroup(gap_s=2.0, longest=longest)
    told: list[str] = []
    now = 0.0
    for digit, wait_s, timer_fires in presses:
        now += wait_s
        told += [group.expire(now) or ""] if timer_fires else []
        told.append(group.press(digit, now) or "")
    told.append(group.expire(now + 2.0) or "")
    pressed = "".join(digit for digit, _, _ in presses)
    assert "".join(told).replace("#", "") == pressed.replace("#", "")
    assert all(len(each) <= longest for each in told)
    assert group.due() is None
