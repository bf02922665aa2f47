"""Sums are exact whatever the order, and each limit is told once to each call."""

import math
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from gateway.core.spend import CarrierMinutes, Level, Limits, Reached, Scope, Spending

MONDAY = date(2026, 11, 23)
TUESDAY = MONDAY + timedelta(days=1)


def told(found: list[Reached]) -> list[tuple[str, str, str]]:
    """What was reached, without the sums."""
    return [(each.level, each.scope, each.key) for each in found]


def test_a_limit_is_reached_softly_then_hard() -> None:
    """At its share, and when nothing of it is left; once each."""
    spending = Spending(Limits(per_call=1.0))
    steps = [0.5, 0.29, 0.01, 0.1, 0.1, 5.0]
    found = [spending.add("CA1", "+1", "desk", usd, MONDAY) for usd in steps]
    assert found == [
        [],
        [],
        [Reached("soft", "call", "CA1", 0.8, 1.0)],
        [],
        [Reached("hard", "call", "CA1", 1.0, 1.0)],
        [],
    ]
    assert spending.call_usd("CA1") == 6.0


def test_what_a_day_has_cost_is_known_for_that_day_only() -> None:
    """Asking changes nothing: a day that has not begun here yet has cost nothing."""
    spending = Spending(Limits())
    spending.add("CA1", "+1", "desk", 0.5, MONDAY)
    spending.preload(MONDAY, [("+2", "desk", 0.25)])
    assert (spending.today_usd(MONDAY), spending.today_usd(TUESDAY)) == (0.75, 0.0)
    spending.add("CA1", "+1", "desk", 0.1, TUESDAY)
    assert (spending.today_usd(MONDAY), spending.today_usd(TUESDAY)) == (0.0, 0.1)


def test_a_limit_reached_hard_at_once_is_not_told_softly() -> None:
    """Neither with it nor later."""
    spending = Spending(Limits(per_call=1.0))
    found = [told(spending.add("CA1", "+1", "desk", usd, MONDAY)) for usd in (1.5, 0.0, 0.1)]
    assert found == [[("hard", "call", "CA1")], [], []]


def test_with_the_whole_share_there_is_no_soft_limit() -> None:
    """The first the call hears of it is the end of it."""
    spending = Spending(Limits(per_call=1.0, soft_share=1.0))
    found = [told(spending.add("CA1", "+1", "desk", 0.5, MONDAY)) for _ in range(3)]
    assert found == [[], [("hard", "call", "CA1")], []]


def test_every_scope_has_its_key() -> None:
    """The call, the caller, the route and the day, in this order."""
    limits = Limits(per_call=1.0, per_number=1.0, per_route=1.0, per_day=1.0)
    found = Spending(limits).add("CA1", "+14155550100", "desk", 0.9, MONDAY)
    assert told(found) == [
        ("soft", "call", "CA1"),
        ("soft", "number", "+14155550100"),
        ("soft", "route", "desk"),
        ("soft", "day", "2026-11-23"),
    ]


def test_what_others_spend_counts_where_it_is_shared() -> None:
    """A limit that another call reached is told with the next sum, even one of nothing."""
    spending = Spending(Limits(per_call=10.0, per_number=10.0, per_route=2.0, per_day=4.0))
    assert spending.add("CA1", "+1", "desk", 0.5, MONDAY) == []
    assert told(spending.add("CA2", "+2", "desk", 1.5, MONDAY)) == [("hard", "route", "desk")]
    assert told(spending.add("CA1", "+1", "desk", 0.0, MONDAY)) == [("hard", "route", "desk")]
    assert spending.add("CA3", "+3", "sales", 1.0, MONDAY) == []
    assert told(spending.add("CA3", "+3", "sales", 0.2, MONDAY)) == [("soft", "day", "2026-11-23")]


def test_without_limits_nothing_is_reached() -> None:
    """The sums are there all the same."""
    spending = Spending(Limits())
    assert spending.add("CA1", "+1", "desk", 1e6, MONDAY) == []
    assert spending.exhausted("+1", "desk", MONDAY) is None
    assert spending.call_usd("CA1") == 1e6


@pytest.mark.parametrize(
    ("limits", "scope"),
    [
        (Limits(per_call=1.0), None),
        (Limits(per_number=2.0), "number"),
        (Limits(per_number=2.1), None),
        (Limits(per_route=2.0), "route"),
        (Limits(per_day=2.0), "day"),
        (Limits(per_number=2.0, per_route=2.0), "route"),
        (Limits(per_number=2.0, per_route=2.0, per_day=2.0), "day"),
    ],
)
def test_what_forbids_another_call(limits: Limits, scope: Scope | None) -> None:
    """The widest scope that is used up; softly is not used up."""
    spending = Spending(limits)
    assert spending.exhausted("+1", "desk", MONDAY) is None
    spending.add("CA1", "+1", "desk", 2.0, MONDAY)
    assert spending.exhausted("+1", "desk", MONDAY) == scope
    other = spending.exhausted("+2", "sales", MONDAY)
    assert other == ("day" if scope == "day" else None)


