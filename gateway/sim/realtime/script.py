"""Owns the script format: TOML in, answers out; every key is checked. Plays nothing.

A script says what the offline model answers. Its words are lines of a voice: a folder
`<speech>/<voice>/` with `lines.toml` (line name = text) and one `<line>.ulaw` each.

    name = "assistant"
    voice = "assistant"
    [greeting]                  # a response.create before any caller turn
    [[turn]]                    # caller turns, spoken or written, in order
    heard = "Where is it?"      # what their transcription says; optional, in a turn only
    [[on_text]]                 # written input; the first match answers and uses no turn
    match = "pressed"           # a regular expression, searched in the text
    [after_tool.lookup_order]   # a response.create after that tool's output
    [[after_tool.update_seat]]  # or several: the first that matches the output answers
    match = "changed"           # optional in the last one, which then answers to any output
    [otherwise]                 # everything else, also the idle timeout

Each of them is an answer, made of `say` (a line, or a list of lines spoken as one message) or
`items` (a list of `{ say = … }`, one message each), of `call` (a table with `name` and `arguments`,
or a list of them), and of `instant = true` (the audio leaves at once). Or it is
`fail = "server_error" | "insufficient_quota" | "rate_limit"`. An answer that calls a tool which
the session does not offer is replaced by `otherwise`. The script `echo` is built in.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.errors import ConfigError

ECHO: Final = "echo"
FAILURES: Final = ("server_error", "insufficient_quota", "rate_limit")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_ANY: Final = re.compile("")


@dataclass(frozen=True, slots=True)
class Speech:
    """One message: its words, and the mu-law payload that says them."""

    text: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """One function call; `arguments` is JSON."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one response contains."""

    parts: tuple[Speech | Call, ...] = ()
    fail: str | None = None
    instant: bool = False
    heard: str = ""

    @property
    def tools(self) -> set[str]:
        return {part.name for part in self.parts if isinstance(part, Call)}


@dataclass(frozen=True, slots=True)
class OnText:
    """An answer to a text that matches: written input, or the output of a tool."""

    match: re.Pattern[str]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script."""

    name: str
    greeting: Answer | None = None
    turns: tuple[Answer, ...] = ()
    on_text: tuple[OnText, ...] = ()
    after_tool: Mapping[str, tuple[OnText, ...]] = field(default_factory=dict)
    otherwise: Answer = Answer()


def load_script(scripts_dir: Path, name: str, speech_dir: Path) -> Script:
    """Reads `<scripts_dir>/<name>.toml`; `ConfigError` names the file and the key."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"script {name!r}: a script is named by letters, digits, - and _")
    if name == ECHO:
        return Script(ECHO)
    path = scripts_dir / f"{name}.toml"
    table = _Table(path, "", _read_toml(path))
    table.allow("name", "voice", "greeting", "turn", "on_text", "after_tool", "otherwise")
    lines = _Lines(speech_dir / table.text("voice"))
    return Script(
        name=table.text("name"),
        greeting=_optional(table, "greeting", lines),
        turns=tuple(_answer(turn, lines, "heard") for turn in table.tables("turn")),
        on_text=tuple(_on_text(entry, lines) for entry in table.tables("on_text")),
        after_tool={
            tool: _after_tool(entries, lines) for tool, entries in table.children("after_tool")
        },
        otherwise=_optional(table, "otherwise", lines) or Answer(),
    )


def has_script(scripts_dir: Path, name: str) -> bool:
    """True when there is a file for a script of that name, whatever is in it."""
    return bool(_NAME.fullmatch(name)) and (scripts_dir / f"{name}.toml").is_file()


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise ConfigError(f"{path}: {wrong}") from None


