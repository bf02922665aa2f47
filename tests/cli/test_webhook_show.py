"""`gateway webhook show`: what a number has, and what of it matters most."""

import json

import pytest

from gateway.cli.webhook_show import change_lines, remarks
from gateway.errors import ConfigError
from gateway.ops.pointing import Plan, as_written, points_here
from gateway.ops.rest import SETTINGS, Number
from gateway.settings import Settings, load_settings
from tests.cli.conftest import Command
from tests.ops.twin import ACCOUNT, MAIN, TOKEN, twin_server

HERE = {
    "voice_url": "https://voice.example.com/twilio/voice",
    "voice_method": "POST",
    "status_callback": "https://voice.example.com/twilio/status",
    "status_callback_method": "POST",
}


def number(**settings: str) -> Number:
    """A number with these settings and no others."""
    return Number("PN1", MAIN, "", {**dict.fromkeys(SETTINGS, ""), **settings})


def settings(public_url: str = "https://voice.example.com") -> Settings:
    """A gateway with that address."""
    return load_settings(_env_file=None, public_url=public_url)


def test_everything_that_matters_is_shown(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses with their methods, names that can do nothing to a terminal, and the verdict."""
    hostile = {"e164": MAIN, "friendly_name": "\x1b[31mred", "voice_url": "https://a.example/"}
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    with twin_server(numbers=[hostile]) as twin:
        monkeypatch.setenv("GATEWAY_TWILIO_API_URL", twin.url)
        done = command("webhook", "show", "+1 (555) 000-1000")
        asked = json.loads(command("webhook", "show", MAIN, "--json").out)
    sid = asked["sid"]
    assert done.out.splitlines() == [
        f"{MAIN}  {sid}  \\x1b[31mred",
        "  voice URL        https://a.example/ (POST)",
        "  fallback         –",
        "  status callback  –",
        "  application      –",
        "  trunk            –",
        "  not compared: GATEWAY_PUBLIC_URL: not set; calls are to be sent to it",
    ]
    assert asked["points_here"] is None


def test_an_override_is_loud_and_first() -> None:
    """Whatever the voice URL says, the calls go elsewhere."""
    taken = number(**HERE, voice_application_sid="AP1", trunk_sid="TK1")
    first, second = remarks(taken, settings())
    assert first.startswith("OVERRIDDEN: the application AP1 gets the calls")
    assert second.startswith("OVERRIDDEN: the trunk TK1 gets the calls")
    assert not points_here(taken, settings())


def test_the_verdict_compares_with_the_public_address() -> None:
    """All of it: a call whose end nobody is told of is not pointed here."""
    assert remarks(number(**HERE), settings()) == ["calls come to this gateway"]
    for name in HERE:
        assert not points_here(number(**{**HERE, name: "GET"}), settings())
    away = number(**{**HERE, "voice_url": "https://a.example/"})
    assert remarks(away, settings()) == [
        "calls do not come to this gateway (https://voice.example.com)"
    ]
    partly = number(**{**HERE, "voice_method": "GET", "status_callback": ""})
    assert remarks(partly, settings()) == [
        "calls come to this gateway, with another voice method, status callback"
    ]
    assert not points_here(number(**HERE), settings("https://voice.example.com/prefix"))
    with pytest.raises(ConfigError):
        points_here(number(), settings(""))


def test_a_change_is_shown_old_to_new() -> None:
    """A line per setting that changes, a dash for nothing."""
    plan = Plan(number(voice_url="https://a.example/\n"), {**number(**HERE).settings})
    assert (
        change_lines(plan)[0] == "  voice URL        https://a.example/\\n → " + HERE["voice_url"]
    )
    assert change_lines(plan)[1] == "  voice method     – → POST"


def test_numbers_are_taken_as_people_write_them() -> None:
    """But a plus sign is not made up."""
    assert as_written("+1 (555) 000-1000") == MAIN
    assert as_written("1 555") == "1 555"
