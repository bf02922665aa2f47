"""Amounts as a person types them."""

import pytest

from gateway.errors import ConfigError
from gateway.ops.load.amounts import milliseconds, share


@pytest.mark.parametrize(
    ("text", "ms"), [("60ms", 60), ("60", 60), ("1.5s", 1500), (" 2 m ", 120_000), ("0", 0)]
)
def test_times_become_milliseconds(text: str, ms: float) -> None:
    """With their unit, or as milliseconds without one."""
    assert milliseconds(text, "--delay") == ms


@pytest.mark.parametrize(("text", "found"), [("2%", 0.02), ("0.02", 0.02), ("0", 0), ("100%", 1)])
def test_shares_are_of_one(text: str, found: float) -> None:
    """In percent or as they are."""
    assert share(text, "--loss") == pytest.approx(found)


@pytest.mark.parametrize("text", ["", "-5ms", "fast", "5%", "1e3"])
def test_what_is_no_time_is_named(text: str) -> None:
    """The option and what was typed."""
    with pytest.raises(ConfigError, match="--jitter"):
        milliseconds(text, "--jitter")


@pytest.mark.parametrize("text", ["", "2ms", "3", "-1%", "101%"])
def test_what_is_no_share_is_named(text: str) -> None:
    """The option and what was typed."""
    with pytest.raises(ConfigError, match="--loss"):
        share(text, "--loss")
