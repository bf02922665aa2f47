"""What callers do, from files: recordings, timelines, folders of both, a mix with weights.

A timeline is JSON: a list of the twin's steps, or an object with them under `caller` (what
`gateway calls export --as-fixture` and `gateway sim record` write). A recording alone is said once
the agent has greeted, then its answer is waited for. Raises ConfigError, which names the file.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from gateway.errors import ConfigError
from gateway.ops.load.sound import SUFFIXES, load_sound, threshold_of
from gateway.sim.twilio.caller import FRAME_BYTES
from gateway.sim.twilio.steps import (
    Dtmf,
    HangUp,
    Play,
    Step,
    WaitForAgent,
    WaitForSilence,
    WaitUntil,
    steps_from_json,
)

ANSWER_LIMIT_MS: Final = 15_000
"""So long a caller of ours waits for an answer before the call counts as failed."""


@dataclass(frozen=True, slots=True)
class Fixture:
    """One kind of caller. Its `Play` steps have their sound with them."""

    name: str
    steps: tuple[Step, ...]
    weight: float = 1.0
    voiced_rms: int = 100
    """How loud a frame must be to count as the caller's speech."""

    @property
    def staying(self) -> tuple[Step, ...]:
        """The steps of a caller who does not hang up by itself."""
        return tuple(step for step in self.steps if not isinstance(step, HangUp))

    @property
    def again(self) -> tuple[Step, ...]:
        """What is repeated to stay on the line: everything from the first word on."""
        stays = [step for step in self.staying if not isinstance(step, WaitUntil)]
        for index, step in enumerate(stays):
            if isinstance(step, Play | Dtmf):
                return (WaitForSilence(700), *stays[index:])
        return ()


class Mix:
    """Which caller a call gets: by weight, the same choice for the same number and seed."""

    def __init__(self, fixtures: Sequence[Fixture], seed: int) -> None:
        self.fixtures = tuple(fixtures)
        self._seed = seed

    def choose(self, number: int) -> Fixture:
        """The fixture of a call."""
        rng = random.Random(f"{self._seed}:{number}")
        return rng.choices(self.fixtures, [fixture.weight for fixture in self.fixtures])[0]


def load_fixtures(places: Sequence[str]) -> tuple[Fixture, ...]:
    """Fixtures from files and folders, each `PATH` or `PATH=WEIGHT`; of the package without any."""
    if not places:
        return default_fixtures()
    return tuple(fixture for place in places for fixture in _from_place(place))


def default_fixtures() -> tuple[Fixture, ...]:
    """A question with its answer interrupted, a second question, a goodbye: of the package."""
    folder = Path(str(files("gateway.sim"))) / "speech" / "caller"

    def says(name: str) -> Play:
        return Play(payload=load_sound(folder / f"{name}.ulaw"))

    hears, ends = WaitForAgent(300, ANSWER_LIMIT_MS), WaitForSilence(700)
    asks = (hears, ends, says("question_baggage"))
    thanks = (hears, ends, says("thanks_goodbye"), hears, WaitForSilence(1000), HangUp())
    interrupts = (WaitForAgent(2000, ANSWER_LIMIT_MS), says("interruption_heavy"))
    return (
        _made("interrupts", (*asks, *interrupts, *thanks)),
        _made("asks", (*asks, hears, ends, says("seat_wish"), *thanks)),
    )


def _from_place(place: str) -> list[Fixture]:
    path, weight = _weighed(place)
    if not path.exists():
        raise ConfigError(f"--fixtures: {path}: there is no such file or folder")
    if not path.is_dir():
        return [replace(load_fixture(path), weight=weight)]
    found = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES | {".json"})
    played = {name for each in found for name in _played_by(each)}
    chosen = [each for each in found if _is_whole(each, played)]
    if not chosen:
        raise ConfigError(f"--fixtures: {path}: there is no .ulaw, .alaw, .wav or .json in it")
    return [replace(load_fixture(each), weight=weight / len(chosen)) for each in chosen]


def _is_whole(path: Path, played: set[str]) -> bool:
    """Whether a file of a folder is a caller of its own, not what another file speaks of."""
    return is_timeline(path) if path.suffix.lower() == ".json" else path.name not in played


def _played_by(path: Path) -> list[str]:
    script = _script(path) if path.suffix.lower() == ".json" else None
    return [str(item.get("path")) for item in script or () if isinstance(item, dict)]


def _weighed(place: str) -> tuple[Path, float]:
    name, equals, weight = place.rpartition("=")
    if not equals or Path(place).exists():
        return Path(place), 1.0
    try:
        number = float(weight)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ConfigError(f"--fixtures: {place!r}: the weight {weight!r} is no number above 0")
    return Path(name), number


def load_fixture(path: Path) -> Fixture:
    """One file."""
    if path.suffix.lower() == ".json":
        return _made(path.stem, _timeline(path))
    hears = WaitForAgent(300, ANSWER_LIMIT_MS)
    says = Play(payload=load_sound(path))
    return _made(
        path.stem, (hears, WaitForSilence(700), says, hears, WaitForSilence(1500), HangUp())
    )


def is_timeline(path: Path) -> bool:
    """Whether a JSON file says what a caller does; others describe a recording."""
    return _script(path) is not None


def _timeline(path: Path) -> tuple[Step, ...]:
    script = _script(path)
    if script is None:
        raise ConfigError(f"{path}: neither a list of steps nor an object with them under 'caller'")
    if not all(isinstance(item, dict) for item in script):
        raise ConfigError(f'{path}: every step is an object such as {{"step": "hang_up"}}')
    try:
        steps = steps_from_json(script, path.parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    if not steps:
        raise ConfigError(f"{path}: there is no step in it")
    return tuple(_loaded(step) for step in steps)


def _loaded(step: Step) -> Step:
    if isinstance(step, Play) and step.path is not None:
        return Play(payload=load_sound(Path(step.path)))
    return step


def _script(path: Path) -> list[Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: no JSON: {error}") from None
    script = content.get("caller") if isinstance(content, dict) else content
    return script if isinstance(script, list) else None


def _made(name: str, steps: tuple[Step, ...]) -> Fixture:
    spoken = [step.payload for step in steps if isinstance(step, Play)]
    levels = [threshold_of(payload) for payload in spoken if len(payload) >= FRAME_BYTES]
    return Fixture(name, steps, voiced_rms=max(levels, default=100))