def test_a_new_day_begins_with_nothing() -> None:
    """Except for calls that go on: what they cost is counted from their beginning."""
    spending = Spending(Limits(per_call=3.0, per_number=2.0, per_route=2.0, per_day=2.0))
    spending.add("CA1", "+1", "desk", 2.0, MONDAY)
    assert spending.exhausted("+1", "desk", MONDAY) == "day"
    assert spending.exhausted("+1", "desk", TUESDAY) is None
    found = spending.add("CA1", "+1", "desk", 1.0, TUESDAY)
    assert told(found) == [("hard", "call", "CA1")]
    assert spending.exhausted("+1", "desk", TUESDAY) is None


def test_yesterday_is_forgotten() -> None:
    """A sum that comes late counts for its call only, and does not bring the day back."""
    spending = Spending(Limits(per_call=10.0, per_day=2.0))
    spending.add("CA1", "+1", "desk", 0.5, TUESDAY)
    assert spending.add("CA2", "+2", "desk", 5.0, MONDAY) == []
    spending.preload(MONDAY, [("+3", "desk", 5.0)])
    assert spending.call_usd("CA2") == 5.0
    assert spending.exhausted("+1", "desk", TUESDAY) is None
    # A clock that is put back does not open what is used up.
    spending.add("CA1", "+1", "desk", 1.5, TUESDAY)
    assert spending.exhausted("+1", "desk", MONDAY) == "day"


def test_what_was_spent_before_a_restart_counts() -> None:
    """In every scope but the call's; whether it comes before or after the first sums."""
    limits = Limits(per_call=1.0, per_number=2.0, per_route=3.0, per_day=5.0)
    earlier = [("+1", "desk", 1.5), ("+2", "desk", 1.0), ("+3", "sales", 1.5)]
    for order in ("before", "after"):
        spending = Spending(limits)
        if order == "before":
            spending.preload(MONDAY, earlier)
        spending.add("CA1", "+1", "desk", 0.5, MONDAY)
        if order == "after":
            spending.preload(MONDAY, earlier)
        assert spending.exhausted("+1", "sales", MONDAY) == "number"
        assert spending.exhausted("+9", "desk", MONDAY) == "route"
        assert spending.exhausted("+9", "sales", MONDAY) is None
        spending.add("CA2", "+9", "sales", 0.5, MONDAY)
        assert spending.exhausted("+8", "billing", MONDAY) == "day"


def test_a_call_that_has_ended_is_forgotten() -> None:
    """Its own sum; what it spent of the day stays spent."""
    spending = Spending(Limits(per_call=1.0, per_day=2.0))
    spending.add("CA1", "+1", "desk", 1.0, MONDAY)
    spending.end("CA1")
    spending.end("CA1")
    assert spending.call_usd("CA1") == 0.0
    assert told(spending.add("CA2", "+1", "desk", 1.0, MONDAY)) == [
        ("hard", "call", "CA2"),
        ("hard", "day", "2026-11-23"),
    ]


@pytest.mark.parametrize("usd", [-0.01, math.nan, math.inf, -math.inf])
def test_no_sum_is_negative_or_endless(usd: float) -> None:
    """It is refused whole, before anything is added."""
    spending = Spending(Limits(per_day=1.0))
    with pytest.raises(ValueError, match="USD cannot have been spent"):
        spending.add("CA1", "+1", "desk", usd, MONDAY)
    assert spending.call_usd("CA1") == 0.0


def test_small_sums_add_up_to_the_limit() -> None:
    """Ten times ten cents are a dollar, and so are ten million tokens at ten cents the million."""
    spending = Spending(Limits(per_call=1.0))
    found = [told(spending.add("CA1", "+1", "desk", 0.1, MONDAY)) for _ in range(10)]
    assert [len(each) for each in found] == [0] * 7 + [1, 0, 1]
    spending = Spending(Limits(per_call=1.0))
    for _ in range(9_999):
        spending.add("CA1", "+1", "desk", 1000 * 0.1 / 1e6, MONDAY)
    assert spending.call_usd("CA1") == 0.9999


SUM = st.tuples(st.sampled_from(["CA1", "CA2", "CA3"]), st.floats(0, 3, allow_subnormal=False))
ORDERS = st.lists(SUM, max_size=25).flatmap(
    lambda sums: st.tuples(st.just(sums), st.permutations(sums))
)


@given(ORDERS)
def test_the_order_changes_nothing(
    orders: tuple[list[tuple[str, float]], list[tuple[str, float]]],
) -> None:
    """Who reaches what depends on it, but neither the sums nor what is used up in the end."""
    ends = []
    for order in orders:
        spending = Spending(Limits(per_call=2.0, per_number=5.0, per_day=12.0))
        for call_sid, usd in order:
            spending.add(call_sid, f"+{call_sid}", "desk", usd, MONDAY)
        ends.append(
            [
                (spending.call_usd(sid), spending.exhausted(f"+{sid}", "desk", MONDAY))
                for sid in ("CA1", "CA2", "CA3")
            ]
        )
    assert ends[0] == ends[1]


