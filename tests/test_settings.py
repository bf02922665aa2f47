"""Every setting: its default, its rule, and one line that names it when it is wrong."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.core import twiml
from gateway.errors import ConfigError
from gateway.settings import Settings, address_fault, is_loopback, load_settings

CANARY = "c4n4ry"
"""Stands in every wrong value; must stand in no message."""


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty environment, no `.env`, no secret files."""
    for name in list(os.environ):
        if name.upper().startswith(("GATEWAY_", "TWILIO_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gateway.settings.SECRETS_DIR", str(tmp_path / "secrets"))


def variable(field: str) -> str:
    """The variable of a field."""
    outside = {"openai_api_key", "twilio_account_sid", "twilio_auth_token", "twilio_phone_number"}
    return field.upper() if field in outside else f"GATEWAY_{field.upper()}"


def loaded(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """The settings of an environment."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def refused(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """The line a person sees for a wrong environment."""
    with pytest.raises(ConfigError) as wrong:
        loaded(monkeypatch, **variables)
    line = str(wrong.value)
    assert "\n" not in line
    assert CANARY not in line
    assert wrong.value.__cause__ is None
    assert wrong.value.__suppress_context__
    return line


DEFAULTS: dict[str, Any] = {
    "openai_api_key": None,
    "twilio_account_sid": "",
    "twilio_auth_token": (),
    "twilio_phone_number": "",
    "host": "127.0.0.1",
    "port": 8000,
    "twilio_api_url": "",
    "calls_per_second": 1.0,
    "public_url": "",
    "realtime_url": "",
    "realtime_headers": {},
    "data_dir": Path("data"),
    "agents_dir": Path("agents_config"),
    "agent": "assistant",
    "max_calls": 100,
    "max_lag_ms": 30.0,
    "overflow_message": "",
    "lead_ms": 600,
    "connect_timeout_s": 10.0,
    "no_stream_timeout_s": 15.0,
    "start_timeout_s": 5.0,
    "drain_timeout_s": 3600.0,
    "ping_interval_s": 20.0,
    "tool_timeout_s": 10.0,
    "tool_threads": 16,
    "approval_timeout_s": 30.0,
    "api_token": None,
    "admin_password": None,
    "users": None,
    "secret": None,
    "database_url": None,
    "recordings": None,
    "recording_keys": None,
    "redact": None,
    "redact_numbers": False,
    "keep_recordings_days": 30.0,
    "keep_text_days": 90.0,
    "keep_calls_days": 400.0,
    "prices": None,
    "max_usd_per_call": None,
    "max_usd_per_number": None,
    "max_usd_per_route": None,
    "max_usd_per_day": None,
    "spend_soft_share": 0.8,
    "outbound_countries": (),
    "outbound_prefixes": (),
    "outbound_per_number": 3,
    "outbound_per_minute": 30,
    "outbound_per_day": 200,
    "outbound_at_once": 5,
    "outbound_quiet": "21:00-08:00",
    "outbound_max_age_s": 120.0,
    "hook_url": "",
    "hook_secret": None,
    "hook_events": ("call.started", "call.ended"),
    "otel": "",
    "otel_pii": False,
    "log_level": "info",
    "log_format": "auto",
}

SET: dict[str, tuple[str, Any]] = {
    "openai_api_key": ("sk-x", SecretStr("sk-x")),
    "twilio_account_sid": ("AC1", "AC1"),
    "twilio_auth_token": ("a, b ,,", (SecretStr("a"), SecretStr("b"))),
    "twilio_phone_number": ("+15550100", "+15550100"),
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("9000", 9000),
    "twilio_api_url": ("http://127.0.0.1:8091/", "http://127.0.0.1:8091"),
    "calls_per_second": ("2.5", 2.5),
    "public_url": ("https://voice.example.com/pbx/", "https://voice.example.com/pbx"),
    "realtime_url": ("wss://m.example/v1?model=x", "wss://m.example/v1?model=x"),
    "realtime_headers": ('{"api-key": "x"}', {"api-key": SecretStr("x")}),
    "data_dir": ("/var/lib/gateway", Path("/var/lib/gateway")),
    "agents_dir": ("mine", Path("mine")),
    "agent": ("support", "support"),
    "max_calls": ("7", 7),
    "max_lag_ms": ("80", 80.0),
    "overflow_message": ("Call <later> & again.", "Call <later> & again."),
    "lead_ms": ("400", 400),
    "connect_timeout_s": ("1.5", 1.5),
    "no_stream_timeout_s": ("30", 30.0),
    "start_timeout_s": ("2", 2.0),
    "drain_timeout_s": ("0", 0.0),
    "ping_interval_s": ("5", 5.0),
    "tool_timeout_s": ("60", 60.0),
    "tool_threads": ("1", 1),
    "approval_timeout_s": ("0.5", 0.5),
    "api_token": (" s3cret\n", SecretStr("s3cret")),
    "admin_password": (" a long s3cret\n", SecretStr("a long s3cret")),
    "users": ("people.toml", Path("people.toml")),
    "secret": ("pepper", SecretStr("pepper")),
    "database_url": ("postgresql://u:p@db/calls", SecretStr("postgresql://u:p@db/calls")),
    "recordings": ("on", True),
    "recording_keys": ("/run/keys", Path("/run/keys")),
    "redact": ("patterns.txt", Path("patterns.txt")),
    "redact_numbers": ("on", True),
    "keep_recordings_days": ("7", 7.0),
    "keep_text_days": ("0", 0.0),
    "keep_calls_days": ("1000.5", 1000.5),
    "prices": ("prices.toml", Path("prices.toml")),
    "max_usd_per_call": ("0.5", 0.5),
    "max_usd_per_number": ("3", 3.0),
    "max_usd_per_route": ("20", 20.0),
    "max_usd_per_day": ("100", 100.0),
    "spend_soft_share": ("1", 1.0),
    "outbound_countries": ("de, US ,", ("DE", "US")),
    "outbound_prefixes": ("+4930, +1", ("+4930", "+1")),
    "outbound_per_number": ("1", 1),
    "outbound_per_minute": ("60", 60),
    "outbound_per_day": ("1", 1),
    "outbound_at_once": ("100", 100),
    "outbound_quiet": ("off", "off"),
    "outbound_max_age_s": ("0.5", 0.5),
    "hook_url": ("https://crm.example/hook?k=1", "https://crm.example/hook?k=1"),
    "hook_secret": ("salt", SecretStr("salt")),
    "hook_events": ("call.ended, handoff ,", ("call.ended", "handoff")),
    "otel": ("HTTP://tempo:4318/", "http://tempo:4318"),
    "otel_pii": ("on", True),
    "log_level": ("debug", "debug"),
    "log_format": ("console", "console"),
}

WRONG: list[tuple[str, str, str]] = [
    ("port", CANARY, "integer"),
    ("port", "65536", "65535"),
    ("port", "-1", "0"),
    ("max_calls", "0", "1"),
    ("max_calls", "10001", "10000"),
    ("max_calls", "1.5", "integer"),
    ("max_lag_ms", "-1", "0"),
    ("lead_ms", "199", "200"),
    ("lead_ms", "5001", "5000"),
    ("connect_timeout_s", "0", "0"),
    ("connect_timeout_s", "15.1", "15"),
    ("no_stream_timeout_s", "0", "0"),
    ("no_stream_timeout_s", "61", "60"),
    ("start_timeout_s", "0", "0"),
    ("start_timeout_s", "31", "30"),
    ("drain_timeout_s", "-1", "0"),
    ("drain_timeout_s", "inf", "finite"),
    ("drain_timeout_s", "nan", "finite"),
    ("ping_interval_s", "0", "0"),
    ("ping_interval_s", "inf", "finite"),
    ("tool_timeout_s", "0", "0"),
    ("tool_timeout_s", CANARY, "number"),
    ("tool_threads", "0", "1"),
    ("tool_threads", "257", "256"),
    ("approval_timeout_s", "0", "0"),
    ("approval_timeout_s", "3601", "3600"),
    ("approval_timeout_s", "nan", "finite"),
    ("approval_timeout_s", CANARY, "number"),
    ("api_token", f"{CANARY} {CANARY}", "without spaces"),
    ("api_token", f"{CANARY}\n{CANARY}", "without spaces"),
    ("api_token", f"{CANARY}é", "ASCII"),
    ("admin_password", CANARY[:9], "at least 10 characters"),
    ("admin_password", f"$argon2id{CANARY}", "an argon2 hash"),
    ("admin_password", "$argon2id=19=19456,t=2,p=1", "was a $ replaced"),
    ("database_url", f"mysql://u:{CANARY}@db/x", "postgresql:// or sqlite:///"),
    ("recordings", CANARY, "boolean"),
    ("redact_numbers", CANARY, "boolean"),
    ("keep_recordings_days", "-1", "0"),
    ("keep_text_days", "inf", "finite"),
    ("keep_calls_days", CANARY, "number"),
    ("max_usd_per_call", "0", "0"),
    ("max_usd_per_number", "-1", "0"),
    ("max_usd_per_route", "nan", "finite"),
    ("max_usd_per_day", CANARY, "number"),
    ("spend_soft_share", "0", "0"),
    ("spend_soft_share", "1.1", "1"),
    ("outbound_countries", f"US,{CANARY}", "two letters"),
    ("outbound_countries", "UK", "two letters"),
    ("outbound_countries", "001", "two letters"),
    ("outbound_countries", "*", "two letters"),
    ("outbound_prefixes", f"+49,{CANARY}", "beginnings of numbers"),
    ("outbound_prefixes", "0049", "beginnings of numbers"),
    ("outbound_prefixes", "+", "beginnings of numbers"),
    ("outbound_prefixes", "+٤٩", "beginnings of numbers"),
    ("outbound_prefixes", "+1234567890123456", "beginnings of numbers"),
    ("outbound_per_number", "0", "1"),
    ("outbound_per_minute", "-1", "1"),
    ("outbound_per_day", CANARY, "integer"),
    ("outbound_at_once", "0", "1"),
    ("calls_per_second", "0", "0"),
    ("outbound_quiet", CANARY, "21:00-08:00, or off"),
    ("outbound_quiet", "21-8", "21:00-08:00, or off"),
    ("outbound_quiet", "08:00-24:00", "21:00-08:00, or off"),
    ("outbound_quiet", "08:00-08:00", "21:00-08:00, or off"),
    ("outbound_max_age_s", "0", "0"),
    ("calls_per_second", "0", "0"),
    ("outbound_max_age_s", "inf", "finite"),
    ("hook_url", "http://crm.example", "https://"),
    ("hook_url", f"https://user:{CANARY}@crm.example", "user or password"),
    ("otel", "http://collect.example", "https:// (http:// is for private networks only)"),
    ("otel", f"https://user:{CANARY}@collect.example", "user or password"),
    ("otel", f"https://collect.example?key={CANARY}", "query"),
    ("otel_pii", CANARY, "boolean"),
    ("log_level", CANARY, "'debug', 'info', 'warning' or 'error'"),
    ("log_format", CANARY, "'auto', 'console' or 'json'"),
    ("realtime_headers", f'{{"api-key": "{CANARY}"', "not JSON"),
    ("realtime_headers", f'["{CANARY}"]', "JSON object of strings"),
    ("realtime_headers", f'{{"{CANARY}": 5}}', "JSON object of strings"),
    ("realtime_headers", f'"{CANARY}"', "JSON object of strings"),
    ("twilio_api_url", "http://api.example.com", "https://"),
    ("twilio_api_url", f"https://user:{CANARY}@api.example.com", "user or password"),
    ("public_url", "voice.example.com", "full address"),
    ("public_url", "https://", "full address"),
    ("public_url", "http://voice.example.com", "https://"),
    ("public_url", "http://192.168.1.5:8000", "https://"),
    ("public_url", "http://localhost.example.com", "https://"),
    ("public_url", "http://127.0.0.1.example.com", "https://"),
    ("public_url", "wss://voice.example.com", "https://"),
    ("public_url", f"https://user:{CANARY}@voice.example.com", "user or password"),
    ("public_url", "https://voice.example.com?a=1", "query"),
    ("public_url", "https://voice.example.com/#a", "fragment"),
    ("public_url", "https://voice.example.com?", "query"),
    ("public_url", "https://voice.example.com#", "fragment"),
    ("public_url", "https://voice.example.com:99999", "port"),
    ("public_url", "https://voice.example.com:x", "port"),
    ("public_url", "https://[::1", "full address"),
    ("public_url", f"https://user:{CANARY}@voi℀ce.example.com", "full address"),
    ("public_url", "https://voi ce.example.com", "space"),
    ("public_url", "https://voice.example.com/a\nb", "space"),
    ("public_url", "https://voice.example.com/\x1b[2J", "space"),
    ("realtime_url", "ws://model.example", "wss://"),
    ("realtime_url", "https://model.example", "wss://"),
    ("realtime_url", f"wss://user:{CANARY}@model.example", "user or password"),
    ("realtime_url", "wss://model.example/#a", "fragment"),
    (
        "realtime_url",
        f"wss://r.openai.azure.com/openai/realtime?api-version=1&deployment={CANARY}",
        "/openai/v1/realtime?model=<deployment>",
    ),
]


def test_every_setting_is_tested() -> None:
    """A new setting needs a default and a value here."""
    assert set(DEFAULTS) == set(Settings.model_fields) == set(SET)


def test_without_anything_set_every_setting_has_its_default() -> None:
    """The defaults are safe to start from: loopback, no recording of anything."""
    assert load_settings().model_dump() == DEFAULTS


@pytest.mark.parametrize("field", SET)
def test_a_variable_sets_its_setting_and_no_other(
    monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    """Each setting is read from its own variable."""
    text, value = SET[field]
    found = loaded(monkeypatch, **{variable(field): text}).model_dump()
    assert found == {**DEFAULTS, field: value}


@pytest.mark.parametrize(("field", "text", "why"), WRONG)
def test_a_wrong_value_is_one_line(
    monkeypatch: pytest.MonkeyPatch, field: str, text: str, why: str
) -> None:
    """The line names the variable and the rule, and never the value."""
    line = refused(monkeypatch, **{variable(field): text})
    assert line.startswith(f"{variable(field)}: ")
    assert why in line


def test_several_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Still one line, each with its variable."""
    line = refused(monkeypatch, GATEWAY_PORT=CANARY, GATEWAY_MAX_CALLS="0")
    assert line.count("GATEWAY_") == 2


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Docker and Compose write them."""
    for field in DEFAULTS:
        monkeypatch.setenv(variable(field), "")
    assert load_settings().model_dump() == DEFAULTS


def test_dot_env_is_read_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`.env` of the working directory; foreign lines in it are nobody's business."""
    lines = ["GATEWAY_PORT=9000", "TWILIO_AUTH_TOKEN=a,b", 'GATEWAY_AGENT="mine"', "PATH_X=1"]
    lines.append('GATEWAY_REALTIME_HEADERS={"api-key": "x"}')
    (tmp_path / ".env").write_text("\n".join(lines))
    found = loaded(monkeypatch, GATEWAY_PORT="9001")
    assert (found.port, found.auth_tokens, found.agent) == (9001, ("a", "b"), "mine")
    assert found.realtime_headers["api-key"].get_secret_value() == "x"


def test_a_mistake_in_dot_env_is_told_like_any_other(tmp_path: Path) -> None:
    """Named by its variable, without its value."""
    (tmp_path / ".env").write_text(f"GATEWAY_PORT={CANARY}\nOPENAI_API_KEY={CANARY}\n")
    with pytest.raises(ConfigError, match=r"^GATEWAY_PORT: ") as wrong:
        load_settings()
    assert CANARY not in str(wrong.value)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (f"# caf\xe9 {CANARY}\n".encode("latin-1"), ".env: is not UTF-8"),
        (Path("/proc/self/mem"), ".env: Input/output error"),
    ],
    ids=["latin-1", "broken disk"],
)
def test_an_env_file_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, content: bytes | Path, line: str
) -> None:
    """One line, not a traceback."""
    if isinstance(content, bytes):
        Path(".env").write_bytes(content)
    else:
        Path(".env").symlink_to(content)
    assert refused(monkeypatch) == line


