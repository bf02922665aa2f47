"""`gateway calls`: how the commands reach the records and find a call."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.calls import asked, record_of
from gateway.errors import GatewayError
from tests.cli.conftest import Command
from tests.store.databases import settings_in
from tests.store.sample import CALL_SID, missed_call, record_calls, sample_call

ALIKE = ("CAaaaaaa" + "1" * 26, "CAaaaaaa" + "2" * 26)
READING = [
    ("list",),
    ("list", "--json"),
    ("stats",),
    ("stats", "--json"),
]
OF_ONE_CALL = [
    ("show", CALL_SID),
    ("show", CALL_SID, "--json"),
    ("show", CALL_SID, "--html"),
    ("export", CALL_SID),
    ("export", CALL_SID, "--audio"),
    ("play", CALL_SID),
]


def test_the_answer_is_the_readers(tmp_path: Path) -> None:
    """And None while there is nothing to read."""
    settings = settings_in(tmp_path)

    async def found(reader: Any) -> Any:
        return await reader.find(CALL_SID)

    assert asked(settings, found) is None
    record_calls(tmp_path, sample_call())
    assert asked(settings, found) == [CALL_SID]


@pytest.mark.parametrize("given", [CALL_SID, CALL_SID[:6], CALL_SID[:-1]])
def test_a_call_is_found_by_its_id_or_by_how_it_begins(tmp_path: Path, given: str) -> None:
    """Six characters are enough, as long as no other call begins so."""
    record_calls(tmp_path, sample_call(), *map(missed_call, ALIKE))
    assert record_of(settings_in(tmp_path), given)["call_sid"] == CALL_SID


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("CA999999", "no call CA999999"),
        ("CA01", "no call CA01 (the beginning of an ID needs 6 characters)"),
        ("CA\x1b[2J\n", r"no call CA\x1b[2J\n"),
        ("CAaaaaaa", f"CAaaaaaa fits 2 calls: {ALIKE[0]}, {ALIKE[1]}"),
    ],
)
def test_no_call_or_several_are_one_line(tmp_path: Path, given: str, told: str) -> None:
    """That repeats what was typed, and what it may have meant."""
    record_calls(tmp_path, sample_call(), *map(missed_call, ALIKE))
    with pytest.raises(GatewayError) as wrong:
        record_of(settings_in(tmp_path), given)
    assert str(wrong.value) == told


def test_many_that_fit_are_not_all_named(tmp_path: Path) -> None:
    """Ten are enough to see that more has to be typed."""
    record_calls(tmp_path, *(missed_call(f"CAbbbbbb{number:03}") for number in range(12)))
    with pytest.raises(GatewayError, match="fits at least 10 calls: CAbbbbbb000, ") as wrong:
        record_of(settings_in(tmp_path), "CAbbbbbb")
    assert "CAbbbbbb010" not in str(wrong.value)


@pytest.mark.parametrize("words", READING)
def test_without_records_there_is_nothing_and_that_is_fine(
    command: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """A kind line, or an empty array; asking makes no file."""
    done = command("calls", *words)
    assert (done.code, done.err) == (0, "")
    if "--json" in words:
        assert json.loads(done.out) == []
    else:
        assert done.out == "Nothing is recorded yet: `gateway serve` records every call.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", OF_ONE_CALL)
def test_without_records_no_call_is_found(
    command: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """One line, exit 1, no file."""
    told = f"gateway: no call {CALL_SID}: nothing is recorded yet\n"
    assert command("calls", *words) == (1, "", told)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [*READING, *OF_ONE_CALL])
def test_a_database_that_cannot_be_reached_is_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Without user and password; exit 1."""
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://somebody:hunter2@127.0.0.1:1/calls")
    told = "gateway: cannot read the records in 127.0.0.1:1/calls: Connection refused\n"
    assert command("calls", *words) == (1, "", told)


@pytest.mark.parametrize("group", [("calls",), ("calls", "nonsense"), ("calls", "show")])
def test_wrong_usage_is_exit_2(command: Command, group: tuple[str, ...]) -> None:
    """With how it is used."""
    done = command(*group)
    assert done.code == 2
    assert "Usage" in done.out + done.err
