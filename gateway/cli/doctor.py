"""``gateway doctor``: one line per check, what to do included."""

import asyncio
import dataclasses
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import typer

from gateway.errors import ConfigError
from gateway.settings import load_settings

if TYPE_CHECKING:
    from gateway.ops.doctor.finding import Finding, State

_COLOURS: "Final[dict[State, str]]" = {"ok": "green", "wrong": "red", "skipped": "yellow"}
_LEAVE_S: Final = 1.0
_CLEAR: Final = "\r\x1b[K"


def run_doctor(*, as_json: bool, places_call: bool, greeting_s: float) -> int:
    """Looks at everything and prints it; 1 when something is wrong."""
    from gateway.observe.logs import configure_logs
    from gateway.ops.doctor.checks import NAMES, examined, unexamined

    threads = set(threading.enumerate())
    progress = Progress(NAMES, lines=not as_json)
    try:
        settings = load_settings()
    except ConfigError as error:
        findings = unexamined(error)
        for finding in findings:
            progress.tell(finding)
    else:
        # What the house logs meanwhile is said by the checks.
        configure_logs(settings.model_copy(update={"log_level": "error"}))
        progress.show()
        findings = asyncio.run(
            examined(settings, progress.tell, places_call=places_call, greeting_s=greeting_s)
        )
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(finding) for finding in findings]))
    else:
        typer.echo(summary(findings))
    code = 1 if any(finding.state == "wrong" for finding in findings) else 0
    _leave_behind(set(threading.enumerate()) - threads, code)
    return code


def _leave_behind(threads: set[threading.Thread], code: int) -> None:
    """Ends the process here and now if one of these hangs.

    An agent's own code runs on them, and threads of a pool are waited for without end.
    """
    for thread in threads:
        thread.join(_LEAVE_S)
        if thread.is_alive():
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def line(finding: "Finding") -> str:
    """A finding as a person reads it."""
    state = typer.style(f"{finding.state:<8}", fg=_COLOURS[finding.state])
    fix = f" → {finding.fix}" if finding.fix else ""
    return f"{state} {finding.name:<12} {finding.detail}{fix}"


def summary(findings: "Sequence[Finding]") -> str:
    """How many there are of each kind."""
    counts = Counter(finding.state for finding in findings)
    told = ", ".join(f"{counts[state]} {state}" for state in _COLOURS if counts[state])
    return f"{len(findings)} checks: {told}"


class Progress:
    """Prints findings in the order of the list, each as soon as those before it are there.

    On a terminal it also says what is still being looked at.
    """

    def __init__(self, names: Sequence[str], *, lines: bool) -> None:
        self._waiting = list(names)
        self._found: dict[str, Finding] = {}
        self._lines = lines

    def show(self) -> None:
        """What is being looked at."""
        if sys.stderr.isatty() and self._waiting:
            left = [name for name in self._waiting if name not in self._found]
            sys.stderr.write(f"{_CLEAR}looking at {', '.join(left)} …"[:79])
            sys.stderr.flush()

    def tell(self, finding: "Finding") -> None:
        """A check is done."""
        self._found[finding.name] = finding
        if sys.stderr.isatty():
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
        while self._waiting and self._waiting[0] in self._found:
            found = self._found[self._waiting.pop(0)]
            if self._lines:
                typer.echo(line(found))
        self.show()