def test_an_env_file_of_somebody_elses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests may run as root, who reads everything: the opening is made to fail."""
    Path(".env").write_text(f"OPENAI_API_KEY={CANARY}")
    real = open

    def closed(path: Any, *args: Any, **options: Any) -> Any:
        if str(path).endswith(".env"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *args, **options)

    monkeypatch.setattr("builtins.open", closed)
    assert refused(monkeypatch).endswith(".env: Permission denied")


def test_a_secret_file_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the setting it is for."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "openai_api_key").write_bytes(f"{CANARY}\xe9".encode("latin-1"))
    line = refused(monkeypatch)
    assert "OPENAI_API_KEY" in line.upper()
    assert line.endswith(": is not UTF-8")


def test_secrets_may_be_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One file per variable, named like it; a last line break is no part of the secret."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "OPENAI_API_KEY").write_text("sk-file\n")
    (folder / "TWILIO_AUTH_TOKEN").write_text("new, old\n")
    (folder / "GATEWAY_SECRET").write_text("pepper")
    (folder / "GATEWAY_REALTIME_HEADERS").write_text('{"api-key": "x"}\n')
    found = load_settings()
    assert found.openai_api_key == SecretStr("sk-file")
    assert found.auth_tokens == ("new", "old")
    assert found.secret == SecretStr("pepper")
    assert found.realtime_headers == {"api-key": SecretStr("x")}
    assert loaded(monkeypatch, OPENAI_API_KEY="sk-env").openai_api_key == SecretStr("sk-env")


def test_overrides_win(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person types beats the environment, and is checked as well."""
    monkeypatch.setenv("GATEWAY_PORT", "9000")
    assert load_settings(port=9001).port == 9001
    with pytest.raises(ConfigError, match=r"^GATEWAY_PORT: "):
        load_settings(port=70_000)


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printing or dumping the settings shows none of them."""
    found = loaded(
        monkeypatch,
        OPENAI_API_KEY=CANARY,
        TWILIO_AUTH_TOKEN=f"{CANARY},{CANARY}2",
        GATEWAY_SECRET=CANARY,
        GATEWAY_API_TOKEN=CANARY,
        GATEWAY_REALTIME_HEADERS=json.dumps({"api-key": CANARY}),
    )
    assert CANARY not in repr(found) + str(found) + found.model_dump_json()
    assert found.auth_tokens == (CANARY, f"{CANARY}2")


def test_settings_do_not_change() -> None:
    """One frozen object, passed down."""
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1


@pytest.mark.parametrize(
    ("public_url", "stream_url"),
    [
        ("https://voice.example.com", "wss://voice.example.com/twilio/media"),
        ("https://voice.example.com:8443/a/", "wss://voice.example.com:8443/a/twilio/media"),
        ("HTTPS://Voice.example.com", "wss://Voice.example.com/twilio/media"),
        ("  https://voice.example.com \n", "wss://voice.example.com/twilio/media"),
        ("http://localhost:8000", "ws://localhost:8000/twilio/media"),
        ("http://127.1.2.3", "ws://127.1.2.3/twilio/media"),
        ("http://[::1]:8000", "ws://[::1]:8000/twilio/media"),
    ],
)
def test_what_is_accepted_makes_good_twiml(
    monkeypatch: pytest.MonkeyPatch, public_url: str, stream_url: str
) -> None:
    """A public address that passes here is never refused when a call comes."""
    found = loaded(monkeypatch, GATEWAY_PUBLIC_URL=public_url)
    assert found.stream_url == stream_url
    twiml.connect_stream(
        stream_url=found.stream_url,
        action_url=f"{found.public_url}/a",
        status_url=f"{found.public_url}/s",
        call_sid="CA1",
        parameters={},
    )


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.0.9", "[::1]"])
def test_loopback_is_this_machine(host: str) -> None:
    """localhost, 127.0.0.0/8 and ::1, with or without a port."""
    assert is_loopback(f"ws://{host}/x")
    assert is_loopback(f"http://{host}:80")


@pytest.mark.parametrize(
    "host", ["localhost.example.com", "128.0.0.1", "0.0.0.0", "[::]", "example.com", "127.1", ""]
)
def test_nothing_else_is_loopback(host: str) -> None:
    """Names that look like it and addresses beside it are not."""
    assert not is_loopback(f"ws://{host}/x")


def test_spaces_around_a_value_are_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break at the end of a pasted key or account would otherwise fail every call."""
    found = loaded(
        monkeypatch, TWILIO_ACCOUNT_SID=" AC1\r", OPENAI_API_KEY="sk-x\n", GATEWAY_PORT="1 "
    )
    assert (found.twilio_account_sid, found.port) == ("AC1", 1)
    assert found.openai_api_key == SecretStr("sk-x")


def test_the_first_token_is_for_rest() -> None:
    """Order is kept; spaces and empty places are not tokens."""
    assert load_settings(twilio_auth_token=" b ,, a ").auth_tokens == ("b", "a")
    assert load_settings(twilio_auth_token=", ,").auth_tokens == ()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("wss://models.example.com/v1/realtime?model=x", None),
        ("ws://127.0.0.1:9/v1/realtime", None),
        ("ws://localhost/x", None),
        ("ws://models.example.com/x", "must start with wss://"),
        ("https://models.example.com/x", "must start with wss://"),
        ("models.example.com", "must be a full address"),
        ("wss://", "must be a full address"),
        ("wss://h:99999/", "the port is not a number"),
        ("wss://[::1/", "must be a full address"),
        ("wss://h/a b", "must not contain spaces"),
        ("wss://me:secret@h/", "must not carry a user or password"),
        ("wss://h/#x", "must not carry a fragment"),
    ],
)
def test_an_address_is_judged(url: str, words: str | None) -> None:
    """Encrypted, or to this machine; never repeated, it may hold a password."""
    fault = address_fault(url, secure="wss", plain="ws", query=True)
    if words is None or fault is None:
        assert fault == words
        return
    assert fault.startswith(words)
    assert "secret" not in fault
