"""A long call's end is held against its beginning; short ones show that it is measured at all."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from bench.course import Look
from bench.longcall import Hour, main, targets, thinned
from bench.script import Cues, Talkative
from tests.bench.test_search import GOOD

FLAT = GOOD | {"cpu_last_over_first": 1.02, "rss_grown_kb_per_call": 300.0}


class Scheduled:
    """A session whose clock runs as fast as it is told to."""

    def __init__(self) -> None:
        self.clock, self.closed = self, False
        self.due: list[tuple[int, object]] = []
        self.started = 0
        self.lengths: list[int] = []
        self.now_ns = 0

    def call_at(self, when_ns: int, due: object) -> None:
        self.due.append((when_ns, due))

    def call_in(self, delay_s: float, due: object) -> None:
        self.call_at(self.now_ns + int(delay_s * 1e9), due)

    def run(self, until_s: float) -> None:
        while self.due:
            self.due.sort(key=lambda entry: entry[0])
            when_ns, due = self.due.pop(0)
            if when_ns > until_s * 1e9:
                return
            self.now_ns = when_ns
            assert callable(due)
            due(when_ns)

    def caller_starts(self) -> None:
        self.started += 1

    def caller_stops(self, lengths: list[int]) -> None:
        self.lengths += lengths


def test_turns_come_at_their_pace_and_every_fourth_answer_is_long() -> None:
    """Four hundred turns in an hour are one every nine seconds."""
    session = Scheduled()
    as_cues: Cues = session  # type: ignore[assignment]
    Talkative(9.0).begin(as_cues, Random(1))
    session.run(3600.0)
    assert 398 <= session.started <= 400
    long = [n for n, length in enumerate(session.lengths) if length > 8.5 * 8000]
    assert long == list(range(3, len(session.lengths), 4))


def test_the_end_is_held_against_the_beginning() -> None:
    """CPU, memory, and nothing lost; what is void or failed is not judged."""
    good, bad = Hour("gateway", dict(FLAT)), Hour("gateway", FLAT | {"cpu_last_over_first": 1.2})
    assert [target.reached for target in targets([good], count_void=False)] == [True, True, True]
    assert [target.reached for target in targets([bad], count_void=False)] == [False, True, True]
    lossy = Hour("gateway", FLAT | {"lost_in": 1, "rss_grown_kb_per_call": 1025.0})
    assert [target.reached for target in targets([lossy], count_void=False)] == [True, False, False]
    void = Hour("gateway", dict(FLAT), void=True)
    assert {target.reached for target in targets([void], count_void=False)} == {None}
    assert {target.reached for target in targets([void], count_void=True)} == {True}
    assert {t.reached for t in targets([Hour("gateway", failure="x")], count_void=True)} == {None}


def test_the_machine_s_own_change_is_left_out() -> None:
    """What the floor beside it took more at the end, the gateway need not answer for."""
    hours = [Hour("gateway", FLAT | {"cpu_last_over_first": 1.2}), Hour("relay", FLAT.copy())]
    hours[1].figures["cpu_last_over_first"] = 1.15
    judged = targets(hours, count_void=False)
    assert judged[0].measured == pytest.approx(1.2 / 1.15)
    assert "(1.20) over the floor's own (1.15)" in judged[0].name
    assert [target.name.split(":")[0] for target in judged] == ["gateway"] * 3 + ["relay"] * 2


def test_a_look_a_minute_is_kept() -> None:
    """Of an hour the first, the last, and what lies between."""
    looks = [Look(float(second), second, 1.0) for second in range(601)]
    kept = thinned(looks)
    assert [look.at_s for look in kept[:3]] == [0.0, 60.0, 120.0]
    assert kept[-1] is looks[-1]
    assert len(kept) == 11


def test_a_call_of_seconds_is_measured_like_one_of_an_hour(tmp_path: Path) -> None:
    """Two at the same time, over real sockets, written as JSON."""
    path = tmp_path / "long.json"
    words = ["--minutes", "0.1", "--turns", "2", "--calls", "1", "--variants", "relay,relay-tls"]
    assert main([*words, "--disturbed", "--json", str(path)]) == 0
    written = json.loads(path.read_text("utf-8"))
    assert [hour["variant"] for hour in written["long"]] == ["relay", "relay-tls"]
    for hour in written["long"]:
        assert hour["figures"]["turns"] >= 2
        assert hour["figures"]["problems"] == 0
        assert hour["figures"]["first_cpu_ms_per_call_s"] > 0
    named = [target["name"].split(":")[0] for target in written["targets"]]
    assert named == ["relay"] * 2 + ["relay-tls"] * 3


@pytest.mark.parametrize(
    ("words", "at_fault"),
    [(["--variants", "half"], "half"), (["--turns", "0"], "--turns: 0")],
)
def test_wrong_usage(words: list[str], at_fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and what is at fault."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert at_fault in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.timeout(5400)
def test_an_hour_with_four_hundred_turns(tmp_path: Path) -> None:
    """Nothing is lost, and a call keeps no more than a megabyte; what it cost is the machine's."""
    path = tmp_path / "long.json"
    assert main(["--disturbed", "--json", str(path)]) == 0
    figures = json.loads(path.read_text("utf-8"))["long"][0]["figures"]
    assert figures["turns"] >= 390
    lost = [figures[key] for key in ("lost_in", "lost_out", "doubled", "reordered", "problems")]
    assert lost == [0, 0, 0, 0, 0]
    assert figures["rss_grown_kb_per_call"] <= 1024
