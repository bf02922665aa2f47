"""`gateway outbound`: the rules, the switch, the list, and whether a number would be called."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.settings import Settings
from gateway.store.dials import Dials
from gateway.store.tables import dials
from tests.cli.conftest import Command
from tests.cli.privacy import with_records
from tests.store.asks import BERLIN, OPEN, ask
from tests.store.databases import settings_in


@pytest.fixture
def settings(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """What the commands see: Germany at any hour, and a folder in which there is nothing yet."""
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("GATEWAY_OUTBOUND_COUNTRIES", "DE")
    monkeypatch.setenv("GATEWAY_OUTBOUND_QUIET", "off")
    return settings_in(tmp_path / "data")


def outbound(command: Command, *words: str) -> tuple[int, str, str]:
    """A command of the group."""
    return command("outbound", *words)


def test_a_number_is_checked(command: Command, settings: Settings) -> None:
    """However it is written; no database is made for that."""
    assert outbound(command, "check", "+49 30 12345678") == (0, "it would be called now\n", "")
    assert json.loads(outbound(command, "check", BERLIN, "--json")[1]) == {
        "called": True,
        "refusal": None,
        "number": BERLIN,
        "country": "DE",
        "kind": "fixed_line",
        "zones": ["Europe/Berlin"],
    }
    assert not settings.data_dir.exists()


def test_what_is_not_called_says_why(command: Command, settings: Settings) -> None:
    """With the setting that would allow it, or that nothing would; a failure."""
    code, out, err = outbound(command, "check", "+12025550123")
    assert (code, err) == (1, "")
    assert out == (
        "not called (country): numbers of US are not called: "
        "GATEWAY_OUTBOUND_COUNTRIES with US allows it\n"
    )
    code, out, err = outbound(command, "check", "+499001234567")
    assert (code, err) == (1, "")
    assert out == "not called (premium_rate): it is a premium-rate number; no setting allows it\n"
    code, out, err = outbound(command, "check", "112", "--json")
    assert (code, err) == (1, "")
    told = json.loads(out)
    assert (told["called"], told["refusal"]["rule"]) == (False, "short_code")
    assert (told["refusal"]["setting"], told["refusal"]["passes"]) == ("", False)


def test_caps_are_checked_too(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they stand now; nothing is let in by asking."""
    now = datetime.now(UTC)
    asked = ask(expires_at=now + timedelta(hours=1))
    with_records(settings, lambda engine: Dials(engine).admit(asked, OPEN, now))
    assert outbound(command, "check", BERLIN)[0] == 0
    monkeypatch.setenv("GATEWAY_OUTBOUND_PER_NUMBER", "1")
    for _ in range(2):
        code, out, _ = outbound(command, "check", BERLIN)
        assert code == 1
        assert out.startswith("not called (per_number): ")
    assert outbound(command, "check", "+493012345679")[0] == 0


def test_the_switch_is_closed_and_opened(command: Command, settings: Settings) -> None:
    """Before any call was made, too: the database is made then."""
    code, out, err = outbound(command, "close", "--reason", "a complaint")
    assert (code, err) == (0, "")
    assert "`gateway outbound open`" in out
    code, out, _ = outbound(command, "check", BERLIN)
    assert code == 1
    assert out.startswith("not called (switch): ")
    told = json.loads(outbound(command, "show", "--json")[1])["switch"]
    assert (told["closed"], told["reason"]) == (True, "a complaint")
    assert datetime.fromisoformat(told["at"]).tzinfo is not None
    assert "a complaint" in outbound(command, "show")[1]
    assert outbound(command, "open")[0] == 0
    assert outbound(command, "check", BERLIN)[0] == 0


def test_a_number_is_blocked_and_unblocked(command: Command, settings: Settings) -> None:
    """Once; whatever is no number is none to be blocked."""
    assert outbound(command, "blocked") == (0, "nobody is on the do-not-call list\n", "")
    assert outbound(command, "blocked", "--json") == (0, "[]\n", "")
    words = ("block", "+49 30 12345678", "--reason", "asked us to")
    assert outbound(command, *words) == (0, "it is not called any more\n", "")
    assert outbound(command, *words) == (0, "it was on the list already\n", "")
    code, out, _ = outbound(command, "check", BERLIN)
    assert code == 1
    assert out.startswith("not called (do_not_call): ")
    (row,) = json.loads(outbound(command, "blocked", "--json")[1])
    assert (row["number"], row["reason"]) == (BERLIN, "asked us to")
    for word in (BERLIN, "asked us to"):
        assert word in outbound(command, "blocked")[1]
    assert outbound(command, "unblock", BERLIN)[0] == 0
    code, out, err = outbound(command, "unblock", BERLIN)
    assert (code, out, err) == (1, "", "gateway: that number is not on the do-not-call list\n")
    code, out, err = outbound(command, "block", "112")
    assert (code, out) == (1, "")
    assert err.startswith("gateway: that number is never called: ")


def test_the_rules_are_shown(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With how much of them is used up."""
    monkeypatch.setenv("GATEWAY_MAX_USD_PER_DAY", "20")
    now = datetime.now(UTC)
    asked = ask(expires_at=now + timedelta(hours=1))
    with_records(settings, lambda engine: Dials(engine).admit(asked, OPEN, now))
    outbound(command, "block", BERLIN)
    assert json.loads(outbound(command, "show", "--json")[1]) == {
        "switch": {"closed": False, "at": None, "reason": None},
        "countries": ["DE"],
        "prefixes": [],
        "quiet": "off",
        "per_number": 3,
        "per_minute": 30,
        "per_day": 200,
        "at_once": 5,
        "max_age_s": 120.0,
        "max_usd_per_number": None,
        "max_usd_per_day": 20.0,
        "now": {"minute": 1, "day": 1, "at_once": 1, "usd": 0.0},
        "blocked": 1,
    }
    out = outbound(command, "show")[1]
    for words in ("DE", "1 of 30", "1 of 200", "1 of 5", "0.00 USD of 20", "1 number"):
        assert words in out


def test_nobody_is_called_where_nothing_is_set(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so; no database is made."""
    monkeypatch.delenv("GATEWAY_OUTBOUND_COUNTRIES")
    monkeypatch.delenv("GATEWAY_OUTBOUND_QUIET")
    code, out, _ = outbound(command, "show")
    assert code == 0
    assert "none: nobody is called" in out
    assert "21:00-08:00" in out
    assert not settings.data_dir.exists()


def test_a_database_that_is_away_is_one_line(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its password; what cannot be counted is not called."""
    url = "postgresql://somebody:hunter2@127.0.0.1:1/calls"
    monkeypatch.setenv("GATEWAY_DATABASE_URL", url)
    for words in (("show",), ("check", BERLIN), ("close",), ("open",), ("block", BERLIN)):
        code, out, err = outbound(command, *words)
        assert (code, out) == (1, "")
        assert err.startswith("gateway: the database of the records: ")
        assert "hunter2" not in err
        assert err.count("\n") == 1


def test_a_database_of_an_older_gateway_says_what_to_do(
    command: Command, settings: Settings
) -> None:
    """One table of this one's is missing."""

    async def drop(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            await connection.run_sync(dials.drop)

    with_records(settings, drop)
    code, out, err = outbound(command, "check", BERLIN)
    assert (code, out) == (1, "")
    assert "gateway db upgrade" in err
