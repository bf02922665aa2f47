"""Prices come along, and a file of the operator's takes their place whole."""

import math
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from gateway.core.usage import CLASSES
from gateway.errors import ConfigError
from gateway.store.pricefile import SHIPPED, read_prices
from tests.store.databases import settings_in

REALTIME = [
    "gpt-realtime-2.1",
    "gpt-realtime-2",
    "gpt-realtime-2.1-mini",
    "gpt-realtime-1.5",
    "gpt-realtime",
    "gpt-realtime-mini",
]
TRANSCRIBING = [
    "gpt-4o-mini-transcribe",
    "gpt-4o-transcribe",
    "gpt-transcribe",
    "gpt-live-transcribe",
    "gpt-realtime-whisper",
]


def test_prices_come_along(tmp_path: Path) -> None:
    """Of the day the file is named for, for every model with a known price, and the carrier."""
    prices = read_prices(settings_in(tmp_path))
    assert prices.as_of == date.fromisoformat(SHIPPED.removesuffix(".toml"))
    assert sorted(prices.models) == sorted(REALTIME + TRANSCRIBING)
    assert prices.minute_usd("inbound") == pytest.approx(0.0129)
    assert prices.minute_usd("outbound-api") == pytest.approx(0.0184)


def test_the_newest_prices_come_along() -> None:
    """No newer file lies beside the one that is read."""
    assert max(each.name for each in (files("gateway") / "prices").iterdir()) == SHIPPED


@pytest.mark.parametrize("model", REALTIME)
def test_a_model_that_talks_has_every_price(tmp_path: Path, model: str) -> None:
    """No answer of it has an unknown cost, and cached tokens are cheaper."""
    prices = read_prices(settings_in(tmp_path))
    assert set(prices.models[model]) == set(CLASSES)
    assert prices.cost_of(model, dict.fromkeys(CLASSES, 1)) is not None
    each = prices.models[model]
    assert all(each[f"{kind}_cached"] < each[f"{kind}_in"] for kind in ("text", "audio", "image"))


def test_prices_from_the_reference(tmp_path: Path) -> None:
    """A minute of talk each with gpt-realtime-2.1: 600 tokens heard, 1200 said, two cached."""
    prices = read_prices(settings_in(tmp_path))
    used = {"audio_in": 600, "audio_out": 1200, "text_cached": 1000, "audio_cached": 1000}
    found = prices.cost_of("gpt-realtime-2.1", used)
    assert found == pytest.approx((600 * 32 + 1200 * 64 + 2000 * 0.4) / 1e6)
    heard = prices.cost_of("gpt-4o-mini-transcribe", {"audio_in": 600, "text_out": 200})
    assert heard == pytest.approx((600 * 1.25 + 200 * 5) / 1e6)
    assert prices.cost_of("gpt-realtime-whisper", {}, 60.0) == pytest.approx(0.017)


def test_a_file_of_the_operators(tmp_path: Path) -> None:
    """Nothing of the other one is left: what is not in it has no price."""
    path = tmp_path / "prices.toml"
    path.write_text("as_of = 2027-01-01\n[models.mine]\ntext_in = 1\n", encoding="utf-8-sig")
    prices = read_prices(settings_in(tmp_path, prices=path))
    assert prices.as_of == date(2027, 1, 1)
    assert prices.cost_of("mine", {"text_in": 10**6}) == 1.0
    assert prices.cost_of("gpt-realtime-2.1", {"text_in": 10**6}) is None
    assert prices.minute_usd("inbound") is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("as_of = 2026-11-20\n[models.x]\naudio_in = -1", 'models."x".audio_in: must be a number'),
        ("as_of = ", "Invalid value (at"),
        ("as_of = 2026-13-01", ""),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, text: str, fault: str) -> None:
    """The line names the variable, the file and the key or the place."""
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as wrong:
        read_prices(settings_in(tmp_path, prices=path))
    assert str(wrong.value).startswith(f"GATEWAY_PRICES: {path}: {fault}")
    assert "\n" not in str(wrong.value)


def test_no_price_is_negative_or_endless(tmp_path: Path) -> None:
    """The file that comes along is held to what others are held to."""
    prices = read_prices(settings_in(tmp_path))
    assert all(0 < p < math.inf for each in prices.models.values() for p in each.values())
