"""agents_config/ -> agents ready for the line: ``RealtimeAgent``, run config, model config.

Owns the files' format. An agent is ``<name>.toml`` with its instructions in Markdown beside it and
tools by dotted name from the same folder. Every mistake names file and key.
"""

import difflib
import importlib.util
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from agents import AgentsException, FunctionTool
from agents.realtime import RealtimeAgent
from agents.realtime.config import RealtimeSessionModelSettings
from agents.realtime.model import RealtimeModelConfig

from gateway.call.session import AgentPlan
from gateway.call.tools import CALL_CONTROL, CallContext, ToolRunner
from gateway.errors import ConfigError
from gateway.settings import Settings

_Keys = Mapping[str, tuple[str, tuple[type, ...]]]
_TEXT, _TABLE = ("a text", (str,)), ("a table", (dict,))
_TOP_KEYS: _Keys = {
    "instructions": ("the name of a Markdown file", (str,)),
    "greeting": _TEXT,
    "tools": ("a list of names", (list,)),
    "handoffs": ("a list of names", (list,)),
    "handoff_description": _TEXT,
    "model": _TABLE,
}
_MODEL_KEYS: _Keys = {
    "model_name": _TEXT,
    "voice": _TEXT,
    "speed": ("a number", (int, float)),
    "max_output_tokens": ('a whole number or "inf"', (int, str)),
    "tool_choice": _TEXT,
    "parallel_tool_calls": ("true or false", (bool,)),
    "input_audio_transcription": _TABLE,
    "input_audio_noise_reduction": _TABLE,
    "turn_detection": _TABLE,
}
_IMPORT_FAILS = (
    AgentsException,
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What the top level of somebody's tools can run into."""
_DEFAULTS: dict[str, Any] = {
    "model_name": "gpt-realtime-2.1",
    "voice": "marin",
    "input_audio_transcription": {"model": "gpt-4o-mini-transcribe"},
    "input_audio_noise_reduction": {"type": "near_field"},
    "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500},
}


class AgentFiles:
    """The agents of one folder."""

    def __init__(self, folder: Path, settings: Settings, tools: ToolRunner) -> None:
        self._folder = folder
        self._settings = settings
        self._runner = tools
        self._modules: dict[str, ModuleType] = {}

    def names(self) -> list[str]:
        """Names of the configured agents, sorted."""
        if not self._folder.is_dir():
            raise ConfigError(f"GATEWAY_AGENTS_DIR: no folder {self._folder}")
        return sorted(p.stem for p in self._folder.glob("*.toml") if p.stem != "routes")

    def plan(self, name: str) -> AgentPlan:
        """The agent of that name, ready for a call. Raises ConfigError naming file and key."""
        built: dict[str, RealtimeAgent[CallContext]] = {}
        agent = self._agent(name, built)
        settings = self._read(name)
        return AgentPlan(
            name=name,
            agent=agent,
            model_config=self._model_config(name, settings.get("model", {})),
            run_config={"tracing_disabled": True},
            greeting=settings.get("greeting"),
        )

    # Files

    def _read(self, name: str) -> dict[str, Any]:
        path = self._path(name)
        try:
            table = tomllib.loads(_text(path))
        except FileNotFoundError:
            known = ", ".join(self.names()) or "none"
            raise ConfigError(f"no agent {name!r} in {self._folder} (there are: {known})") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: {error}") from None
        _check_keys(path, "", table, _TOP_KEYS)
        _check_keys(path, "model.", table.get("model", {}), _MODEL_KEYS)
        return table

    def _path(self, name: str) -> Path:
        if not name.replace("_", "").replace("-", "").isalnum():
            raise ConfigError(f"agent name {name!r} must be letters, digits, '-' and '_'")
        return self._folder / f"{name}.toml"

    def _agent(
        self, name: str, built: dict[str, RealtimeAgent[CallContext]]
    ) -> RealtimeAgent[CallContext]:
        if name in built:
            return built[name]
        path, table = self._path(name), self._read(name)
        agent = built[name] = RealtimeAgent[CallContext](
            name=name,
            instructions=self._instructions(path, table),
            tools=[self._tool(path, tool) for tool in _strings(path, table, "tools")],
            handoff_description=table.get("handoff_description"),
        )
        for other in _strings(path, table, "handoffs"):
            try:
                known = self._path(other).is_file()
            except ConfigError as error:
                raise ConfigError(f"{path}: handoffs: {error}") from None
            if not known:
                names = ", ".join(self.names())
                raise ConfigError(f"{path}: handoffs: no agent {other!r} (there are: {names})")
            agent.handoffs.append(self._agent(other, built))
        return agent

    def _instructions(self, path: Path, table: Mapping[str, Any]) -> str:
        name = table.get("instructions", f"{path.stem}.md")
        try:
            return _text(path.parent / name)
        except OSError:
            raise ConfigError(f"{path}: instructions: no file {path.parent / name}") from None

    def _tool(self, path: Path, dotted: str) -> FunctionTool:
        if dotted in CALL_CONTROL:
            return CALL_CONTROL[dotted]
        module_name, _, attribute = dotted.rpartition(".")
        if not module_name:
            near = difflib.get_close_matches(dotted, CALL_CONTROL, 1)
            hint = f"did you mean {near[0]!r}" if near else "write module.name"
            raise ConfigError(f"{path}: tools: no built-in tool {dotted!r} ({hint})")
        tool = getattr(self._module(path, module_name), attribute, None)
        if not isinstance(tool, FunctionTool):
            raise ConfigError(f"{path}: tools: {dotted!r} is not a function tool")
        return self._runner.away(tool)

    def _module(self, path: Path, name: str) -> ModuleType:
        if name not in self._modules:
            file = self._folder.joinpath(*name.split(".")).with_suffix(".py")
            spec = importlib.util.spec_from_file_location(f"agents_config.{name}", file)
            if not file.is_file() or spec is None or spec.loader is None:
                raise ConfigError(f"{path}: tools: no module {file}")
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            try:
                spec.loader.exec_module(module)
            except _IMPORT_FAILS as error:
                del sys.modules[spec.name]
                raise ConfigError(f"{file}: {type(error).__name__}: {error}") from error
            self._modules[name] = module
        return self._modules[name]

    # The model

    def _model_config(self, name: str, table: Mapping[str, Any]) -> RealtimeModelConfig:
        model: dict[str, Any] = {**_DEFAULTS, **table}
        model["turn_detection"] = _explicit_turns(model["turn_detection"])
        model["input_audio_format"] = model["output_audio_format"] = "g711_ulaw"
        config = RealtimeModelConfig(
            initial_model_settings=RealtimeSessionModelSettings(**model)  # type: ignore[typeddict-item]
        )
        key, headers = self._settings.openai_api_key, self._settings.realtime_headers
        if key is not None:
            config["api_key"] = key.get_secret_value()
        if headers:
            config["headers"] = {k: v.get_secret_value() for k, v in headers.items()}
        if self._settings.realtime_url:
            config["url"] = with_model(self._settings.realtime_url, model["model_name"])
        return config


def with_model(url: str, model_name: str) -> str:
    """The Realtime address with ``model=``, unless it already names one (Azure deployments do)."""
    parts = urlsplit(url)
    if "model" in parse_qs(parts.query):
        return url
    query = "&".join(filter(None, [parts.query, urlencode({"model": model_name})]))
    return parts._replace(query=query).geturl()


def _explicit_turns(turns: Any) -> Any:
    """The SDK reads the echoed booleans back, and only an explicit one is sure to be echoed."""
    if not isinstance(turns, dict):
        return turns
    return {"interrupt_response": True, "create_response": True, **turns}


def _check_keys(path: Path, prefix: str, table: Mapping[str, Any], known: _Keys) -> None:
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f" (did you mean {prefix}{near[0]}?)" if near else ""
            raise ConfigError(f"{path}: unknown key {prefix}{key}{hint}")
        what, kinds = known[key]
        # In Python true is a number as well.
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ConfigError(f"{path}: {prefix}{key} must be {what}")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8") from None


def _strings(path: Path, table: Mapping[str, Any], key: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ConfigError(f"{path}: {key} must be a list of names")
    return value