class _Table:
    """One table of a script; its complaints name the file and the key."""

    def __init__(self, path: Path, key: str, value: object) -> None:
        self.path = path
        self.key = key
        if not isinstance(value, dict):
            raise ConfigError(f"{path}: {key}: must be a table")
        self._value: dict[str, Any] = value

    def wrong(self, name: str, why: str) -> ConfigError:
        return ConfigError(f"{self.path}: {self.key}{'.' if self.key else ''}{name}: {why}")

    def allow(self, *names: str) -> None:
        for name in self._value:
            if name not in names:
                raise self.wrong(name, f"unknown key; known are {', '.join(names)}")

    def has(self, name: str) -> bool:
        return name in self._value

    def get(self, name: str, kind: type | tuple[type, ...], what: str) -> Any:
        value = self._value.get(name)
        if not isinstance(value, kind):
            raise self.wrong(name, f"must be {what}" if self.has(name) else "is missing")
        return value

    def text(self, name: str) -> str:
        return str(self.get(name, str, "a string"))

    def children(self, name: str) -> Iterator[tuple[str, list["_Table"]]]:
        """The tables of a table, each of them one or an array of several."""
        tables = self.get(name, dict, "a table") if self.has(name) else {}
        for child, value in tables.items():
            key = f"{name}.{child}"
            if isinstance(value, list):
                yield child, [self._child(f"{key}[{n}]", e) for n, e in enumerate(value, 1)]
            else:
                yield child, [self._child(key, value)]

    def child(self, name: str) -> "_Table":
        return self._child(name, self._value[name])

    def tables(self, name: str) -> list["_Table"]:
        """An array of tables, or one table; none when the key is missing."""
        value = self._value.get(name, [])
        entries = value if isinstance(value, list) else [value]
        return [self._child(f"{name}[{n}]", entry) for n, entry in enumerate(entries, 1)]

    def words(self, name: str) -> list[str]:
        """A string, or a list of strings that is not empty."""
        value = self._value[name]
        words = value if isinstance(value, list) else [value]
        if not words or not all(isinstance(word, str) for word in words):
            raise self.wrong(name, "must be a line name or a list of line names")
        return words

    def _child(self, name: str, value: object) -> "_Table":
        return _Table(self.path, f"{self.key}{'.' if self.key else ''}{name}", value)


class _Lines:
    """The recorded lines of one voice."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._texts = _read_toml(folder / "lines.toml")

    def speech(self, table: _Table, name: str) -> Speech:
        """The lines under a key as one message."""
        texts, payloads = [], []
        for line in table.words(name):
            text = self._texts.get(line)
            if not isinstance(text, str):
                raise table.wrong(name, f"line {line!r} is not in {self._folder / 'lines.toml'}")
            texts.append(text)
            payloads.append(self._payload(table, name, line))
        return Speech(" ".join(texts), b"".join(payloads))

    def _payload(self, table: _Table, name: str, line: str) -> bytes:
        path = self._folder / f"{line}.ulaw"
        try:
            payload = path.read_bytes()
        except OSError:
            raise table.wrong(name, f"cannot read {path}") from None
        if not payload:
            raise table.wrong(name, f"{path} is empty")
        return payload


def _optional(table: _Table, name: str, lines: _Lines) -> Answer | None:
    return _answer(table.child(name), lines) if table.has(name) else None


def _on_text(table: _Table, lines: _Lines) -> OnText:
    try:
        match = re.compile(table.text("match"))
    except re.error as wrong:
        raise table.wrong("match", f"is no regular expression: {wrong}") from None
    return OnText(match, _answer(table, lines, "match"))


def _after_tool(entries: list[_Table], lines: _Lines) -> tuple[OnText, ...]:
    for entry in entries[:-1]:
        if not entry.has("match"):
            raise entry.wrong("match", "is missing; only the last answer can do without")
    return tuple(
        _on_text(entry, lines) if entry.has("match") else OnText(_ANY, _answer(entry, lines))
        for entry in entries
    )


def _answer(table: _Table, lines: _Lines, *extra: str) -> Answer:
    table.allow("say", "items", "call", "fail", "instant", *extra)
    parts: list[Speech | Call] = [*_messages(table, lines), *_calls(table)]
    fail = table.text("fail") if table.has("fail") else None
    if fail is not None and fail not in FAILURES:
        raise table.wrong("fail", f"must be one of {', '.join(FAILURES)}")
    if bool(parts) == (fail is not None):
        raise table.wrong("say", "an answer has say, items or call, or else fail")
    return Answer(
        parts=tuple(parts),
        fail=fail,
        instant=bool(table.get("instant", bool, "true or false"))
        if table.has("instant")
        else False,
        heard=table.text("heard") if table.has("heard") else "",
    )


def _messages(table: _Table, lines: _Lines) -> list[Speech]:
    if not table.has("items"):
        return [lines.speech(table, "say")] if table.has("say") else []
    if table.has("say"):
        raise table.wrong("items", "say and items exclude each other")
    entries = table.tables("items")
    for entry in entries:
        entry.allow("say")
        entry.get("say", (str, list), "a line name or a list of line names")
    return [lines.speech(entry, "say") for entry in entries]


def _calls(table: _Table) -> list[Call]:
    calls = []
    for entry in table.tables("call"):
        entry.allow("name", "arguments")
        arguments = entry.get("arguments", dict, "a table") if entry.has("arguments") else {}
        calls.append(Call(entry.text("name"), json.dumps(arguments, separators=(",", ":"))))
    return calls
