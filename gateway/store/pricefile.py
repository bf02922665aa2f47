"""Where the prices come from: a file of the operator's, or the one that comes along."""

import tomllib
from importlib.resources import files
from typing import Final

from gateway.core.prices import Prices, parse_prices
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.store.tomlfile import read_table

SHIPPED: Final = "2026-11-20.toml"
"""Named for the day its prices are of."""
_VARIABLE: Final = "GATEWAY_PRICES"


def read_prices(settings: Settings) -> Prices:
    """The prices to reckon with. Raises ConfigError for a file that cannot be used."""
    path = settings.prices
    if path is None:
        shipped = files("gateway") / "prices" / SHIPPED
        return parse_prices(tomllib.loads(shipped.read_text("utf-8")))
    table = read_table(path, _VARIABLE)
    try:
        return parse_prices(table)
    except ConfigError as error:
        raise ConfigError(f"{_VARIABLE}: {path}: {error}") from None
