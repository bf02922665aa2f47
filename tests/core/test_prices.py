"""Costs are sums of known prices; what is not known is None and never 0."""

import dataclasses
import tomllib
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.direction import SOFTPHONE
from gateway.core.prices import Carrier, Prices, begun_minutes, parse_prices
from gateway.core.usage import CLASSES
from gateway.errors import ConfigError

FILE = """
as_of = 2026-11-20

[models."gpt-realtime"]
text_in = 4
text_cached = 0.40
text_out = 16.00
audio_in = 32.00
audio_cached = 0.40
audio_out = 64.00

[models."gpt-realtime-2026-01-01"]
text_in = 5

[models.whisper]
per_minute = 0.017

[models.free]
text_in = 0

[carrier]
inbound_usd_per_minute = 0.0085
outbound_usd_per_minute = 0.0140
stream_usd_per_minute = 0.0040
"""
PRICES = parse_prices(tomllib.loads(FILE))


def test_what_a_file_says() -> None:
    """Its day, the prices of each model, and the carrier's."""
    assert PRICES.as_of == date(2026, 11, 20)
    assert PRICES.models["whisper"] == {"per_minute": 0.017}
    assert PRICES.models["gpt-realtime"]["text_in"] == 4.0
    assert PRICES.carrier == Carrier(0.0085, 0.0140, 0.0040)


@pytest.mark.parametrize(
    ("model", "used", "billed_s", "usd"),
    [
        ("gpt-realtime", {"audio_in": 1_000_000}, 0.0, 32.0),
        ("gpt-realtime", {"text_in": 59, "audio_cached": 64, "audio_out": 147}, 0.0, 0.0096696),
        ("gpt-realtime", dict.fromkeys(CLASSES, 0), 0.0, 0.0),
        ("gpt-realtime-2025-08-28", {"text_in": 1_000_000}, 0.0, 4.0),
        ("gpt-realtime-2026-01-01", {"text_in": 1_000_000}, 0.0, 5.0),
        ("whisper", {}, 60.0, 0.017),
        ("whisper", dict.fromkeys(CLASSES, 0), 3.0, 0.00085),
        ("whisper", dict.fromkeys(CLASSES, 0), 0.0, 0.0),
        ("whisper-2026-02-03", {}, 60.0, 0.017),
        ("free", {"text_in": 5}, 0.0, 0.0),
        # Not known.
        ("gpt-realtime-mini", {"text_in": 1}, 0.0, None),
        ("gpt-realtime-2025", {"text_in": 1}, 0.0, None),
        ("gpt-realtime-mini-2025-10-06", {"text_in": 1}, 0.0, None),
        ("GPT-realtime", {"text_in": 1}, 0.0, None),
        ("", {"text_in": 1}, 0.0, None),
        ("gpt-realtime", {"text_in": 1, "image_in": 1}, 0.0, None),
        ("gpt-realtime-2026-01-01", {"audio_in": 1}, 0.0, None),
        ("gpt-realtime", {"text_in": 1}, 3.0, None),
        ("whisper", {"text_in": 1}, 3.0, None),
        ("gpt-realtime", {}, 0.0, None),
        ("nobody", dict.fromkeys(CLASSES, 0), 0.0, None),
    ],
)
def test_what_something_costs(
    model: str, used: dict[str, int], billed_s: float, usd: float | None
) -> None:
    """By tokens, by time, by the name without its date; None when a price or the use is missing."""
    found = PRICES.cost_of(model, used, billed_s)
    assert found == (None if usd is None else pytest.approx(usd))


@given(st.dictionaries(st.sampled_from(list(PRICES.models["gpt-realtime"])), st.integers(0, 10**7)))
def test_a_cost_is_the_exact_sum(used: dict[str, int]) -> None:
    """To the last digit a float has, in whatever order the classes come."""
    prices = PRICES.models["gpt-realtime"]
    exact = sum((Fraction(prices[name]) * n / 10**6 for name, n in used.items()), Fraction(0))
    found = PRICES.cost_of("gpt-realtime", used)
    if not used:
        assert found is None
    else:
        assert found == pytest.approx(float(exact), rel=1e-14)
        assert found == PRICES.cost_of("gpt-realtime", dict(reversed(used.items())))


@pytest.mark.parametrize(
    ("duration_s", "minutes"),
    [(0.0, 0), (0.001, 1), (59.9, 1), (60.0, 1), (60.001, 2), (120.0, 2), (-1.0, 0)],
)
def test_minutes_are_billed_when_they_begin(duration_s: float, minutes: int) -> None:
    """As the carrier does it; a call that did not last costs nothing."""
    assert begun_minutes(duration_s) == minutes


