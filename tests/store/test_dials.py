"""The calls we place: let in by the rules, each claimed once, told of in any order."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from datetime import UTC, datetime, time, timedelta
from functools import reduce
from pathlib import Path
from types import MappingProxyType

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.core.callee import Callee, Refusal, parse
from gateway.core.dialstate import News, Standing, after
from gateway.core.policy import Quiet, Rules
from gateway.settings import Settings
from gateway.store.database import open_database
from gateway.store.dials import Ask, Dial, Dials, KeyReused, NotToBeSent
from gateway.store.donotcall import DoNotCall
from gateway.store.switch import Switch
from gateway.store.tables import calls, dials, notes
from tests.core.hostile import GOOD, destinations, may_be_called
from tests.core.test_dialstate import shuffled
from tests.store.asks import BERLIN, NOON, OPEN, ask, somebody
from tests.store.databases import made, settings_in

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SID = "CA" + "1" * 32


@pytest_asyncio.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """An empty database."""
    engine = await made(settings)
    yield engine
    await engine.dispose()


@pytest.fixture
def placed(engine: AsyncEngine) -> Dials:
    """The calls in it."""
    return Dials(engine)


async def let_in(placed: Dials, asked: Ask | None = None, now: datetime = NOON) -> Dial:
    """A call that was let in."""
    found = await placed.admit(asked or ask(), OPEN, now)
    assert isinstance(found, Dial), found
    return found


async def rule_of(placed: Dials, asked: Ask, rules: Rules = OPEN, now: datetime = NOON) -> str:
    """The rule that refuses a call; nothing when it is let in."""
    found = await placed.admit(asked, rules, now)
    return found.rule if isinstance(found, Refusal) else ""


def ahead(hours: float, to: str = BERLIN) -> Ask:
    """A call that is asked for ahead, from noon on."""
    when = NOON + hours * HOUR
    return ask(to, not_before=when, expires_at=when + HOUR)


async def sending_fails(placed: Dials, dial: Dial, now: datetime = NOON) -> Refusal:
    """Why a call is not to be sent."""
    with pytest.raises(NotToBeSent) as raised:
        await placed.sending(dial.id, OPEN, now)
    assert str(raised.value) == raised.value.refusal.text
    return raised.value.refusal


@pytest.mark.asyncio
async def test_a_call_is_let_in(placed: Dials) -> None:
    """With all that was asked, as an open call that waits."""
    asked = ask("+49 (30) 1234-5678", key="k", max_minutes=5.0, record=True, amd="hangup")
    dial = await let_in(placed, replace(asked, data=MappingProxyType({"name": "Ada"})))
    assert (dial.to, dial.from_, dial.state, dial.key) == (BERLIN, "+12025550100", "waiting", "k")
    assert (dial.data, dial.record, dial.amd) == ({"name": "Ada"}, True, "hangup")
    assert (dial.created_at, dial.expires_at) == (NOON, NOON + timedelta(minutes=2))
    assert (dial.sent_at, dial.outcome, dial.call_sid, dial.again) == (None, None, None, False)
    assert await placed.get(dial.id) == dial
    assert await placed.open() == [dial]
    assert await placed.get("x") is None
    assert len(dial.id) == 32


@pytest.mark.asyncio
async def test_what_is_no_number_is_refused(placed: Dials) -> None:
    """Before anything is looked up; no row is made."""
    assert await rule_of(placed, ask("+1911")) == "emergency"
    assert await rule_of(placed, ask("sip:desk@example.com")) == "address"
    assert await placed.open() == []


@pytest.mark.asyncio
async def test_the_rules_are_asked(placed: Dials, engine: AsyncEngine) -> None:
    """Each with what is counted in the database."""
    assert await rule_of(placed, ask(), replace(OPEN, countries=frozenset({"US"}))) == "country"
    assert await rule_of(placed, ask(), replace(OPEN, prefixes=("+4989",))) == "prefix"
    quiet = replace(OPEN, quiet=Quiet(time(12), time(14)))
    assert await rule_of(placed, ask(), quiet) == "quiet_hours"
    await DoNotCall(engine).add(BERLIN, None, NOON)
    assert await rule_of(placed, ask()) == "do_not_call"
    assert await rule_of(placed, ask(somebody(1))) == ""
    await Switch(engine).close(None, NOON)
    assert await rule_of(placed, ask(somebody(1))) == "switch"
    callee = parse(somebody(1))
    assert isinstance(callee, Callee)
    found = await placed.judge(callee, OPEN, NOON)
    assert found is not None
    assert found.rule == "switch"
    await Switch(engine).open(NOON)
    assert await placed.judge(callee, OPEN, NOON) is None
    assert len(await placed.open()) == 1


@pytest.mark.asyncio
async def test_caps_are_of_any_minute_and_any_day(placed: Dials) -> None:
    """What is older does not count any more, to the moment."""
    rules = replace(OPEN, per_number=2, per_minute=3, per_day=4)
    late = NOON + 9 * DAY
    same, other = ask(expires_at=late), ask(somebody(1), expires_at=late)
    for second in (0, 10):
        assert await rule_of(placed, same, rules, NOON + second * SECOND) == ""
    assert await rule_of(placed, same, rules, NOON + 20 * SECOND) == "per_number"
    assert await rule_of(placed, other, rules, NOON + 30 * SECOND) == ""
    assert await rule_of(placed, other, rules, NOON + 59.9 * SECOND) == "per_minute"
    assert await rule_of(placed, other, rules, NOON + 60 * SECOND) == ""
    assert await rule_of(placed, ask(somebody(2), expires_at=late), rules, NOON + HOUR) == "per_day"
    assert await rule_of(placed, same, rules, NOON + DAY - SECOND) == "per_number"
    assert await rule_of(placed, same, rules, NOON + DAY) == ""


@pytest.mark.asyncio
async def test_what_never_left_does_not_count(placed: Dials) -> None:
    """It ended before it was sent; what was sent counts, however it ended."""
    rules = replace(OPEN, per_number=1, at_once=1)
    never = await let_in(placed)
    assert await rule_of(placed, ask(), rules) == "per_number"
    await placed.ended(never.id, "canceled", None, NOON)
    sent = await let_in(placed)
    await placed.sending(sent.id, OPEN, NOON)
    await placed.ended(sent.id, "failed", "refused", NOON)
    assert await rule_of(placed, ask(), rules) == "per_number"
    assert await rule_of(placed, ask(somebody(1)), rules) == ""
    assert await rule_of(placed, ask(somebody(2)), rules) == "at_once"


@pytest.mark.asyncio
async def test_what_is_asked_for_ahead_counts_when_it_is_due(placed: Dials) -> None:
    """So that no 24 hours have more than the cap in them, whichever was asked for first."""
    rules = replace(OPEN, per_number=1, per_day=2)
    assert await rule_of(placed, ahead(30), rules) == ""
    assert await rule_of(placed, ask(), rules) == ""
    assert await rule_of(placed, ahead(10), rules) == "per_number"
    assert await rule_of(placed, ahead(10, somebody(1)), rules) == "per_day"
    assert await rule_of(placed, ahead(60), rules) == ""
    hours = [round((dial.not_before or NOON).timestamp()) for dial in await placed.open()]
    assert hours == sorted(hours)


@pytest.mark.asyncio
async def test_quiet_hours_are_those_when_it_is_due(placed: Dials) -> None:
    """A call at night may be asked for by day, and is refused then."""
    night = replace(OPEN, quiet=Quiet(time(21), time(8)))
    assert await rule_of(placed, ahead(11), night) == "quiet_hours"
    assert await rule_of(placed, ahead(22), night) == ""


@pytest.mark.asyncio
async def test_what_is_asked_for_ahead_takes_its_place_when_it_is_sent(placed: Dials) -> None:
    """Until then it keeps nobody else from being called."""
    rules = replace(OPEN, at_once=1)
    one = await let_in(placed, ahead(1, somebody(1)))
    other = await let_in(placed, ahead(1, somebody(2)))
    now = await let_in(placed)
    later = NOON + HOUR
    with pytest.raises(NotToBeSent) as raised:
        await placed.sending(one.id, rules, later)
    assert (raised.value.refusal.rule, raised.value.refusal.passes) == ("at_once", True)
    await placed.ended(now.id, "completed", None, later)
    await placed.sending(one.id, rules, later)
    with pytest.raises(NotToBeSent):
        await placed.sending(other.id, rules, later)
    assert await rule_of(placed, ask(expires_at=later + HOUR), rules, later) == "at_once"


@pytest.mark.asyncio
async def test_the_same_key_is_the_same_call(placed: Dials) -> None:
    """Whatever has changed meanwhile; another call under it is a mistake."""
    first = await let_in(placed, ask(key="k"))
    closed = replace(OPEN, countries=frozenset())
    asked = ask(key="k", expires_at=NOON + DAY)
    again = await placed.admit(asked, closed, NOON + HOUR)
    assert again == first
    assert isinstance(again, Dial)
    assert again.again
    for other in (ask(somebody(1), key="k"), ask(key="k", data={}), ask(key="k", ring_s=30)):
        with pytest.raises(KeyReused):
            await placed.admit(other, OPEN, NOON)
    assert len(await placed.open()) == 1


@pytest.mark.asyncio
async def test_the_same_key_at_the_same_time_is_one_call(placed: Dials) -> None:
    """Somebody asks twice because the answer takes its time."""
    found = await asyncio.gather(*(placed.admit(ask(key="k"), OPEN, NOON) for _ in range(20)))
    made_of = [each for each in found if isinstance(each, Dial)]
    assert len({each.id for each in made_of}) == 1
    assert [each.again for each in made_of].count(False) == 1


def test_a_digest_is_of_all_that_is_asked() -> None:
    """But of the key, and of when it expires, which counts from when it is asked."""
    first = ask().digest()
    assert first == ask(key="k", expires_at=NOON + DAY).digest()
    assert len(first) == 64
    changed = [
        ask(somebody(1)),
        ask(from_="+12025550101"),
        ask(agent=None),
        ask(campaign="spring"),
        ask(data={"name": "Bob"}),
        ask(record=True),
        ask(amd="hangup"),
        ask(max_minutes=1.0),
        ask(ring_s=1),
        ask(by="cli"),
        ask(not_before=NOON),
    ]
    assert len({first, *(each.digest() for each in changed)}) == 1 + len(changed)
    there = NOON.astimezone(UTC)
    assert ask(not_before=NOON).digest() == ask(not_before=there).digest()


@pytest.mark.asyncio
async def test_what_nothing_is_left_for_is_refused(placed: Dials, engine: AsyncEngine) -> None:
    """By what all calls of the day have cost, and those of the number; in and out."""
    rows = [
        ("CA1", "inbound", BERLIN, "+12025550100", 0.5, NOON),
        ("CA2", "outbound-api", "+12025550100", BERLIN, 0.25, NOON),
        ("CA3", "inbound", somebody(1), "+12025550100", 1.0, NOON),
        ("CA4", "inbound", BERLIN, "+12025550100", 9.0, NOON - DAY),
    ]
    columns = ("call_sid", "direction", "caller", "called", "cost_usd", "offered_at")
    async with engine.begin() as connection:
        await connection.execute(
            insert(calls), [dict(zip(columns, row, strict=True)) for row in rows]
        )
    by_number = replace(OPEN, usd_per_number=0.75)
    assert await rule_of(placed, ask(), by_number) == "spend_per_number"
    assert await rule_of(placed, ask(somebody(2)), by_number) == ""
    assert await rule_of(placed, ask(), replace(OPEN, usd_per_day=1.75)) == "spend_per_day"
    assert await rule_of(placed, ask(), replace(OPEN, usd_per_number=0.76, usd_per_day=2)) == ""
    tomorrow = ask(expires_at=NOON + 2 * DAY)
    assert await rule_of(placed, tomorrow, replace(OPEN, usd_per_day=1.0), NOON + DAY) == ""


@pytest.mark.asyncio
async def test_only_one_claims_a_call(placed: Dials) -> None:
    """Whoever else is about to send it is told; nobody is rung twice."""
    dial = await let_in(placed)
    tries = await asyncio.gather(
        *(placed.sending(dial.id, OPEN, NOON + SECOND) for _ in range(20)),
        return_exceptions=True,
    )
    won = [each for each in tries if isinstance(each, Dial)]
    lost = [each.refusal.rule for each in tries if isinstance(each, NotToBeSent)]
    assert (len(won), lost) == (1, ["taken"] * 19)
    assert (won[0].state, won[0].sent_at) == ("sending", NOON + SECOND)
    assert await placed.get(dial.id) == won[0]


@pytest.mark.asyncio
async def test_what_was_let_in_is_judged_again_before_it_is_sent(
    placed: Dials, engine: AsyncEngine
) -> None:
    """The switch and the list hold for what waits, and so do hours that have begun."""
    dial = await let_in(placed)
    await Switch(engine).close("enough", NOON)
    assert (await sending_fails(placed, dial)).rule == "switch"
    await Switch(engine).open(NOON)
    await DoNotCall(engine).add(dial.to, None, NOON)
    assert (await sending_fails(placed, dial)).rule == "do_not_call"
    await DoNotCall(engine).remove(dial.to)
    for rules in (
        replace(OPEN, quiet=Quiet(time(12), time(14))),
        replace(OPEN, countries=frozenset()),
    ):
        with pytest.raises(NotToBeSent):
            await placed.sending(dial.id, rules, NOON)
    assert (await placed.sending(dial.id, OPEN, NOON)).state == "sending"


@pytest.mark.asyncio
async def test_caps_that_let_a_call_in_let_it_out(placed: Dials) -> None:
    """It is not counted against itself, nor are those behind it."""
    rules = replace(OPEN, per_number=1, per_minute=2, per_day=2, at_once=2)
    first = await placed.admit(ask(), rules, NOON)
    second = await placed.admit(ask(somebody(1)), rules, NOON)
    for dial in (first, second):
        assert isinstance(dial, Dial)
        assert (await placed.sending(dial.id, rules, NOON)).state == "sending"


@pytest.mark.asyncio
async def test_a_call_has_its_time(placed: Dials) -> None:
    """Too early it is tried again, too late it is not; without one it is gone."""
    early = await let_in(placed, ahead(1))
    found = await sending_fails(placed, early)
    assert (found.rule, found.passes) == ("too_early", True)
    assert (await placed.sending(early.id, OPEN, NOON + HOUR)).state == "sending"
    late = await let_in(placed, ask(somebody(1)))
    found = await sending_fails(placed, late, NOON + timedelta(minutes=2))
    assert (found.rule, found.setting) == ("expired", "GATEWAY_OUTBOUND_MAX_AGE_S")
    assert await rule_of(placed, ask(somebody(2)), now=NOON + HOUR) == "expired"
    assert (await sending_fails(placed, replace(late, id="x"))).rule == "gone"


@pytest.mark.asyncio
async def test_a_call_is_followed_to_its_end(placed: Dials) -> None:
    """By what the carrier answers, and by what it tells."""
    dial = await let_in(placed)
    await placed.sending(dial.id, OPEN, NOON)
    queued = await placed.placed(dial.id, SID, NOON + SECOND)
    assert queued is not None
    assert (queued.state, queued.call_sid) == ("queued", SID)
    assert await placed.by_sid(SID) == queued
    assert await placed.placed(dial.id, SID, NOON + 2 * SECOND) is None
    news = News(at=NOON + 3 * SECOND, status="in-progress", sequence=2, call_sid=SID)
    live = await placed.heard(dial.id, news)
    assert live is not None
    assert (live.state, live.answered_at) == ("answered", NOON + 3 * SECOND)
    assert await placed.heard(dial.id, news) is None
    over = await placed.ended(dial.id, "message_left", "x" * 200, NOON + 4 * SECOND)
    assert over is not None
    assert (over.state, over.outcome, over.ended_at) == (
        "ended",
        "message_left",
        NOON + 4 * SECOND,
    )
    assert over.reason == "x" * 128
    assert await placed.open() == []
    assert await placed.ended(dial.id, "failed", None, NOON) is None
    assert await placed.get(dial.id) == over


@pytest.mark.asyncio
async def test_only_who_waits_is_dropped(placed: Dials) -> None:
    """What another process has taken stays as it is."""
    waits, taken = await let_in(placed), await let_in(placed)
    over = await placed.dropped(waits.id, "expired", "late", NOON)
    assert over is not None
    assert (over.state, over.outcome, over.reason) == ("ended", "expired", "late")
    sent = await placed.sending(taken.id, OPEN, NOON)
    assert await placed.dropped(taken.id, "expired", "late", NOON) is None
    assert await placed.get(taken.id) == sent
    assert await placed.dropped("x", "expired", None, NOON) is None


@pytest.mark.asyncio
async def test_what_nobody_answered_may_have_been_done(placed: Dials) -> None:
    """It stays open until the carrier says what it knows; a callback may be faster."""
    dial = await let_in(placed)
    assert await placed.unknown(dial.id) is None
    await placed.sending(dial.id, OPEN, NOON)
    lost = await placed.unknown(dial.id)
    assert lost is not None
    assert lost.state == "unknown"
    assert await placed.open() == [lost]
    rings = await placed.heard(dial.id, News(at=NOON, status="ringing", sequence=1, call_sid=SID))
    assert rings is not None
    assert (rings.state, rings.call_sid) == ("ringing", SID)
    assert await placed.unknown(dial.id) is None
    assert await placed.placed(dial.id, SID, NOON) is None


@pytest.mark.asyncio
async def test_news_of_nobody_are_nothing(placed: Dials) -> None:
    """The call may have been erased."""
    assert await placed.heard("x", News(at=NOON, status="ringing")) is None
    assert await placed.ended("x", "failed", None, NOON) is None
    assert await placed.by_sid(SID) is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database for all examples of a property."""

    async def make() -> None:
        await (await made(settings_in(path))).dispose()

    path = tmp_path_factory.mktemp("calls")
    asyncio.run(make())
    return path


