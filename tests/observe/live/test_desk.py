"""What viewers are told: a snapshot and what changed since are the state, however slow they are."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.events import CallEnded, CallerSpoke, CallOffered, DtmfGroup
from gateway.observe.live.board import Beside, Board
from gateway.observe.live.desk import Desk, Sources, Watch
from tests.store.anything import ANYTHING

OFFERED = CallOffered("+12025550100", "+12025550123", "desk", "inbound")
OVER = CallEnded("idle", 1.0, 1.0, 1, 1, 0)
SIDS = ("CA1", "CA2", "CA3")
MOST = 6
EVERYTHING = Watch(calls=True, health=True, approvals=True, call_sid="CA1")


class Scene:
    """A board, a desk, and the world beside the calls."""

    def __init__(self, **options: Any) -> None:
        self.board = Board(lambda words, asked: words, **options)
        self.beside: dict[str, Beside] = {}
        self.health: dict[str, Any] = {"calls": 0}
        self.waiting: list[dict[str, Any]] = []
        sources = Sources(lambda: self.of, lambda: dict(self.health), lambda: self.waiting)
        self.desk = Desk(self.board, sources, every_s=0.001)

    def of(self, call_sid: str) -> Beside:
        """What events do not tell of a call."""
        return self.beside.get(call_sid, Beside("live"))

    def snapshot(self, watch: Watch) -> tuple[dict[str, Any], int]:
        """A fresh look at everything."""
        text, edition = asyncio.run(self.desk.snapshot(watch))
        return json.loads(text), edition


class Screen:
    """A viewer as a page keeps it: a snapshot, and the deltas put on top."""

    def __init__(self, scene: Scene, watch: Watch) -> None:
        self.scene = scene
        self.watch = watch
        told, self.edition = scene.snapshot(watch)
        self.calls = {each["call_sid"]: each for each in told.get("calls", [])}
        self.health, self.approvals = told.get("health"), told.get("approvals")
        whole = told.get("call")
        self.entries = {each["n"]: each for each in (whole or {}).get("entries", [])}
        self.call = whole and {name: whole[name] for name in whole if name != "entries"}
        self.ended: str | None = None

    def take(self) -> None:
        """What changed since."""
        text = self.scene.desk.delta(self.watch, self.edition)
        if text is None:
            self.edition = self.scene.desk.edition
            return
        told = json.loads(text)
        assert (told["type"], told["from"]) == ("delta", self.edition)
        self.edition = told["version"]
        for each in told.get("calls", []):
            self.calls[each["call_sid"]] = each
        self.call = told.get("call", self.call)
        for each in told.get("gone", []):
            self.calls.pop(each["call_sid"], None)
        self.health = told.get("health", self.health)
        self.approvals = told.get("approvals", self.approvals)
        self.entries |= {each["n"]: each for each in told.get("entries", [])}
        self.ended = told.get("ended", {}).get("reason", self.ended)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(SIDS), ANYTHING),
        st.tuples(st.sampled_from(SIDS), st.sampled_from(["live", "ending", "away"])),
        st.sampled_from(["look", "view", "take", "offer", "health", "approvals"]),
    ),
    max_size=60,
)


@given(STEPS, st.sampled_from([EVERYTHING, Watch(calls=True), Watch(call_sid="CA1"), Watch()]))
def test_a_snapshot_and_what_changed_since_are_the_state(steps: list[Any], watch: Watch) -> None:
    """Whenever a viewer came, however seldom it takes something, whatever happens."""
    scene = Scene(most_entries=MOST)
    screens: list[Screen] = [Screen(scene, watch)]
    for sid in SIDS:
        scene.board.hear(sid, OFFERED)
    for step in steps:
        if isinstance(step, tuple):
            happen(scene, *step)
        elif step == "look":
            scene.desk.look()
        elif step == "view":
            screens.append(Screen(scene, watch))
        elif step == "take":
            screens[0].take()
        elif step == "health":
            scene.health["calls"] += 1
        elif step == "approvals":
            scene.waiting = [*scene.waiting, {"tool_call_id": f"call_{len(scene.waiting)}"}]
    scene.desk.look(at_health=True)
    fresh = Screen(scene, watch)
    for screen in screens:
        screen.take()
        assert (screen.calls, screen.health, screen.approvals) == (
            fresh.calls,
            fresh.health,
            fresh.approvals,
        )
        newest = min(fresh.entries, default=0)
        assert {n: each for n, each in screen.entries.items() if n >= newest} == fresh.entries
        if watch.call_sid and fresh.call is not None:
            assert screen.call is not None
            assert screen.call == fresh.call
        if watch.call_sid and fresh.call and fresh.call["reason"] and screen.ended is not None:
            assert screen.ended == fresh.call["reason"]


def happen(scene: Scene, call_sid: str, what: Any) -> None:
    """An event, or a change that no event tells; ended calls have no second life."""
    if isinstance(what, str):
        scene.beside[call_sid] = Beside(what)
    elif not isinstance(what, CallOffered):
        scene.board.hear(call_sid, what)


def test_a_delta_is_made_once_for_all_in_step() -> None:
    """The very same text for everybody who has the same edition and watches the same."""
    scene = Scene()
    scene.board.hear("CA1", OFFERED)
    scene.desk.look()
    since = scene.desk.edition - 1
    first = scene.desk.delta(Watch(calls=True), since)
    assert first is scene.desk.delta(Watch(calls=True), since)
    assert first is not None


def test_only_what_is_watched_is_told() -> None:
    """And nothing at all when none of it changed."""
    scene = Scene()
    for sid in SIDS:
        scene.board.hear(sid, OFFERED)
    scene.desk.look()
    edition = scene.desk.edition
    scene.board.hear("CA2", DtmfGroup(3, 1.0))
    scene.desk.look()
    assert scene.desk.delta(Watch(calls=True), edition) is None
    assert scene.desk.delta(Watch(call_sid="CA1"), edition) is None
    told = json.loads(scene.desk.delta(Watch(call_sid="CA2"), edition) or "{}")
    assert set(told) == {"type", "from", "version", "entries"}
    scene.board.hear("CA2", OVER)
    scene.desk.look()
    told = json.loads(scene.desk.delta(Watch(calls=True), edition) or "{}")
    assert told["gone"] == [{"call_sid": "CA2", "reason": "idle"}]
    told = json.loads(scene.desk.delta(Watch(call_sid="CA2"), edition) or "{}")
    assert told["ended"] == {"call_sid": "CA2", "reason": "idle"}
    assert told["call"]["state"] == "ended"


def test_a_snapshot_of_a_call_that_is_not_there_says_so() -> None:
    """The page learns at once that there is nothing to wait for."""
    told, _ = Scene().snapshot(Watch(call_sid="CA9"))
    assert told == {"type": "snapshot", "version": 1, "call": None}


@pytest.mark.asyncio
async def test_the_board_is_looked_at_only_while_there_is_a_viewer() -> None:
    """Nobody watches, nothing is done; everybody who waits learns of an edition."""
    scene = Scene()
    async with asyncio.timeout(10):
        async with scene.desk.viewing(), scene.desk.viewing():
            scene.board.hear("CA1", OFFERED)
            await scene.desk.news()
            assert scene.desk.edition == 1
            assert scene.desk.viewers == 2
    before = scene.desk.edition
    scene.board.hear("CA1", DtmfGroup(3, 1.0))
    for _ in range(5):
        await asyncio.sleep(0.002)
    assert (scene.desk.viewers, scene.desk.edition) == (0, before)


@pytest.mark.asyncio
async def test_a_long_call_is_made_ready_little_by_little() -> None:
    """Other work of the loop gets its turn, and what happens meanwhile is in the snapshot, too."""
    scene = Scene()
    scene.board.hear("CA1", OFFERED)
    for number in range(200):
        scene.board.hear("CA1", CallerSpoke(f"item_{number}", "hello"))
    turns = 0

    async def other_work() -> None:
        nonlocal turns
        while True:
            turns += 1
            scene.board.hear("CA1", CallerSpoke(f"more_{turns}", "hello"))
            await asyncio.sleep(0)

    working = asyncio.create_task(other_work())
    text, edition = await scene.desk.snapshot(Watch(call_sid="CA1"))
    working.cancel()
    assert turns >= 10
    told = json.loads(text)
    assert told["version"] == edition
    assert len(told["call"]["entries"]) == 201 + turns
    assert event_texts(told) == {"hello"}


def event_texts(told: dict[str, Any]) -> set[str]:
    """The words in a snapshot."""
    return {each["text"] for each in told["call"]["entries"] if each["kind"] == "caller"}
