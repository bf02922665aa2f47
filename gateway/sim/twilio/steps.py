"""Owns what a caller can be told to do, as data: steps, and reading them from JSON.

`caller.py` carries them out. A script is a sequence of steps; when it is over the caller stays on
the line and is quiet.
"""

import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from gateway.core.g711 import audioop
from gateway.errors import ConfigError

KEYS: Final = frozenset("0123456789*#ABCD")


@dataclass(frozen=True, slots=True)
class Play:
    """Says something: mu-law bytes, or a file (`.wav` with 8 kHz mono PCM16, anything else raw
    mu-law)."""

    path: str | Path | None = None
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Pause:
    """Is quiet for `ms`."""

    ms: int


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Is quiet until `at_ms` of the stream; goes on at once when that is over."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Mute:
    """The carrier sends no media for `ms` (mute, DTX): the next timestamp jumps."""

    ms: int


@dataclass(frozen=True, slots=True)
class WaitForAgent:
    """Waits until the agent has been audible for `heard_ms` of one utterance and still is.

    Gives up after `timeout_ms` and goes on with the next step.
    """

    heard_ms: int
    timeout_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class WaitForSilence:
    """Waits until the agent has not been audible for `ms`; goes on anyway after `timeout_ms`."""

    ms: int
    timeout_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Dtmf:
    """Presses keys, one each `gap_ms`."""

    digits: str
    gap_ms: int = 200


@dataclass(frozen=True, slots=True)
class HangUp:
    """Puts the receiver down."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The carrier vanishes: the media socket is aborted without a `stop`, and the call is over."""


Step = Play | Pause | WaitUntil | Mute | WaitForAgent | WaitForSilence | Dtmf | HangUp | Drop

_STEPS: Final[dict[str, type[Any]]] = {
    "play": Play,
    "pause": Pause,
    "wait_until": WaitUntil,
    "mute": Mute,
    "wait_for_agent": WaitForAgent,
    "wait_for_silence": WaitForSilence,
    "dtmf": Dtmf,
    "hang_up": HangUp,
    "drop": Drop,
}


def steps_from_json(script: Sequence[Mapping[str, Any]], folder: Path = Path()) -> tuple[Step, ...]:
    """Steps from JSON objects such as `{"step": "play", "path": "hello.ulaw"}`; paths are below
    `folder`.

    `ConfigError` names the number of the step that is wrong.
    """
    return tuple(_step(number, dict(item), folder) for number, item in enumerate(script, 1))


def _step(number: int, item: dict[str, Any], folder: Path) -> Step:
    kind = item.pop("step", None)
    shape = _STEPS.get(kind) if isinstance(kind, str) else None
    if shape is None:
        raise ConfigError(f"caller step {number}: 'step' must be one of {', '.join(_STEPS)}")
    allowed = {field.name for field in fields(shape)} - {"payload"}
    for name, value in item.items():
        if name not in allowed:
            raise ConfigError(f"caller step {number} ({kind}): unknown field {name!r}")
        wanted = int if name.endswith("ms") else str
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise ConfigError(f"caller step {number} ({kind}): {name} must be {wanted.__name__}")
    if shape is Play:
        if "path" not in item:
            raise ConfigError(f"caller step {number} (play): path is missing")
        item["path"] = folder / item["path"]
    try:
        step: Step = shape(**item)
    except TypeError as error:
        raise ConfigError(f"caller step {number} ({kind}): a field is missing") from error
    return checked(step)


def checked(step: Step) -> Step:
    """The step itself; `ConfigError` when nobody could carry it out."""
    if isinstance(step, Dtmf) and not (step.digits and KEYS.issuperset(step.digits)):
        raise ConfigError("dtmf: digits must be some of 0123456789*#ABCD")
    return step


def load_payload(step: Play) -> bytes:
    """The mu-law bytes of a `Play` step; `ConfigError` names a file that cannot be used."""
    if step.path is None:
        return step.payload
    path = Path(step.path)
    try:
        return _wav(path) if path.suffix.lower() == ".wav" else path.read_bytes()
    except (OSError, EOFError, wave.Error) as error:
        raise ConfigError(f"cannot play {path}: {error}") from error


def _wav(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, 8000):
            raise ConfigError(f"cannot play {path}: it must be 8 kHz mono PCM16")
        return audioop.lin2ulaw(file.readframes(file.getnframes()), 2)