@hypothesis_settings(max_examples=10)
@given(callbacks=shuffled())
def test_callbacks_in_any_order_end_alike(
    folder: Path, callbacks: tuple[list[News], list[News]]
) -> None:
    """Of calls in the database one is told in order, one as it comes, and one all at once."""
    order, comes = callbacks

    async def live() -> list[Dial | None]:
        engine = open_database(settings_in(folder), pooled=False)
        placed = Dials(engine)
        found = [(await let_in(placed)).id for _ in range(3)]
        for dial_id in found:
            await placed.sending(dial_id, OPEN, NOON)
            await placed.unknown(dial_id)
        for news in order:
            await placed.heard(found[0], news)
        for news in comes:
            await placed.heard(found[1], news)
        await asyncio.gather(*(placed.heard(found[2], news) for news in comes))
        ends = [await placed.get(dial_id) for dial_id in found]
        await engine.dispose()
        return ends

    first, *others = asyncio.run(live())
    assert first is not None
    stands = reduce(after, order, Standing(state="unknown"))
    for field in fields(Standing):
        if field.name != "sequence":
            assert getattr(first, field.name) == getattr(stands, field.name)
    for other in others:
        assert other is not None
        assert replace(other, id=first.id) == first


@pytest.mark.asyncio
async def test_of_hostile_destinations_none_gets_a_row(placed: Dials, engine: AsyncEngine) -> None:
    """Two thousand asked for one after the other; a judge of its own knows those that are good."""
    expected = set()
    for each in destinations():
        found = await placed.admit(ask(each.text), OPEN, NOON)
        if isinstance(found, Dial):
            assert not each.never, each.text
            assert may_be_called(each.text), each.text
            expected.add(found.to)
    for number in GOOD:
        assert isinstance(await placed.admit(ask(number), OPEN, NOON), Dial)
    async with engine.connect() as connection:
        rows = set((await connection.execute(select(dials.c.to_number))).scalars())
        count = (await connection.execute(select(func.count()).select_from(dials))).scalar_one()
    assert rows == expected | set(GOOD)
    assert count < 400


