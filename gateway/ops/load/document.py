"""The result of a load test as one JSON document: its verdict, and how it compares with an older.

`docs/loadtest.md` explains every key; older documents stay comparable as long as `figures`
keeps its names.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from gateway import __version__
from gateway.errors import ConfigError
from gateway.ops.load.capacity import RESOURCES, Search
from gateway.ops.load.figures import counts, ends, flat, reasons, spread_of, spreads
from gateway.ops.load.lateness import VOID_MS
from gateway.ops.load.record import FAILURES
from gateway.ops.load.thresholds import Threshold
from gateway.ops.load.trial import Trial

FORMAT: Final = 1
_CLOCK: Final = "clock_late"
MORE_IS_FINE: Final = frozenset({"ok", "calls", "turns", "frames", "interruptions", "peak_up"})
"""Figures of which a higher one is no worse."""


def document_of(
    trial: Trial,
    thresholds: Sequence[Threshold],
    baseline: Mapping[str, Any] | None,
    search: Search | None = None,
) -> dict[str, Any]:
    """Everything that is known of a run, and the verdict over it."""
    board, course = trial.board, trial.course
    records = sorted(board.records, key=lambda record: record.placed_s)
    measures = spreads(records, board.clock)
    figures = flat(measures, {**counts(records, board.turned_away), **_usage(trial)})
    judged = [threshold.judge(figures) for threshold in thresholds]
    verdict, why = _verdict(trial, [each.text for each in judged if not each.ok], search)
    if verdict == "void":
        # Nothing of it is a result: what is left is the reason.
        measures = {name: each for name, each in measures.items() if name == _CLOCK}
        figures = {name: each for name, each in figures.items() if name.startswith(_CLOCK)}
        judged, baseline = [], None
    document = {
        "format": FORMAT,
        "gateway_version": __version__,
        "started_at": trial.started_at.isoformat(timespec="seconds"),
        "seconds": round(trial.seconds, 2),
        "verdict": verdict,
        "why": why,
        "interrupted": trial.interrupted,
        "course": msgspec.to_builtins(course),
        "target": {
            # Whoever put a password into the address does not want it in a report.
            "url": _without_secrets(trial.target.voice_url),
            "local": trial.target.pid is not None,
        },
        "figures": figures,
        "measures": msgspec.to_builtins(measures),
        "reasons": reasons(records),
        "ends": ends(records),
        "thresholds": msgspec.to_builtins(judged),
        "baseline": compared(figures, baseline),
        "generator": _generator(trial),
        "capacity": None if search is None else capacity_of(search),
        "moments": msgspec.to_builtins(board.moments),
        "calls": msgspec.to_builtins(records),
    }
    return {key: rounded(value) for key, value in document.items()}


def _verdict(trial: Trial, missed: Sequence[str], search: Search | None) -> tuple[str, list[str]]:
    if trial.board.late:
        p99_ms = max(each.percentile_ms(0.99) or 0.0 for each in trial.board.lateness.values())
        late = f"{p99_ms:.1f} ms late at p99, and above {VOID_MS:g} ms nothing can be said"
        return "void", [f"the load test's own clock was {late}"]
    why = [f"missed: {text}" for text in missed]
    if search is not None and search.limit is not None and not search.knee:
        # What failed beyond the knee was meant to: a search fails only when nothing holds.
        why.insert(0, f"{search.limit.calls} calls do not hold: {search.limit.why}")
    failed = sum(bool(record.failure) for record in trial.board.records)
    if failed and search is None:
        why.insert(0, f"{failed} of {len(trial.board.records)} calls failed")
    if not trial.board.records:
        why.append("no call was placed")
    return ("failed" if why else "ok"), why


def _usage(trial: Trial) -> dict[str, float | None]:
    moments = trial.board.moments
    cpu = [each.cpu for each in moments if each.cpu is not None and each.up]
    memory = [each.memory_mb for each in moments if each.memory_mb is not None]
    return {
        "cpu_mean": sum(cpu) / len(cpu) if cpu else None,
        "cpu_max": max(cpu, default=None),
        "memory_max_mb": max(memory, default=None),
    }


def _generator(trial: Trial) -> dict[str, Any]:
    lateness = trial.board.lateness
    return {
        "valid": not trial.board.late,
        "void_above_ms": VOID_MS,
        "workers": [
            {"worker": worker, **msgspec.to_builtins(spread_of(lateness[worker]))}
            for worker in sorted(lateness)
        ],
    }


def capacity_of(search: Search) -> dict[str, Any]:
    """The knee, what gave out beyond it, and every step."""
    limit = search.limit
    return {
        "calls": search.knee,
        "gave_out": limit.gave_out if limit else None,
        "means": RESOURCES[limit.gave_out] if limit else "",
        "why": limit.why if limit else "every count that was tried held",
        "generator_valid_up_to": search.valid_up_to,
        "steps": msgspec.to_builtins(search.steps),
    }


def compared(
    figures: Mapping[str, float | None], baseline: Mapping[str, Any] | None
) -> list[dict[str, Any]] | None:
    """Each figure beside the older one; `change` is a share of the older (0.1: a tenth more)."""
    if baseline is None:
        return None
    older = baseline["figures"]
    rows = []
    for name, now in figures.items():
        then = older.get(name)
        if now is None or then is None:
            continue
        change = (now - then) / then if then else None
        rows.append(
            {
                "name": name,
                "then": then,
                "now": now,
                "change": change,
                "more_is_worse": name not in MORE_IS_FINE,
            }
        )
    return rows


def load_baseline(path: Path) -> dict[str, Any]:
    """An older document. Raises ConfigError, which names the file."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"--baseline: {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise ConfigError(f"--baseline: {path}: no JSON: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("figures"), dict):
        raise ConfigError(f"--baseline: {path}: not written by `gateway loadtest --json`")
    if content.get("verdict") == "void":
        raise ConfigError(f"--baseline: {path}: that run was void, it is no measure for another")
    return content


def failure_text(reason: str) -> str:
    """What a reason means, in words."""
    return next((text for name, text in FAILURES.items() if name == reason), reason)


def rounded(value: Any) -> Any:
    """The same with numbers a person can read, and none that JSON has no word for."""
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list | tuple) else value


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
