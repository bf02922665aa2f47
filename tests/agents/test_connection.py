"""Where connections go and what they carry: a key only to the server it was named for."""

from pathlib import Path
from typing import Any

import pytest
from agents.realtime.model import RealtimeModelConfig

from gateway.agents import Catalogue
from gateway.agents.connection import with_model
from gateway.call.session import AgentPlan
from gateway.errors import ModelError
from gateway.settings import Settings
from tests.agents.conftest import Load
from tests.agents.folders import URL, offer, settings

KEYS = """
def token():
    return "t-1"

async def later():
    return "t-2"

def nothing():
    return None
"""
AZURE = "wss://r.openai.azure.com/openai/v1/realtime?model=deployed"


def plan_of(catalogue: Catalogue) -> AgentPlan:
    """How agent `a` takes a call."""
    return catalogue.plan_for("a", offer())


def config_of(loaded: Load, provider: str, used: Settings | None = None) -> RealtimeModelConfig:
    """The connection of an agent with that provider."""
    return plan_of(loaded(used, a_toml=provider, keys_py=KEYS)).model_config


def test_without_a_provider_it_is_the_gateways(loaded: Load) -> None:
    """Key, headers and address of the settings; the model's name of the agent."""
    config = config_of(loaded, '[model]\nmodel_name = "gpt-realtime-mini"')
    assert config.get("api_key") == "sk-x"
    assert config.get("url") == f"{URL}?model=gpt-realtime-mini"
    assert "headers" not in config
    azure = settings(url=AZURE, openai_api_key=None, realtime_headers='{"api-key": "k"}')
    config = config_of(loaded, "", azure)
    assert (config.get("headers"), config.get("url")) == ({"api-key": "k"}, AZURE)
    assert "api_key" not in config
    assert "url" not in config_of(loaded, "", settings(url=""))


def test_an_address_may_name_the_agent(loaded: Load, folder: Path) -> None:
    """In the settings or in the agent's file."""
    used = settings(url="ws://127.0.0.1:9/v1/realtime?agent={agent}")
    assert config_of(loaded, "", used).get("url") == (
        "ws://127.0.0.1:9/v1/realtime?agent=a&model=gpt-realtime-2.1"
    )
    own = config_of(loaded, '[provider]\nurl = "ws://127.0.0.1:9/{agent}?model=m"')
    assert own.get("url") == "ws://127.0.0.1:9/a?model=m"


PROVIDERS: dict[str, tuple[str, dict[str, str]]] = {
    "a key of its own": ('api_key_env = "THEIR_KEY"', {"Authorization": "Bearer k-1"}),
    "as Azure wants it": (
        f'url = "{AZURE}"\napi_key_env = "THEIR_KEY"\nauth = "api-key"',
        {"api-key": "k-1"},
    ),
    "with headers": (
        'api_key_env = "THEIR_KEY"\nheaders = { X-Org = "o" }',
        {"Authorization": "Bearer k-1", "X-Org": "o"},
    ),
    "the gateway's key with headers": (
        'headers = { X-Org = "o" }',
        {"Authorization": "Bearer sk-x", "X-Org": "o"},
    ),
    "an address without a key": (f'url = "{AZURE}"', {}),
}


@pytest.mark.parametrize("what", PROVIDERS)
def test_a_key_goes_where_it_was_named_for(
    loaded: Load, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """An address of the agent's own never gets the gateway's key."""
    monkeypatch.setenv("THEIR_KEY", "k-1")
    provider, headers = PROVIDERS[what]
    config = config_of(loaded, f"[provider]\n{provider}")
    assert config.get("headers") == headers
    assert "api_key" not in config


def test_headers_are_added_to_the_gateways(loaded: Load) -> None:
    """Also to those that stand in for a key."""
    used = settings(openai_api_key=None, realtime_headers='{"api-key": "k"}')
    config = config_of(loaded, '[provider.headers]\nX-Org = "o"', used)
    assert config.get("headers") == {"api-key": "k", "X-Org": "o"}
    keyless = settings(openai_api_key=None)
    assert config_of(loaded, '[provider.headers]\nX-Org = "o"', keyless).get("headers") == {
        "X-Org": "o"
    }


@pytest.mark.asyncio
@pytest.mark.parametrize(("function", "key"), [("token", "t-1"), ("later", "t-2")])
async def test_a_key_can_be_asked_for(loaded: Load, function: str, key: str) -> None:
    """At each connection; whole headers, and nothing to fall back on before."""
    provider = f'api_key_from = "keys.{function}"\nauth = "api-key"\nheaders = {{ X-Org = "o" }}'
    plan = plan_of(loaded(a_toml=f"[provider]\n{provider}", keys_py=KEYS))
    assert plan.credentials is not None
    assert await plan.credentials() == {"api-key": key, "X-Org": "o"}
    assert plan.model_config.get("headers") == {"X-Org": "o"}
    assert "api_key" not in plan.model_config


@pytest.mark.asyncio
async def test_no_key_is_no_connection(loaded: Load) -> None:
    """A function that returns none is told as such."""
    plan = plan_of(loaded(a_toml='[provider]\napi_key_from = "keys.nothing"', keys_py=KEYS))
    assert plan.credentials is not None
    with pytest.raises(ModelError, match="api_key_from returned no key") as wrong:
        await plan.credentials()
    assert wrong.value.reason == "model_auth"


def test_keys_that_are_known_are_not_asked_for(loaded: Load) -> None:
    """Nothing runs at a connection then."""
    assert plan_of(loaded()).credentials is None


def test_a_key_is_not_shown(loaded: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by the agent that has it."""
    monkeypatch.setenv("THEIR_KEY", "canary")
    catalogue = loaded(a_toml='[provider]\napi_key_env = "THEIR_KEY"')
    assert "canary" not in repr(catalogue.agent("a"))


@pytest.mark.parametrize(
    ("url", "with_name"),
    [
        ("wss://h/v1/realtime", "wss://h/v1/realtime?model=m+1"),
        ("wss://h/v1/realtime?a=b", "wss://h/v1/realtime?a=b&model=m+1"),
        ("wss://h/v1/realtime?model=other", "wss://h/v1/realtime?model=other"),
        ("wss://h/v1/realtime?a=b&model=other", "wss://h/v1/realtime?a=b&model=other"),
    ],
)
def test_an_address_names_the_model(url: str, with_name: str) -> None:
    """Unless it names one already, as Azure deployments do."""
    assert with_model(url, "m 1") == with_name


def test_headers_of_two_agents_are_two(loaded: Load) -> None:
    """What the SDK does to one call's configuration is not another call's."""
    catalogue = loaded(a_toml='[provider.headers]\nX-Org = "o"')
    first: Any = plan_of(catalogue).model_config
    first["headers"]["X-Org"] = "changed"
    assert plan_of(catalogue).model_config["headers"]["X-Org"] == "o"