def test_minutes_cost_when_they_begin() -> None:
    """Asked often or seldom, it comes to the same; a clock that goes back costs nothing."""
    minutes = CarrierMinutes(0.0125)
    asked = [0.0, 0.1, 30.0, 60.0, 60.5, 59.0, 190.0, 190.0]
    assert [minutes.begun(elapsed_s) for elapsed_s in asked] == [
        0.0,
        0.0125,
        0.0,
        0.0,
        0.0125,
        0.0,
        0.025,
        0.0,
    ]


@given(st.lists(st.floats(0, 10_000)))
def test_minutes_are_counted_once(asked: list[float]) -> None:
    """All that was told is what the longest time costs."""
    minutes = CarrierMinutes(1.0)
    assert sum(minutes.begun(each) for each in asked) == math.ceil(max(asked, default=0.0) / 60)


CENT = Fraction(1, 100)
LIMITS = {"call": 30, "number": 60, "route": 90, "day": 150}
SOFT = Fraction(1, 2)
DAYS = [MONDAY + timedelta(days=each) for each in range(3)]


class Ledger(RuleBasedStateMachine):
    """Calls that come, spend and go in any order, against sums made anew from all there was."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        call, number, route, day = (LIMITS[each] / 100 for each in LIMITS)
        self.spending = Spending(Limits(call, number, route, day, float(SOFT)))
        self.spent: list[tuple[str, str, str, int, date]] = []
        self.begun = 0
        self.day = DAYS[0]
        self.told: dict[str, dict[str, str]] = {}

    @rule(target=calls, number=st.sampled_from(["+1", "+2"]), route=st.sampled_from(["a", "b"]))
    def call(self, number: str, route: str) -> tuple[str, str, str]:
        """A call begins."""
        self.begun += 1
        return f"CA{self.begun}", number, route

    @rule(call=calls, cents=st.integers(0, 40), day=st.sampled_from(DAYS))
    def spend(self, call: tuple[str, str, str], cents: int, day: date) -> None:
        """A call costs something, on a day that need not be the newest."""
        call_sid, number, route = call
        self.day = max(self.day, day)
        self.spent.append((call_sid, number, route, cents, day))
        found = self.spending.add(call_sid, number, route, cents / 100, day)
        assert [(each.level, each.scope) for each in found] == list(self.expected(*call))
        sums = self.sums(*call)
        for each in found:
            assert each.spent_usd == float(sums[each.scope] * CENT)
            assert each.limit_usd == float(LIMITS[each.scope] * CENT)

    def expected(self, call_sid: str, number: str, route: str) -> Iterator[tuple[Level, str]]:
        """What must be told now."""
        told = self.told.setdefault(call_sid, {})
        for scope, spent in self.sums(call_sid, number, route).items():
            level: Level = "hard" if spent >= LIMITS[scope] else "soft"
            if spent >= LIMITS[scope] * SOFT and told.get(scope) not in (level, "hard"):
                told[scope] = level
                yield level, scope

    def sums(self, call_sid: str, number: str, route: str) -> dict[str, int]:
        """Cents by scope."""
        today = [each for each in self.spent if each[4] == self.day]
        return {
            "call": sum(each[3] for each in self.spent if each[0] == call_sid),
            "number": sum(each[3] for each in today if each[1] == number),
            "route": sum(each[3] for each in today if each[2] == route),
            "day": sum(each[3] for each in today),
        }

    @rule(number=st.sampled_from(["+1", "+2"]), route=st.sampled_from(["a", "b"]))
    def offer(self, number: str, route: str) -> None:
        """Another call wants to begin."""
        sums = self.sums("", number, route)
        used_up = [each for each in ("day", "route", "number") if sums[each] >= LIMITS[each]]
        found = self.spending.exhausted(number, route, self.day)
        assert found == (used_up[0] if used_up else None)

    @rule(call=consumes(calls))
    def end(self, call: tuple[str, str, str]) -> None:
        """A call is over."""
        self.spending.end(call[0])

    @invariant()
    def nothing_is_kept_of_what_is_over(self) -> None:
        """Neither past days nor calls that have ended."""
        kept = self.spending._today
        assert {key for scope, key in kept if scope == "day"} <= {self.day.isoformat()}


TestLedger = Ledger.TestCase


def test_a_route_may_have_limits_of_its_own() -> None:
    """They hold for its calls in place of everybody's; the sums are the same."""
    spending, own = Spending(Limits(per_call=1.0, per_route=1.0)), Limits(per_route=5.0)
    assert spending.add("CA1", "+14155550100", "desk", 2.0, MONDAY, own) == []
    assert spending.exhausted("+14155550100", "desk", MONDAY, own) is None
    assert spending.exhausted("+14155550100", "desk", MONDAY) == "route"
    (reached,) = spending.add("CA1", "+14155550100", "desk", 3.0, MONDAY, own)
    assert (reached.level, reached.scope, reached.spent_usd) == ("hard", "route", 5.0)
