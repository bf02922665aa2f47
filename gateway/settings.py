"""Every setting of the gateway, read once at start from the environment, ``.env`` and secret files.

Owns names, defaults and the rules between settings. One frozen :class:`Settings` is built by the
command and passed down; nothing imports it as a global.
"""

import json
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from gateway.errors import ConfigError
from gateway.urls import address_fault as address_fault
from gateway.urls import is_loopback as is_loopback

OFFLINE_KEY = "offline"
"""The model key of a gateway beside an offline model."""
SECRETS_DIR = "/run/secrets"
"""Where secrets may lie as files named like the variable (Docker and Kubernetes convention)."""

SHORTEST_PASSWORD = 10
ARGON2 = (
    r"\$argon2(?:id|i|d)\$v=19\$m=[0-9]{1,8},t=[0-9]{1,4},p=[0-9]{1,3}"
    r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86}"
)
"""How a hashed password is written."""


def _checked_url(value: str, **rules: Any) -> str:
    if not value:
        return value
    if fault := address_fault(value, **rules):
        raise ValueError(fault)
    scheme = urlsplit(value).scheme  # in lower case
    return scheme + value[len(scheme) :]


def _public_url(value: str) -> str:
    return _checked_url(value, secure="https", plain="http").rstrip("/")


def _hook_url(value: str) -> str:
    return _checked_url(value, secure="https", plain="http", query=True)


def _otel_url(value: str) -> str:
    return _checked_url(value, secure="https", plain="http", private=True).rstrip("/")


def _realtime_url(value: str) -> str:
    if "api-version=" in value:
        raise ValueError(
            "the legacy api-version path is gone; use wss://<resource>.openai.azure.com"
            "/openai/v1/realtime?model=<deployment>"
        )
    return _checked_url(value, secure="wss", plain="ws", query=True)


def _database_url(value: SecretStr | None) -> SecretStr | None:
    url = "" if value is None else value.get_secret_value()
    if url and not url.startswith(("postgresql://", "sqlite:///")):
        raise ValueError("must start with postgresql:// or sqlite:///")
    return value


def _api_token(value: SecretStr | None) -> SecretStr | None:
    token = "" if value is None else value.get_secret_value()
    if " " in token or not (token.isascii() and token.isprintable()):
        raise ValueError("must be ASCII without spaces, or no header could carry it")
    return value


def _admin_password(value: SecretStr | None) -> SecretStr | None:
    password = "" if value is None else value.get_secret_value()
    if password.startswith("$argon2"):
        if not re.fullmatch(ARGON2, password, re.ASCII):
            raise ValueError("begins like an argon2 hash and is none (was a $ replaced?)")
    elif value is not None and len(password) < SHORTEST_PASSWORD:
        raise ValueError(f"must have at least {SHORTEST_PASSWORD} characters")
    return value


