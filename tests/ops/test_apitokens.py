"""What opens the API of a gateway."""

from typing import Any

import pytest

from gateway.ops.apitokens import api_tokens
from gateway.settings import load_settings


def tokens(**settings: Any) -> list[str]:
    """Of these settings and nobody else's."""
    return api_tokens(load_settings(_env_file=None, **settings))


@pytest.fixture(autouse=True)
def _nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TWILIO_AUTH_TOKEN", "GATEWAY_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def test_the_token_of_the_settings_is_first() -> None:
    """Then one of each auth token, so that both ends agree while tokens are rotated."""
    own, first, second = tokens(api_token="own", twilio_auth_token="one,two")
    assert own == "own"
    assert [first, second] == [
        *tokens(twilio_auth_token="one"),
        *tokens(twilio_auth_token="two"),
    ]
    assert len(first) == 64


def test_nothing_of_an_auth_token_shows() -> None:
    """It is derived; without any there is none."""
    assert "made-up" not in tokens(twilio_auth_token="made-up")[0]
    assert tokens() == []
