"""The rates of the interruption modes: what is counted, and that the mixes are what they say."""

import json
import random
from typing import Any

import pytest

from bench import floor
from bench.floor import Case, Mode, Rates, cases, decided, mixed
from gateway.core.g711 import audioop

CLEAN: dict[str, Any] = {"gain_db": 0.0, "noise_dbfs": -96.0, "echo_db": None, "echo_delay_ms": 20}


def test_there_are_hundreds_of_cases_of_both_kinds() -> None:
    """Words and other sounds, with and without an echo."""
    every = list(cases())
    assert len(every) >= 200
    assert len(set(every)) == len(every)
    assert {case.wants_the_floor for case in every} == {True, False}
    assert sum(case.echo_db is not None for case in every) > len(every) // 2


def test_an_echo_is_the_agents_voice_later_and_quieter() -> None:
    """At the delay and the level of the case."""
    case = Case("silence", 0.0, -96.0, -20.0, 80)
    track, agent = mixed(case, random.Random(1))
    late = track[80 * 16 :]
    assert audioop.rms(late, 2) == pytest.approx(audioop.rms(agent[: len(late)], 2) / 10, rel=0.05)
    assert track[: 80 * 16] == bytes(80 * 16)


@pytest.mark.parametrize(
    ("recording", "server", "gateway"),
    [("interruption", True, True), ("cough", True, False), ("silence", False, False)],
)
def test_clean_lines_are_decided_as_one_would(recording: str, server: bool, gateway: bool) -> None:
    """A cough interrupts the model and not the gateway, words interrupt both."""
    done = decided(Case(recording, **CLEAN), {"gateway": Mode()}, 1)
    assert (done["server"][0], done["gateway"][0]) == (server, gateway)


def test_what_is_counted() -> None:
    """Missed words, false interruptions, and pauses that were no interruption."""
    rates = Rates()
    rates.count(Case("no", **CLEAN), interrupted=False, paused=True)
    rates.count(Case("cough", **CLEAN), interrupted=True, paused=True)
    rates.count(Case("cough", **CLEAN), interrupted=False, paused=True)
    assert rates == Rates(words=1, others=2, missed=1, false=1, paused=1)


def test_the_rates_are_printed_for_machines_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--json` has every mode and both kinds of line."""
    few = [Case("cough", **CLEAN), Case("no", 0.0, -96.0, -30.0, 20)]
    monkeypatch.setattr(floor, "cases", lambda: iter(few))
    monkeypatch.setattr("sys.argv", ["floor", "--json", "--guards"])
    assert floor.main() == 0
    rows = json.loads(capsys.readouterr().out)
    assert set(rows) == {"server", "gateway", "gateway, backchannel 700 ms"}
    assert rows["server"]["without echo"]["false"] == 1
    assert rows["gateway"]["without echo"]["paused"] == 1
