"""The settings check: what is missing, and what cannot be right."""

from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.ops.doctor.finding import Wrong
from gateway.ops.doctor.setup import credentials_fault, settings_complete, unreadable
from gateway.settings import Settings, load_settings

RIGHT: dict[str, Any] = {
    "twilio_account_sid": "AC" + "0" * 32,
    "twilio_auth_token": "a-made-up-token",
    "twilio_phone_number": "+15550001000",
    "openai_api_key": "sk-made-up",
    "public_url": "https://voice.example.com",
}


def settings(**changes: Any) -> Settings:
    """Settings that are complete, but for these."""
    return load_settings(_env_file=None, **{**RIGHT, **changes})


def test_what_is_complete_is_said_without_secrets() -> None:
    """The account, how many tokens, which key, which address."""
    told = settings_complete(settings(twilio_auth_token="first-token,second-token"))
    assert told == (
        "account AC0000…, 2 auth tokens, OPENAI_API_KEY is set, "
        "public address https://voice.example.com"
    )


def test_headers_stand_in_for_the_key() -> None:
    """As for Azure."""
    told = settings_complete(settings(openai_api_key=None, realtime_headers='{"api-key": "x"}'))
    assert "GATEWAY_REALTIME_HEADERS is set" in told


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "token": ({"twilio_auth_token": ""}, "TWILIO_AUTH_TOKEN", ".env"),
    "account": ({"twilio_account_sid": ""}, "TWILIO_ACCOUNT_SID", ".env"),
    "address": ({"public_url": ""}, "GATEWAY_PUBLIC_URL", ".env"),
    "key": ({"openai_api_key": None}, "OPENAI_API_KEY", ".env"),
    "an API key's SID": ({"twilio_account_sid": "SK" + "0" * 32}, "API key", "Account SID"),
    "half a SID": ({"twilio_account_sid": "AC123"}, "no Account SID", "console"),
    "a SID for a token": ({"twilio_auth_token": "SK" + "0" * 32}, "looks like a SID", "Auth Token"),
    "a quoted token": ({"twilio_auth_token": '"quoted"'}, "quotes", "alone"),
    "a number with spaces": ({"twilio_phone_number": "0555 1000"}, "E.164", "+15550001000"),
    "two words for a key": ({"openai_api_key": "sk-a b"}, "spaces", "alone"),
    "the webhook for an address": (
        {"public_url": "https://voice.example.com/v/twilio/voice"},
        "the path /v/twilio/voice",
        "set it to https://voice.example.com/v",
    ),
    "a webhook without secret": (
        {"hook_url": "https://hooks.example.com"},
        "GATEWAY_HOOK_SECRET",
        "set it",
    ),
    "a webhook to a network": (
        {"hook_url": "https://10.0.0.1/", "hook_secret": "s"},
        "GATEWAY_HOOK_URL",
        "correct",
    ),
    "an event nobody knows": (
        {"hook_url": "https://h.example.com", "hook_secret": "s", "hook_events": "call.begun"},
        "GATEWAY_HOOK_EVENTS",
        "correct",
    ),
    "keys that are gone": ({"recording_keys": Path("nowhere")}, "GATEWAY_RECORDING_KEYS", "file"),
    "patterns that are gone": ({"redact": Path("nowhere")}, "GATEWAY_REDACT", "file"),
    "prices that are gone": ({"prices": Path("nowhere")}, "GATEWAY_PRICES", "file"),
    "no address of a database": ({"database_url": "postgresql://a:b@c:d/e"}, "DATABASE", "correct"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_names_the_variable_and_what_to_do(name: str) -> None:
    """One line, in which no secret stands."""
    changes, says, fix = FAULTS[name]
    with pytest.raises(Wrong) as wrong:
        settings_complete(settings(**changes))
    assert says in wrong.value.detail
    assert fix in wrong.value.fix
    assert "a-made-up-token" not in wrong.value.detail
    assert "sk-" not in wrong.value.detail


def test_everything_is_told_at_once() -> None:
    """Nobody must come back once per variable."""
    with pytest.raises(Wrong) as wrong:
        settings_complete(load_settings(_env_file=None, twilio_phone_number="1"))
    told = wrong.value.detail
    assert all(name in told for name in ("TWILIO_AUTH_TOKEN", "OPENAI_API_KEY", "TWILIO_PHONE"))


def test_settings_that_cannot_be_read_keep_their_own_words() -> None:
    """They name the variable already."""
    wrong = unreadable(ConfigError("GATEWAY_PORT: must be a number"))
    assert wrong.detail == "GATEWAY_PORT: must be a number"
    assert ".env" in wrong.fix


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, None),
        ({"twilio_auth_token": ""}, "TWILIO_AUTH_TOKEN"),
        ({"twilio_account_sid": "SK" + "0" * 32}, "TWILIO_ACCOUNT_SID"),
    ],
)
def test_nothing_is_asked_in_the_name_of_no_account(
    changes: dict[str, Any], says: str | None
) -> None:
    """The reason is what is missing."""
    fault = credentials_fault(settings(**changes))
    assert fault is None if says is None else says in str(fault)