def _listed(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _countries(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        return value
    from phonenumbers import SUPPORTED_REGIONS  # not by every command: it takes its time

    countries = tuple(each.upper() for each in value)
    if not SUPPORTED_REGIONS.issuperset(countries):
        raise ValueError("must be countries of two letters (ISO 3166) such as US,DE,GB")
    return countries


def _prefixes(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(r"\+[1-9][0-9]{0,14}", each, re.ASCII) for each in value):
        raise ValueError("must be beginnings of numbers such as +4930,+1202")
    return value


def _quiet(value: str) -> str:
    hour = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
    start, _, end = value.partition("-")
    if value != "off" and (start == end or not re.fullmatch(f"{hour}-{hour}", value, re.ASCII)):
        raise ValueError("must be hours such as 21:00-08:00, or off")
    return value


def _headers(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        headers = json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg} at character {error.pos})") from None
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        raise ValueError('must be a JSON object of strings, like {"api-key": "…"}')
    return headers


class Settings(BaseSettings):
    """The settings. Field ``x`` is the variable ``GATEWAY_X`` unless an alias says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="GATEWAY_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        str_strip_whitespace=True,
        allow_inf_nan=False,
    )

    openai_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("OPENAI_API_KEY", "openai_api_key"),
        description="Key for the model.",
    )
    twilio_account_sid: str = Field(
        "",
        validation_alias=AliasChoices("TWILIO_ACCOUNT_SID", "twilio_account_sid"),
        description="Account whose webhooks are accepted (AC…).",
    )
    twilio_auth_token: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_listed)] = Field(
        (),
        validation_alias=AliasChoices("TWILIO_AUTH_TOKEN", "twilio_auth_token"),
        description="Signs webhooks and streams; a comma list while rotating.",
    )
    twilio_phone_number: str = Field(
        "",
        validation_alias=AliasChoices("TWILIO_PHONE_NUMBER", "twilio_phone_number"),
        description="Default number to call from (E.164).",
    )
    twilio_api_url: Annotated[str, AfterValidator(_public_url)] = Field(
        "", description="Twilio's REST API elsewhere: a region (https://…) or the twin."
    )
    calls_per_second: float = Field(
        1.0, gt=0, le=100, description="Calls placed in a second; the carrier allows the account 1."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    public_url: Annotated[str, AfterValidator(_public_url)] = Field(
        "", description="https base Twilio reaches us under: the one base of TwiML and signatures."
    )
    realtime_url: Annotated[str, AfterValidator(_realtime_url)] = Field(
        "", description="Realtime server (wss://…); empty = OpenAI with the agent's model."
    )
    realtime_headers: Annotated[dict[str, SecretStr], NoDecode, BeforeValidator(_headers)] = Field(
        default_factory=dict,
        description="JSON object of headers in place of Authorization (Azure, others).",
    )
    data_dir: Path = Field(Path("data"), description="Where the gateway keeps its files.")
    agents_dir: Path = Field(Path("agents_config"), description="Folder of the agents.")
    agent: str = Field("assistant", description="Agent that answers when no route says otherwise.")
    max_calls: int = Field(100, ge=1, le=10000, description="Calls at a time; more are refused.")
    max_lag_ms: float = Field(
        30.0, ge=0, description="New calls are refused while the loop is later; 0 = never."
    )
    overflow_message: str = Field(
        "", description="Said to callers we refuse for want of room; empty = busy signal."
    )
    lead_ms: int = Field(
        600, ge=200, le=5000, description="How far the carrier is kept ahead of the caller's ear."
    )
    connect_timeout_s: float = Field(
        10.0, gt=0, le=15, description="Longest wait for the model before the apology."
    )
    no_stream_timeout_s: float = Field(
        15.0, gt=0, le=60, description="A pre-dialled model is closed when no stream comes in time."
    )
    start_timeout_s: float = Field(
        5.0, gt=0, le=30, description="A stream must present its ticket in this time."
    )
    drain_timeout_s: float = Field(
        3600.0, ge=0, description="After SIGTERM calls may go on this long, then hear a goodbye."
    )
    ping_interval_s: float = Field(
        20.0, gt=0, description="A silent socket is pinged after this time."
    )
    tool_timeout_s: float = Field(10.0, gt=0, description="Longest run of a tool without its own.")
    tool_threads: int = Field(16, ge=1, le=256, description="Threads for tools that are not async.")
    approval_timeout_s: float = Field(
        30.0, gt=0, le=3600, description="A tool nobody approved in this time is not run."
    )
    api_token: Annotated[SecretStr | None, AfterValidator(_api_token)] = Field(
        None, description="Opens /api/ to whoever presents it; unset = closed to everybody."
    )
    admin_password: Annotated[SecretStr | None, AfterValidator(_admin_password)] = Field(
        None, description="Password of the user admin, or its argon2 hash; unset = there is none."
    )
    users: Path | None = Field(
        None, description="File of those who may sign in; default: users.toml in the data dir."
    )
    secret: SecretStr | None = Field(
        None, description="Signs tickets; default: derived from the first auth token."
    )
    database_url: Annotated[SecretStr | None, AfterValidator(_database_url)] = Field(
        None, description="postgresql://… or sqlite:///…; default: SQLite in the data dir."
    )
    recordings: bool | None = Field(
        None,
        description="on = routes that do not say are recorded, off = none is, whatever it says.",
    )
    recording_keys: Path | None = Field(
        None, description="File of keys that encrypt recordings; the first one encrypts."
    )
    redact: Path | None = Field(None, description="File of patterns that no record may contain.")
    redact_numbers: bool = Field(False, description="Phone numbers in what is said are redacted.")
    keep_recordings_days: float = Field(30.0, ge=0, description="Recordings older go; 0 = never.")
    keep_text_days: float = Field(90.0, ge=0, description="What was said goes then; 0 = never.")
    keep_calls_days: float = Field(400.0, ge=0, description="The rest of a call goes; 0 = never.")
    prices: Path | None = Field(
        None, description="Price file in place of the one that comes along."
    )
    max_usd_per_call: float | None = Field(None, gt=0, description="Most a call may cost.")
    max_usd_per_number: float | None = Field(
        None, gt=0, description="Most a caller may cost a day."
    )
    max_usd_per_route: float | None = Field(None, gt=0, description="Most a route may cost a day.")
    max_usd_per_day: float | None = Field(None, gt=0, description="Most all calls may cost a day.")
    spend_soft_share: float = Field(
        0.8, gt=0, le=1, description="Share of a limit at which the agent is told to wrap up."
    )
    outbound_countries: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_countries)
    ] = Field((), description="Countries that are called, a comma list; empty = nobody is.")
    outbound_prefixes: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_prefixes)
    ] = Field((), description="A number must begin with one of these besides, if there are any.")
    outbound_per_number: int = Field(3, ge=1, description="Calls to a number in 24 hours.")
    outbound_per_minute: int = Field(30, ge=1, description="Calls in a minute.")
    outbound_per_day: int = Field(200, ge=1, description="Calls in 24 hours.")
    outbound_at_once: int = Field(5, ge=1, description="Calls we placed, at a time.")
    outbound_quiet: Annotated[str, AfterValidator(_quiet)] = Field(
        "21:00-08:00", description="Hours in the callee's zone in which nobody is called, or off."
    )
    outbound_max_age_s: float = Field(
        120.0, gt=0, description="A call that waited longer for its turn is not placed."
    )
    hook_url: Annotated[str, AfterValidator(_hook_url)] = Field(
        "", description="Is told of calls by signed webhooks (https://…)."
    )
    hook_secret: SecretStr | None = Field(None, description="Signs those webhooks.")
    hook_events: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = Field(
        ("call.started", "call.ended"), description="Which events, a comma list."
    )
    otel: Annotated[str, AfterValidator(_otel_url)] = Field(
        "", description="Is sent traces of calls: an OpenTelemetry collector (OTLP over HTTP)."
    )
    otel_pii: bool = Field(
        False, description="Traces have what people said and their numbers, too, redacted."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto = console on a terminal, JSON elsewhere."
    )

    @property
    def stream_url(self) -> str:
        """The wss address of the media socket, exactly as it stands in the TwiML."""
        return "ws" + self.public_url.removeprefix("http") + "/twilio/media"

    @property
    def auth_tokens(self) -> tuple[str, ...]:
        """The plain auth tokens, the first being the one for REST."""
        return tuple(token.get_secret_value() for token in self.twilio_auth_token)


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and files; ``overrides`` (by field name) win.

    Raises ConfigError with one line per wrong setting, naming the variable and never its value, or
    the file that cannot be read.
    """
    try:
        secrets = SECRETS_DIR if os.path.isdir(SECRETS_DIR) else None
        return Settings(**{"_secrets_dir": secrets, **overrides})
    except ValidationError as error:
        lines = [f"{_variable(str(e['loc'][0]))}: {_reason(e['msg'])}" for e in error.errors()]
        raise ConfigError("; ".join(lines)) from None
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(_unreadable(error)) from None


def _unreadable(error: Exception) -> str:
    """Which file cannot be read, and why; pydantic-settings' own words name the field."""
    cause = error.__cause__ or error
    where = str(error) if isinstance(error, SettingsError) else ".env"
    match cause:
        case UnicodeDecodeError():
            return f"{where}: is not UTF-8"
        case OSError():
            return f"{cause.filename or where}: {cause.strerror}"
    return where


def not_set(settings: Settings, *, tunnel: bool = False) -> list[str]:
    """The variables without which no call can be taken, each with a word on what it is.

    ``tunnel``: the public URL will be that of a tunnel.
    """
    missing = []
    if not settings.twilio_auth_token:
        missing.append("TWILIO_AUTH_TOKEN (webhooks could not be checked)")
    if not settings.twilio_account_sid:
        missing.append("TWILIO_ACCOUNT_SID")
    if not settings.public_url and not tunnel:
        missing.append(
            "GATEWAY_PUBLIC_URL (the https address Twilio reaches this gateway under; or --tunnel)"
        )
    if settings.openai_api_key is None and not settings.realtime_headers:
        missing.append("OPENAI_API_KEY (or GATEWAY_REALTIME_HEADERS)")
    return missing


def _variable(name: str) -> str:
    return name if name.isupper() else f"GATEWAY_{name.upper()}"


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")
