"""Whether a number may be called now: closed by default, in a fixed order, with what allows it."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.callee import Callee
from gateway.core.policy import ORDER, Counted, Quiet, Refusal, Rules, verdict
from gateway.settings import load_settings

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BERLIN = Callee("+493012345678", "DE", "fixed_line", ("Europe/Berlin",))
WIDE = Callee("+79161234567", "RU", "mobile", ("Europe/Kaliningrad", "Asia/Kamchatka"))
NOWHERE = Callee("+493012345678", "DE", "fixed_line", ("Europe/Berlin", "Etc/Unknown"))
NIGHT = Quiet(time(21), time(8))
OPEN = Rules(countries=frozenset({"DE", "RU"}), per_number=3, per_minute=30, per_day=200, at_once=5)
"""Everything is allowed that can be."""
FORBIDDEN: dict[str, tuple[Rules, Counted]] = {
    "switch": (OPEN, Counted(closed=True)),
    "do_not_call": (OPEN, Counted(blocked=True)),
    "country": (replace(OPEN, countries=frozenset({"US"})), Counted()),
    "prefix": (replace(OPEN, prefixes=("+4931", "+1")), Counted()),
    "quiet_hours": (replace(OPEN, quiet=Quiet(time(13), time(14))), Counted()),
    "per_number": (OPEN, Counted(number=3)),
    "per_minute": (OPEN, Counted(minute=30)),
    "per_day": (OPEN, Counted(day=200)),
    "at_once": (OPEN, Counted(at_once=5)),
    "spend_per_number": (replace(OPEN, usd_per_number=2.0), Counted(number_usd=2.0)),
    "spend_per_day": (replace(OPEN, usd_per_day=10.0), Counted(day_usd=10.5)),
}
"""One way to break each rule alone."""
SETTINGS = {
    "switch": "gateway outbound open",
    "do_not_call": "gateway outbound unblock",
    "country": "GATEWAY_OUTBOUND_COUNTRIES",
    "prefix": "GATEWAY_OUTBOUND_PREFIXES",
    "quiet_hours": "GATEWAY_OUTBOUND_QUIET",
    "per_number": "GATEWAY_OUTBOUND_PER_NUMBER",
    "per_minute": "GATEWAY_OUTBOUND_PER_MINUTE",
    "per_day": "GATEWAY_OUTBOUND_PER_DAY",
    "at_once": "GATEWAY_OUTBOUND_AT_ONCE",
    "spend_per_number": "GATEWAY_MAX_USD_PER_NUMBER",
    "spend_per_day": "GATEWAY_MAX_USD_PER_DAY",
}


def refusal(rules: Rules, counted: Counted, callee: Callee = BERLIN) -> Refusal:
    """The answer, which is no."""
    found = verdict(callee, rules, counted, NOON)
    assert found is not None
    return found


def test_what_everything_allows_is_called() -> None:
    """At the limits of all caps, one below each."""
    counted = Counted(number=2, minute=29, day=199, at_once=4, number_usd=1.99, day_usd=9.99)
    rules = replace(OPEN, usd_per_number=2.0, usd_per_day=10.0, quiet=NIGHT, prefixes=("+4930",))
    assert verdict(BERLIN, rules, counted, NOON) is None


def test_it_is_closed_by_default() -> None:
    """Without any setting nobody is called."""
    for rules in (Rules(), Rules.of(load_settings(_env_file=None))):
        assert refusal(rules, Counted()).rule == "country"


@pytest.mark.parametrize("rule", ORDER)
def test_each_rule_forbids_and_says_what_allows(rule: str) -> None:
    """A variable that exists, or a command; the text names it, and not the number."""
    found = refusal(*FORBIDDEN[rule])
    assert (found.rule, found.setting) == (rule, SETTINGS[rule])
    assert found.setting in found.text
    assert "12345678" not in found.text
    assert found.passes == (rule in ORDER[4:])


@pytest.mark.parametrize(("first", "second"), [*pairwise(ORDER)])
def test_the_order_is_fixed(first: str, second: str) -> None:
    """Of two rules that forbid, the first one is told."""
    (rules, counted), (further, more) = FORBIDDEN[first], FORBIDDEN[second]
    changed = {
        name: getattr(further, name)
        for name in Rules.__dataclass_fields__
        if getattr(further, name) != getattr(OPEN, name)
    }
    besides = {
        name: getattr(more, name)
        for name in Counted.__dataclass_fields__
        if getattr(more, name) != getattr(Counted(), name)
    }
    both = replace(rules, **changed), replace(counted, **besides)
    assert refusal(*both).rule == first


def test_the_order_is_documented() -> None:
    """As a numbered list in which each rule has its line."""
    page = (Path(__file__).parents[2] / "docs" / "outbound.md").read_text()
    lines = [line for line in page.splitlines() if line[:1].isdigit() and ". `" in line]
    assert [line.split("`")[1] for line in lines] == list(ORDER)


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        ("20:59:59", False),
        ("21:00", True),
        ("23:59", True),
        ("00:00", True),
        ("07:59", True),
        ("08:00", False),
        ("12:00", False),
    ],
)
def test_quiet_hours_go_over_midnight(at: str, holds: bool) -> None:
    """The first minute is quiet, the last one is not."""
    assert NIGHT.holds(time.fromisoformat(at)) == holds


def test_quiet_hours_may_be_within_a_day() -> None:
    """From noon to one."""
    siesta = Quiet(time(12), time(13))
    hours = [hour for hour in range(24) if siesta.holds(time(hour))]
    assert hours == [12]
    assert str(siesta) == "12:00 to 13:00"


def test_quiet_hours_are_those_of_the_callee() -> None:
    """Summer time included."""
    rules = replace(OPEN, quiet=NIGHT)
    for month, hour in ((1, 20), (7, 19)):  # 21:00 in Berlin
        evening = datetime(2026, month, 15, hour, tzinfo=UTC)
        found = verdict(BERLIN, rules, Counted(), evening)
        assert found is not None
        assert "21:00 in Europe/Berlin" in found.text
        assert verdict(BERLIN, rules, Counted(), evening - timedelta(minutes=1)) is None


def test_a_number_with_several_zones_must_be_awake_in_all_of_them() -> None:
    """Nobody knows in which the phone is: from Kaliningrad to Kamchatka there are ten hours."""
    rules = replace(OPEN, quiet=NIGHT)
    free = [
        hour
        for hour in range(24)
        if verdict(WIDE, rules, Counted(), NOON.replace(hour=hour)) is None
    ]
    assert free == [6, 7, 8]


def test_where_nobody_knows_the_time_nobody_is_called() -> None:
    """As long as there are quiet hours at all."""
    found = verdict(NOWHERE, replace(OPEN, quiet=NIGHT), Counted(), NOON)
    assert found is not None
    assert (found.rule, found.passes) == ("quiet_hours", False)
    assert verdict(NOWHERE, OPEN, Counted(), NOON) is None


@given(
    at=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    start=st.times(),
    end=st.times(),
)
def test_quiet_hours_are_what_the_clock_there_says(at: datetime, start: time, end: time) -> None:
    """Whatever hours, whatever day."""
    now = at.replace(tzinfo=UTC)
    there = now.astimezone(ZoneInfo("Europe/Berlin")).time()
    quiet = Quiet(start, end)
    found = verdict(BERLIN, replace(OPEN, quiet=quiet), Counted(), now)
    within = start <= there < end if start < end else not end <= there < start
    assert (found is not None) == within


def test_rules_are_made_of_settings() -> None:
    """Each rule of its own."""
    settings = load_settings(
        _env_file=None,
        outbound_countries="de,us",
        outbound_prefixes="+49,+1",
        outbound_quiet="20:30-09:00",
        outbound_per_number=1,
        outbound_per_minute=2,
        outbound_per_day=3,
        outbound_at_once=4,
        max_usd_per_number=5.0,
        max_usd_per_day=6.0,
    )
    assert Rules.of(settings) == Rules(
        countries=frozenset({"DE", "US"}),
        prefixes=("+49", "+1"),
        quiet=Quiet(time(20, 30), time(9)),
        per_number=1,
        per_minute=2,
        per_day=3,
        at_once=4,
        usd_per_number=5.0,
        usd_per_day=6.0,
    )
    assert Rules.of(load_settings(_env_file=None, outbound_quiet="off")).quiet is None
