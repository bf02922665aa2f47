"""Digits are found wherever they were told, and nowhere else."""

import pytest

from tests.digits import stand_in


@pytest.mark.parametrize(
    "text",
    ["4711", "it is 4711.", '{"pin":"4711"}', r"code:\n4711", "PIN4711", "pin.4711", "digits-4711"],
)
def test_what_was_told_is_found(text: str) -> None:
    """However it is written, also right behind an escaped character."""
    assert stand_in(text, "4711")


@pytest.mark.parametrize(
    "text", ["", "4.3947119993390515", "0.4711", "CA04711be5", "12:00:00.471123"]
)
def test_chance_is_not(text: str) -> None:
    """Fractions of a time, names made of random digits."""
    assert not stand_in(text, "4711")