@pytest.mark.parametrize(
    ("direction", "minute"),
    [("inbound", 0.0125), ("outbound-api", 0.018), ("outbound-dial", 0.018), ("", 0.0125)],
)
def test_what_the_carrier_takes(direction: str, minute: float) -> None:
    """The way of the call and its stream together, per begun minute."""
    assert PRICES.minute_usd(direction) == pytest.approx(minute)
    assert PRICES.carrier_usd(direction, 61.0) == pytest.approx(2 * minute)
    assert PRICES.carrier_usd(direction, 0.0) == 0.0


def test_a_softphone_has_no_carrier() -> None:
    """Its minutes cost nothing, whether the carrier's prices are known or not."""
    for prices in (PRICES, dataclasses.replace(PRICES, carrier=None)):
        assert prices.minute_usd(SOFTPHONE) == prices.carrier_usd(SOFTPHONE, 600) == 0.0


def test_a_carrier_without_prices_is_not_free() -> None:
    """What it costs is not known."""
    prices = Prices(date(2026, 1, 1), {})
    assert prices.minute_usd("inbound") is None
    assert prices.carrier_usd("inbound", 60.0) is None


def spoiled(old: str, new: str) -> dict[str, Any]:
    """The file with something else in it."""
    assert old in FILE
    return tomllib.loads(FILE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "text_cached = 0.40",
            "text_cached = -1",
            'models."gpt-realtime".text_cached: must be a n',
        ),
        (
            "text_cached = 0.40",
            "text_cached = '1'",
            'models."gpt-realtime".text_cached: must be a ',
        ),
        ("text_cached = 0.40", "text_cached = true", 'models."gpt-realtime".text_cached: must be '),
        ("text_cached = 0.40", "text_cached = nan", 'models."gpt-realtime".text_cached: must be a'),
        ("text_cached = 0.40", "text_cached = inf", 'models."gpt-realtime".text_cached: must be a'),
        (
            "per_minute = 0.017",
            "per_minute = 1000001",
            'models."whisper".per_minute: must be a number from 0 to 1000000',
        ),
        (
            "text_cached",
            "text_cahced",
            'models."gpt-realtime".text_cahced: unknown key (did you mean text_cached?)',
        ),
        ("per_minute = 0.017", "x = 1", 'models."whisper".x: unknown key'),
        ("[models.free]\ntext_in = 0", "[models.free]", 'models."free": must be a table with a p'),
        ("[models.free]\ntext_in = 0", "[models]\nfree = 0", 'models."free": must be a table wit'),
        ("as_of = 2026-11-20", "", "as_of: must be a date such as 2026-11-20"),
        ("as_of = 2026-11-20", "as_of = '2026-11-20'", "as_of: must be a date"),
        ("as_of = 2026-11-20", "as_of = 2026-11-20T10:00:00Z", "as_of: must be a date"),
        ("as_of = 2026-11-20", "as_of = 2026-11-20\ncarier = 1", "carier: unknown key (did you me"),
        ("stream_usd_per_minute = 0.0040", "", "carrier.stream_usd_per_minute: is missing"),
        ("0.0085", "'0.0085'", "carrier.inbound_usd_per_minute: must be a number from 0"),
        ("inbound_usd_per_minute", "usd", "carrier.usd: unknown key; carrier.inbound_usd_per_minu"),
        ("[carrier]", '[models."a\\nb"]', 'models."a b".inbound_usd_per_minute: unknown key'),
    ],
)
def test_a_wrong_file_is_refused(old: str, new: str, fault: str) -> None:
    """One line that names the key."""
    with pytest.raises(ConfigError) as wrong:
        parse_prices(spoiled(old, new))
    assert str(wrong.value).startswith(fault)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({}, "as_of: must be a date such as 2026-11-20; models: must have a table for each model"),
        ({"as_of": date(2026, 1, 1), "models": {}}, "models: must have a table for each model"),
        ({"as_of": date(2026, 1, 1), "models": 7}, "models: must have a table for each model"),
    ],
)
def test_a_file_without_prices_is_none(table: dict[str, Any], fault: str) -> None:
    """All that is missing is named at once."""
    with pytest.raises(ConfigError) as wrong:
        parse_prices(table)
    assert str(wrong.value).startswith(fault)


def test_a_carrier_that_is_no_table() -> None:
    """It is refused like a model that is none."""
    table = {**tomllib.loads(FILE), "carrier": 0.01}
    with pytest.raises(ConfigError, match=r"^carrier: must be a table with a price$"):
        parse_prices(table)