# Who goes on with something


@pytest.mark.asyncio
async def test_calls_are_found_by_their_keys(placed: Dials) -> None:
    """Several at a time, or all whose keys begin alike, so many behind another."""
    mine = [
        await let_in(placed, ask(somebody(n), key=f"c:{n}"), NOON + n * SECOND) for n in range(3)
    ]
    await let_in(placed, ask(somebody(9), key="other"))
    await let_in(placed, ask(somebody(8)))
    assert await placed.under(["c:2", "c:0", "c:7"]) == [mine[0], mine[2]]
    assert await placed.under([]) == []
    assert [each.dial for each in await placed.tried("c:", "", 9)] == mine
    behind = await placed.tried("c:", mine[0].id, 1)
    assert [(each.dial, each.cost_usd) for each in behind] == [(mine[1], None)]
    assert await placed.tried("c%", "", 9) == []


@pytest.mark.asyncio
async def test_what_the_records_have_comes_along(placed: Dials, engine: AsyncEngine) -> None:
    """Of a call that came of it; its notes are found by its CallSid."""
    dial = await let_in(placed, ask(key="c:1"))
    await placed.sending(dial.id, OPEN, NOON)
    await placed.placed(dial.id, "CA1", NOON)
    call = {"reason": "idle", "duration_ms": 5.0, "cost_usd": 0.5, "outcome": "completed"}
    async with engine.begin() as connection:
        await connection.execute(insert(calls).values({"call_sid": "CA1", "seq": 1} | call))
        for number, text in ((2, "second"), (1, "first"), (3, None)):
            row = {"call_sid": "CA1", "number": number, "text": text}
            await connection.execute(insert(notes).values(row))
    (tried,) = await placed.tried("c:", "", 9)
    assert (tried.call_reason, tried.duration_ms, tried.cost_usd, tried.call_outcome) == (
        "idle",
        5.0,
        0.5,
        "completed",
    )
    assert await placed.notes_of("CA1") == ["first", "second"]
    assert await placed.notes_of("CA2") == []
