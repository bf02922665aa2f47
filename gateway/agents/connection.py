"""How the connections of an agent's calls are opened: address, headers, key.

A key is sent to the server it was named for and to no other: an agent with an address of its own
never takes the gateway's key there.
"""

from collections.abc import Mapping
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from agents.realtime.model import RealtimeModelConfig
from pydantic import SecretStr

from gateway.agents.agent import Agent
from gateway.agents.model import DEFAULT_MODEL
from gateway.agents.provider import is_key
from gateway.agents.schema import Provider
from gateway.call.session import Credentials
from gateway.call.tools import ToolRunner
from gateway.errors import ModelError
from gateway.settings import Settings


def connection(agent: Agent, settings: Settings) -> RealtimeModelConfig:
    """Address and headers as far as they are known from the start."""
    config = RealtimeModelConfig()
    provider = agent.table.provider
    url = provider.url if provider is not None and provider.url else settings.realtime_url
    if url:
        url = url.replace("{agent}", quote(agent.name, safe=""))
        config["url"] = with_model(url, agent.table.model.model_name or DEFAULT_MODEL)
    if provider is not None:
        # Set even when there are none: without headers the SDK looks for a key by itself.
        config["headers"] = {**_authorising(agent, provider, settings), **provider.headers}
        return config
    if settings.openai_api_key is not None:
        config["api_key"] = settings.openai_api_key.get_secret_value()
    if settings.realtime_headers:
        config["headers"] = _plain(settings.realtime_headers)
    return config


def credentials(agent: Agent, runner: ToolRunner) -> Credentials | None:
    """Headers asked for at each connection, when the key comes from a function.

    They raise ModelError when the function has no key; what it raises itself passes through.
    """
    function, provider = agent.api_key_from, agent.table.provider
    if function is None or provider is None:
        return None

    async def asked() -> dict[str, str]:
        key = await runner.run(function)
        if not is_key(key):
            raise ModelError("model_auth", "provider.api_key_from returned no key")
        return {**_with_key(provider, key), **provider.headers}

    return asked


def with_model(url: str, model_name: str) -> str:
    """The Realtime address with ``model=``, unless it already names one (Azure deployments do)."""
    parts = urlsplit(url)
    if "model" in parse_qs(parts.query):
        return url
    query = "&".join(filter(None, [parts.query, urlencode({"model": model_name})]))
    return parts._replace(query=query).geturl()


def _authorising(agent: Agent, provider: Provider, settings: Settings) -> dict[str, str]:
    if agent.api_key is not None:
        return _with_key(provider, agent.api_key)
    if agent.api_key_from is not None or provider.url is not None:
        return {}
    if settings.realtime_headers:
        return _plain(settings.realtime_headers)
    key = settings.openai_api_key
    return {} if key is None else _with_key(provider, key.get_secret_value())


def _with_key(provider: Provider, key: str) -> dict[str, str]:
    if provider.auth == "api-key":
        return {"api-key": key}
    return {"Authorization": f"Bearer {key}"}


def _plain(headers: Mapping[str, SecretStr]) -> dict[str, str]:
    return {name: value.get_secret_value() for name, value in headers.items()}
