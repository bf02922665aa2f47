"""What may be shown: one line, and no secret in it."""

import pytest

from gateway.ops.doctor.discretion import LONGEST, discreet, one_line
from gateway.settings import Settings, load_settings

SETTINGS = {
    "openai_api_key": "sk-made-up-key",
    "twilio_auth_token": "first-made-up-token,second-made-up-token",
    "api_token": "an-api-token",
    "secret": "the-ticket-secret",
    "hook_secret": "the-hook-secret",
    "realtime_headers": '{"Authorization": "Bearer of-the-realtime-server", "x": "short"}',
    "database_url": "postgresql://me:p%40ssword-of-mine@db.example.com/calls",
}


@pytest.fixture
def settings() -> Settings:
    """Secrets of every kind."""
    return load_settings(_env_file=None, **SETTINGS)


@pytest.mark.parametrize(
    "secret",
    [
        "sk-made-up-key",
        "first-made-up-token",
        "second-made-up-token",
        "an-api-token",
        "the-ticket-secret",
        "the-hook-secret",
        "Bearer of-the-realtime-server",
        "of-the-realtime-server",
        "p%40ssword-of-mine",
        "p@ssword-of-mine",
    ],
)
def test_no_secret_is_shown(settings: Settings, secret: str) -> None:
    """Wherever it stands; what is around it is."""
    shown = discreet(settings)(f"refused: {secret} is wrong")
    assert shown == "refused: … is wrong"


def test_what_is_no_secret_is_shown(settings: Settings) -> None:
    """Short words and hosts have no holes in them."""
    text = "Bearer short db.example.com calls postgresql://me"
    assert discreet(settings)(text) == text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\nb\r\n  c", "a b c"),
        ("\x1b[31mred\x1b[0m\x07", "[31mred [0m"),
        ("a\u2028b\u202eb", "a b b"),
        ("Grüße …", "Grüße …"),
    ],
)
def test_it_is_one_plain_line(given: str, shown: str) -> None:
    """Whatever a server sends cannot move a terminal's cursor."""
    assert one_line(given) == shown


def test_it_is_not_endless() -> None:
    """What is too long is cut, and shows it."""
    assert one_line("x" * LONGEST) == "x" * LONGEST
    assert one_line("x" * 1000) == "x" * (LONGEST - 1) + "…"
