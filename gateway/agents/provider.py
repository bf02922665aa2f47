"""``[provider]``: what in it is wrong, and the key it names.

A key never stands in a file of agents: those are shown, mailed and committed.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from gateway.agents import schema
from gateway.agents.lines import KeyPath
from gateway.agents.problems import Problem
from gateway.agents.tomlfile import TomlFile
from gateway.settings import address_fault, is_loopback

_SOURCES = ("api_key_env", "api_key_file", "api_key_from")
_AUTHORISING = ("authorization", "api-key")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_LEGACY = (
    "the legacy api-version path is gone; use wss://<resource>.openai.azure.com"
    "/openai/v1/realtime?model=<deployment>"
)


def provider_problems(file: TomlFile[schema.Agent]) -> Iterator[Problem]:
    """What contradicts itself, is no address, or does not belong in a file."""
    provider = file.table.provider
    if provider is None or file.is_spoiled("provider"):
        return
    named = [key for key in _SOURCES if getattr(provider, key) is not None]
    for key in named[1:]:
        yield file.problem(("provider", key), f"only one key, {named[0]} is there already")
    if provider.auth is not None and not named:
        yield file.problem(("provider", "auth"), f"needs a key: add {' or '.join(_SOURCES)}")
    if provider.url is not None:
        path = ("provider", "url")
        fault = _LEGACY if "api-version=" in provider.url else None
        url = provider.url.replace("{agent}", "")
        fault = fault or address_fault(url, secure="wss", plain="ws", query=True)
        if fault:
            yield file.problem(path, fault)
        elif not named and not is_loopback(provider.url):
            words = "no key is sent there (the gateway's own is for its own server)"
            yield file.problem(path, f"{words}: add {' or '.join(_SOURCES)}", "warning")
    yield from header_problems(file.problem, ("provider", "headers"), provider.headers)
    for name in provider.headers:
        if name.lower() in _AUTHORISING:
            words = f"a secret does not belong in this file, use {' or '.join(_SOURCES)}"
            yield file.problem(("provider", "headers", name), words)


def read_key(file: TomlFile[schema.Agent], problems: list[Problem]) -> str | None:
    """The key that is there from the start; its absence is added to the problems."""
    provider = file.table.provider
    if provider is None:
        return None
    if provider.api_key_env is not None:
        key, where = os.environ.get(provider.api_key_env, ""), "api_key_env"
        fault = f"the variable {provider.api_key_env} is not set"
    elif provider.api_key_file is not None:
        key, where = _from_file(Path(provider.api_key_file)), "api_key_file"
        fault = f"no key in {provider.api_key_file}"
    else:
        return None
    if key and is_key(key):
        return key
    fault = "the key has spaces or characters no key has" if key else fault
    problems.append(file.problem(("provider", where), fault))
    return None


def is_key(key: object) -> bool:
    """True for what can stand in a header."""
    return isinstance(key, str) and key.isascii() and key.isprintable() and len(key.split()) == 1


def header_problems(
    problem: Callable[[KeyPath, str], Problem], path: KeyPath, headers: Mapping[str, str]
) -> Iterator[Problem]:
    """Headers no request can carry."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            yield problem((*path, name), "is no name of a header")
        elif not value.isprintable() or not value.isascii():
            yield problem((*path, name), "must be printable ASCII")


def _from_file(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""
