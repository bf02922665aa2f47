"""What the model believes was said: corrections after an interruption, and nothing else, ever."""

import random
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.core.conversation import Command, Conversation, Delete, Truncate
from gateway.core.g711 import BYTES_PER_MS
from gateway.core.ledger import Cut, Item
from tests.core.carrier_model import Carrier, Desk


def _item(
    item_id: str,
    received: int,
    heard: int,
    *,
    response_id: str = "r1",
    content_index: int = 0,
    finished: bool = True,
) -> Item:
    item = Item(item_id, content_index, response_id)
    item.received, item.sent, item.heard, item.finished = received, received, heard, finished
    return item


def _cut(*items: Item) -> Cut:
    unheard = tuple((item, bytes(item.received - item.heard)) for item in items)
    cleared = sum(item.received - item.heard for item in items)
    return Cut(items, unheard, cleared, 0, 20.0)


def _talk(*item_ids: str, added: bool = True, response_id: str = "r1") -> Conversation:
    """A conversation in which a response is being generated and all its items have been spoken."""
    conversation = Conversation()
    _respond(conversation, *item_ids, added=added, response_id=response_id)
    return conversation


def _respond(
    conversation: Conversation, *item_ids: str, added: bool = True, response_id: str = "r1"
) -> None:
    conversation.response_created(response_id)
    for item_id in item_ids:
        conversation.item_announced(response_id, item_id, "message")
        if added:
            assert conversation.item_added(item_id) == []
        conversation.speaking(response_id, item_id)


def _size(conversation: Conversation) -> int:
    """How much a conversation remembers: entries of everything it holds."""

    def entries(value: object) -> int:
        if isinstance(value, dict):
            return len(value) + sum(entries(inner) for inner in value.values())
        if isinstance(value, set | list | deque):
            return len(value)
        slots = getattr(type(value), "__slots__", ())
        return sum(entries(getattr(value, name)) for name in slots)

    return entries(conversation)


# While the answer is generated


def test_playing_item_is_truncated_at_the_heard_millisecond() -> None:
    """The item that was playing is cut at what was heard, in whole ms, in the same moment."""
    conversation = _talk("a")
    assert conversation.interrupt(_cut(_item("a", 16000, 8007))) == [Truncate("a", 0, 1000)]
    assert conversation.response_done("r1") == []


def test_interrupted_response_is_muted_until_it_is_done() -> None:
    """Its audio must not be played any more; afterwards the response is forgotten."""
    conversation = _talk("a")
    assert not conversation.muted("r1")
    conversation.interrupt(_cut(_item("a", 16000, 8000, finished=False)))
    assert conversation.muted("r1")
    assert conversation.active == "r1"
    conversation.response_done("r1")
    assert not conversation.muted("r1")
    assert conversation.active is None


def test_late_audio_of_a_truncated_item_changes_nothing() -> None:
    """What arrives after the truncation was never played, and the item is already cut."""
    conversation = _talk("a")
    conversation.interrupt(_cut(_item("a", 1600, 800, finished=False)))
    conversation.late_audio("r1", "a", 0, 4000)
    assert conversation.response_done("r1") == []


def test_late_audio_makes_a_heard_item_longer() -> None:
    """All that had come was heard, then more comes and is dropped: truncated once it is known."""
    conversation = _talk("a")
    assert conversation.interrupt(_cut(_item("a", 800, 800, finished=False))) == []
    conversation.late_audio("r1", "a", 0, 160)
    assert conversation.response_done("r1") == [Truncate("a", 0, 100)]


def test_items_that_grew_after_their_cut_are_known() -> None:
    """What was heard of them, and how long they have become; others are not told."""
    conversation = _talk("a", "b")
    conversation.interrupt(_cut(_item("a", 1600, 800, finished=False), _item("b", 0, 0)))
    assert conversation.late_items("r1") == []
    conversation.late_audio("r1", "a", 0, 4000)
    assert conversation.late_items("r1") == [("a", 800, 5600)]
    assert conversation.late_items("another") == []


def test_all_heard_and_nothing_more_came() -> None:
    """An item heard up to its last received byte stays whole when no late audio follows."""
    conversation = _talk("a")
    assert conversation.interrupt(_cut(_item("a", 800, 800, finished=False))) == []
    assert conversation.response_done("r1") == []


def test_second_interruption_of_a_response_does_not_hide_its_late_audio() -> None:
    """A second cut finds an empty ledger; the first one's open item still owes its truncation."""
    conversation = _talk("a")
    conversation.interrupt(_cut(_item("a", 800, 800, finished=False)))
    assert conversation.interrupt(_cut()) == []
    conversation.late_audio("r1", "a", 0, 1600)
    assert conversation.interrupt(_cut()) == []
    assert conversation.response_done("r1") == [Truncate("a", 0, 100)]


def test_second_interruption_repeats_nothing() -> None:
    """A truncated item and a deleted item are corrected once."""
    conversation = _talk("a", "b")
    conversation.interrupt(_cut(_item("a", 1600, 800), _item("b", 1600, 0)))
    assert conversation.interrupt(_cut()) == []
    assert conversation.response_done("r1") == [Delete("b")]
    assert conversation.interrupt(_cut()) == []


def test_item_that_appears_after_the_cut_is_deleted() -> None:
    """A muted response may still announce items; nobody hears them, so they go."""
    conversation = _talk("a")
    conversation.interrupt(_cut(_item("a", 1600, 800, finished=False)))
    conversation.item_announced("r1", "b", "message")
    conversation.late_audio("r1", "b", 0, 1600)
    assert conversation.item_added("b") == []
    assert conversation.response_done("r1") == [Delete("b")]


def test_several_items_that_appear_after_the_cut_are_deleted() -> None:
    """Each of them, in order, at the end of their response."""
    conversation = _talk("a")
    conversation.interrupt(_cut(_item("a", 1600, 800, finished=False)))
    for item_id in "bcd":
        conversation.item_announced("r1", item_id, "message")
        assert conversation.item_added(item_id) == []
    assert conversation.response_done("r1") == [Delete("b"), Delete("c"), Delete("d")]


def test_interruption_before_the_first_audio() -> None:
    """A response cut off before it had a word is muted; its silent item is deleted at its end."""
    conversation = Conversation()
    conversation.response_created("r1")
    conversation.item_announced("r1", "a", "message")
    assert conversation.interrupt(_cut()) == []
    assert conversation.muted("r1")
    conversation.item_added("a")
    assert conversation.response_done("r1") == [Delete("a")]


# Heard 0 ms


@pytest.mark.parametrize("heard", [0, 1, BYTES_PER_MS - 1])
def test_less_than_a_millisecond_is_deleted_not_truncated(heard: int) -> None:
    """A truncate at 0 can be refused, so an item nobody heard is deleted."""
    conversation = _talk("a")
    assert conversation.interrupt(_cut(_item("a", 1600, heard))) == []
    assert conversation.response_done("r1") == [Delete("a")]


def test_one_millisecond_is_truncated() -> None:
    """The first whole millisecond is worth a truncation."""
    conversation = _talk("a")
    cut = _cut(_item("a", 1600, BYTES_PER_MS))
    assert conversation.interrupt(cut) == [Truncate("a", 0, 1)]


def test_delete_waits_for_added_then_done() -> None:
    """Cut, added, done: the delete leaves with the last."""
    conversation = _talk("a", added=False)
    assert conversation.interrupt(_cut(_item("a", 1600, 0))) == []
    assert conversation.item_added("a") == []
    assert conversation.response_done("r1") == [Delete("a")]


def test_delete_waits_for_done_then_added() -> None:
    """Cut, done, added: the delete leaves with the last."""
    conversation = _talk("a", added=False)
    assert conversation.interrupt(_cut(_item("a", 1600, 0))) == []
    assert conversation.response_done("r1") == []
    assert conversation.item_added("a") == [Delete("a")]


def test_delete_waits_for_added_after_a_generation_that_ended() -> None:
    """Done, cut, added: an ended response does not mean that the server told of the item."""
    conversation = _talk("a", added=False)
    assert conversation.response_done("r1") == []
    assert conversation.interrupt(_cut(_item("a", 1600, 0))) == []
    assert conversation.item_added("a") == [Delete("a")]


def test_item_added_before_it_is_announced() -> None:
    """A server that adds the item to the conversation first gets its delete all the same."""
    conversation = Conversation()
    conversation.response_created("r1")
    assert conversation.item_added("a") == []
    conversation.item_announced("r1", "a", "message")
    conversation.speaking("r1", "a")
    conversation.interrupt(_cut(_item("a", 1600, 0)))
    assert conversation.response_done("r1") == [Delete("a")]


def test_deletes_of_one_response_leave_in_order() -> None:
    """Several unheard items are deleted in their order, each once."""
    conversation = _talk("a", "b", "c")
    conversation.interrupt(_cut(*(_item(name, 1600, 0) for name in "abc")))
    assert conversation.response_done("r1") == [Delete("a"), Delete("b"), Delete("c")]
    assert conversation.response_done("r1") == []


# After the answer is generated


def test_interruption_after_generation_ended() -> None:
    """Generation is five times faster than speech: the usual case has no running response."""
    conversation = _talk("a", "b")
    assert conversation.response_done("r1") == []
    cut = _cut(_item("a", 16000, 4000), _item("b", 1600, 0))
    assert conversation.interrupt(cut) == [Truncate("a", 0, 500), Delete("b")]
    assert conversation.item_added("b") == []
    assert conversation.response_done("r1") == []


def test_items_of_two_responses() -> None:
    """An ended answer still playing and a running one behind it are both made true."""
    conversation = _talk("a")
    conversation.response_done("r1")
    _respond(conversation, "b", response_id="r2")
    cut = _cut(_item("a", 16000, 4000), _item("b", 1600, 0, response_id="r2", finished=False))
    assert conversation.interrupt(cut) == [Truncate("a", 0, 500)]
    assert conversation.muted("r2")
    assert not conversation.muted("r1")
    assert conversation.response_done("r2") == [Delete("b")]


def test_every_running_response_is_muted() -> None:
    """When a response beside the conversation runs too, its audio is silenced as well."""
    conversation = _talk("a")
    conversation.response_created("r2")
    conversation.interrupt(_cut())
    assert conversation.muted("r1")
    assert conversation.muted("r2")


# Several items in one response


def test_earlier_item_fully_heard_is_untouched() -> None:
    """Heard, playing, queued: nothing, truncate, delete."""
    conversation = _talk("heard", "playing", "queued")
    cut = _cut(_item("playing", 8000, 4000), _item("queued", 8000, 0))
    assert conversation.interrupt(cut) == [Truncate("playing", 0, 500)]
    assert conversation.response_done("r1") == [Delete("queued")]


def test_commentary_and_final_answer() -> None:
    """A preamble, a function call and the answer in one response: each by its own item."""
    conversation = _talk("preamble")
    conversation.item_announced("r1", "call", "function_call")
    assert conversation.item_added("call") == []
    conversation.item_announced("r1", "final", "message")
    conversation.item_added("final")
    conversation.speaking("r1", "final")
    cut = _cut(_item("preamble", 8000, 7000), _item("final", 8000, 0, finished=False))
    assert conversation.interrupt(cut) == [Truncate("preamble", 0, 875)]
    assert conversation.response_done("r1") == [Delete("final")]


def test_function_calls_stay() -> None:
    """A function call carries a result; it is never deleted, however early the cut."""
    conversation = Conversation()
    conversation.response_created("r1")
    conversation.item_announced("r1", "call", "function_call")
    assert conversation.interrupt(_cut()) == []
    assert conversation.item_added("call") == []
    assert conversation.response_done("r1") == []


def test_audio_of_the_gateway_is_not_the_models() -> None:
    """A recorded phrase can be cut off; the model never knew of it."""
    conversation = _talk("a")
    conversation.response_done("r1")
    own = _item("gateway:apology", 8000, 100, response_id="")
    assert conversation.interrupt(_cut(own)) == []


@pytest.mark.parametrize("size", [12000, 12001, 12007])
def test_bytes_are_compared_not_rounded_milliseconds(size: int) -> None:
    """1500.125 ms fully heard is fully heard: no truncate at 1500 that would drop its words."""
    conversation = _talk("a")
    whole = _item("a", size, size, finished=False)
    assert conversation.interrupt(_cut(whole)) == []
    assert conversation.response_done("r1") == []


def test_one_missing_byte_is_missing() -> None:
    """The other side of the comparison: one byte unheard is a truncation."""
    conversation = _talk("a")
    assert conversation.interrupt(_cut(_item("a", 12001, 12000))) == [Truncate("a", 0, 1500)]


def test_content_parts_of_one_item_after_generation_ended() -> None:
    """An item is never deleted when a part of it was heard."""
    conversation = _talk("a")
    conversation.response_done("r1")
    cut = _cut(_item("a", 8000, 4000), _item("a", 8000, 0, content_index=1))
    assert conversation.interrupt(cut) == [Truncate("a", 0, 500)]


def test_unheard_second_part_of_a_heard_item() -> None:
    """The first part was heard to its end, so the item stays."""
    conversation = _talk("a")
    cut = _cut(_item("a", 8000, 0, content_index=1))
    assert conversation.interrupt(cut) == []
    assert conversation.response_done("r1") == []


def test_truncation_names_the_content_part_that_was_playing() -> None:
    """The content index is the part's own, whatever late audio of another part says."""
    conversation = _talk("a")
    part = _item("a", 800, 800, content_index=0, finished=False)
    conversation.interrupt(_cut(part))
    conversation.late_audio("r1", "a", 0, 800)
    conversation.late_audio("r1", "a", 1, 800)
    assert conversation.response_done("r1") == [Truncate("a", 0, 100)]


# What cannot be relied on


def test_response_done_without_response_created() -> None:
    """It can come during an interruption: nothing happens, nothing is remembered."""
    conversation = Conversation()
    assert conversation.response_done("ghost") == []
    assert _size(conversation) == 0


def test_unknown_ids_are_ignored() -> None:
    """Items of users, unknown responses, items nobody announced: no command, no error."""
    conversation = _talk("a")
    before = _size(conversation)
    conversation.item_announced("ghost", "x", "message")
    conversation.speaking("ghost", "x")
    assert not conversation.muted("ghost")
    assert conversation.response_done("ghost") == []
    assert conversation.active == "r1"
    assert _size(conversation) == before


def test_audio_of_a_response_never_created_is_corrected() -> None:
    """Playing audio whose response is unknown is truncated like any other."""
    conversation = Conversation()
    cut = _cut(_item("a", 1600, 800, response_id="ghost"))
    assert conversation.interrupt(cut) == [Truncate("a", 0, 100)]


# Memory


def _turn(conversation: Conversation, n: int, rng: random.Random) -> None:
    """One answer of a long call, interrupted or not, complete or not."""
    response_id, first, second = f"r{n}", f"a{n}", f"b{n}"
    conversation.item_added(f"user{n}")
    conversation.response_created(response_id)
    for item_id in (first, second):
        conversation.item_announced(response_id, item_id, "message")
        if rng.random() < 0.9:
            conversation.item_added(item_id)
        conversation.speaking(response_id, item_id)
    done_first = rng.random() < 0.5
    if done_first:
        conversation.response_done(response_id)
    if rng.random() < 0.7:
        heard = rng.choice([0, 800, 1600])
        conversation.interrupt(
            _cut(
                _item(first, 1600, heard, response_id=response_id),
                _item(second, 1600, 0, response_id=response_id),
            )
        )
    if not done_first and rng.random() < 0.95:
        conversation.response_done(response_id)


def test_memory_is_bounded_over_ten_thousand_turns() -> None:
    """Even with items never added and responses never done, a long call remembers a handful."""
    conversation, rng = Conversation(), random.Random(5)
    most = 0
    for n in range(10_000):
        _turn(conversation, n, rng)
        most = max(most, _size(conversation))
    assert most <= 120


def test_nothing_is_left_of_well_behaved_turns() -> None:
    """When the server tells all it should, an ended turn leaves nothing behind."""
    conversation = Conversation()
    for n in range(1000):
        _respond(conversation, f"a{n}", response_id=f"r{n}")
        if n % 2:
            cut = _cut(_item(f"a{n}", 1600, 0, response_id=f"r{n}"))
            conversation.interrupt(cut)
        conversation.response_done(f"r{n}")
        assert _size(conversation) == 0


# Against a model server that refuses what the real one refuses


@dataclass
class _Said:
    """An item at the server."""

    kind: str
    response_id: str
    audio: int = 0
    kept_ms: int | None = None
    """Set by a truncation."""
    deleted: bool = False


@dataclass
class _Server:
    """The model's side: its conversation, and what it has told so far but we have not read."""

    items: dict[str, _Said] = field(default_factory=dict)
    running: str | None = None
    open_item: str | None = None
    unread: deque[tuple[str, ...]] = field(default_factory=deque)
    added: set[str] = field(default_factory=set)
    """Items whose ``conversation.item.added`` was read."""
    done: set[str] = field(default_factory=set)
    """Responses whose ``response.done`` was read."""
    held_back: list[tuple[str, ...]] = field(default_factory=list)

    def tell(self, *event: str) -> None:
        self.unread.append(event)

    def close(self) -> None:
        """Ends the running response: ``.done`` for everything open."""
        assert self.running is not None
        self.close_item()
        self.tell("done", self.running)
        self.unread.extend(self.held_back)
        self.held_back.clear()
        self.running = None

    def close_item(self) -> None:
        if self.open_item is not None:
            self.tell("audio_done", self.open_item)
            self.open_item = None

    def obey(self, command: Command) -> None:
        """Applies a command as the real server would; an invalid one fails the test."""
        item = self.items.get(command.item_id)
        assert item is not None, "unknown item"
        assert not item.deleted, "item deleted before"
        assert item.kind == "message", "only messages are corrected"
        if isinstance(command, Truncate):
            assert item.kept_ms is None, "truncated twice"
            assert command.content_index == 0
            assert 0 < command.audio_end_ms <= item.audio // BYTES_PER_MS, "outside its audio"
            item.kept_ms = command.audio_end_ms
        else:
            assert command.item_id in self.added, "deleted before it was added"
            assert item.response_id in self.done, "deleted before its response was done"
            item.deleted = True


class ModelMachine(RuleBasedStateMachine):
    """Ledger, conversation and a strict model server, in any interleaving."""

    def __init__(self) -> None:
        super().__init__()
        self.server = _Server()
        self.conversation = Conversation()
        self.desk = Desk(Carrier(), 0.0)
        self.spoken: dict[str, Item] = {}
        self.count = 0
        self.late_adding = False

    @initialize(late_adding=st.booleans())
    def begin(self, late_adding: bool) -> None:
        """Some servers may tell of an item only after the response is done."""
        self.late_adding = late_adding

    # The server

    @rule(
        kind=st.sampled_from(["message", "message", "function_call"]),
        sizes=st.lists(st.integers(1, 6400), max_size=4),
        held=st.booleans(),
    )
    def new_item(self, kind: str, sizes: list[int], held: bool) -> None:
        """The next item of the answer, or the first of a new one."""
        server = self.server
        self.count += 1
        if server.running is None:
            server.running = f"r{self.count}"
            server.tell("created", server.running)
        server.close_item()
        item_id = f"i{self.count}"
        server.items[item_id] = _Said(kind, server.running)
        server.tell("announced", server.running, item_id, kind)
        added = ("added", item_id)
        if self.late_adding and held:
            server.held_back.append(added)
        else:
            server.unread.append(added)
        if kind == "message":
            server.open_item = item_id
            self.speak(sizes)

    @precondition(lambda self: self.server.open_item is not None)
    @rule(sizes=st.lists(st.integers(1, 3200), min_size=1, max_size=4))
    def more_audio(self, sizes: list[int]) -> None:
        """Deltas of the open message."""
        self.speak(sizes)

    def speak(self, sizes: list[int]) -> None:
        server = self.server
        assert server.open_item is not None
        assert server.running is not None
        item = server.items[server.open_item]
        for size in sizes:
            if item.kept_ms is None:
                item.audio += size
            server.tell("delta", server.running, server.open_item, str(size))

    @precondition(lambda self: self.server.running is not None)
    @rule()
    def complete(self) -> None:
        """The answer is complete."""
        self.server.close()

    @rule(late=st.lists(st.integers(1, 1600), max_size=2))
    def caller_speaks(self, late: list[int]) -> None:
        """The server hears the caller and cancels; some deltas may be on their way still."""
        server = self.server
        server.tell("speech_started")
        if server.running is not None:
            if server.open_item is not None:
                self.speak(late)
            server.close()

    # The gateway

    @precondition(lambda self: self.server.unread)
    @rule(count=st.sampled_from([1, 4, 50, 50]))
    def read(self, count: int) -> None:
        """Messages of the server reach the gateway."""
        for _ in range(min(count, len(self.server.unread))):
            self._read(self.server.unread.popleft())

    @precondition(lambda self: self.conversation.active is not None)
    @rule()
    def operator_interrupts(self) -> None:
        """The gateway cuts the agent off and cancels."""
        active = self.conversation.active
        if self._interrupt() and active is not None and self.server.running == active:
            self.server.close()

    @precondition(lambda self: self.desk.ledger.sent_bytes)
    @rule(milliseconds=st.sampled_from([1, 30, 200, 700, 5000]))
    def listen(self, milliseconds: int) -> None:
        """Time passes at the caller's ear."""
        self.desk.run(self.desk.now + milliseconds / 1000)

    @invariant()
    def little_is_remembered(self) -> None:
        """The gateway never remembers more than the last responses."""
        assert _size(self.conversation) <= 400

    def teardown(self) -> None:
        """In the end the model's conversation is what was heard, item by item."""
        if self.server.running is not None:
            self.server.close()
        while self.server.unread:
            self._read(self.server.unread.popleft())
        while left := self.desk.ledger.outstanding_bytes(self.desk.now):
            self.desk.run(self.desk.now + max(0.001, left / 8000))
        for item_id, said in self.server.items.items():
            heard = self.spoken[item_id].heard if item_id in self.spoken else 0
            if said.kind != "message":
                assert not said.deleted
            elif said.deleted:
                assert heard < BYTES_PER_MS
            elif said.kept_ms is not None:
                assert said.kept_ms == heard // BYTES_PER_MS
            else:
                assert heard == said.audio
        assert _size(self.conversation) == 0

    # Inside

    def _read(self, event: tuple[str, ...]) -> None:
        kind, *names = event
        conversation, server = self.conversation, self.server
        if kind == "created":
            conversation.response_created(names[0])
        elif kind == "announced":
            conversation.item_announced(*names)
        elif kind == "added":
            server.added.add(names[0])
            self._obey(conversation.item_added(names[0]))
        elif kind == "delta":
            self._delta(names[0], names[1], int(names[2]))
        elif kind == "audio_done":
            item = self.desk.ledger.find(names[0])
            if item is not None:
                self.desk.finish(item)
        elif kind == "done":
            server.done.add(names[0])
            self._obey(conversation.response_done(names[0]))
        else:
            self._interrupt()

    def _delta(self, response_id: str, item_id: str, size: int) -> None:
        if self.conversation.muted(response_id):
            self.conversation.late_audio(response_id, item_id, 0, size)
            return
        item = self.desk.ledger.item(item_id, 0, response_id)
        self.spoken[item_id] = item
        if not item.received:
            self.conversation.speaking(response_id, item_id)
        self.desk.play(item, b"\x11" * size)

    def _interrupt(self) -> bool:
        outstanding = self.desk.ledger.outstanding_bytes(self.desk.now) > 0
        if not outstanding and self.conversation.active is None:
            return False
        self._obey(self.conversation.interrupt(self.desk.clear()))
        return True

    def _obey(self, commands: list[Command]) -> None:
        for command in commands:
            self.server.obey(command)


def test_the_model_ends_with_what_was_heard() -> None:
    """Any interleaving: no invalid command, and every message is what the caller heard of it."""
    run_state_machine_as_test(
        ModelMachine,
        settings=settings(max_examples=150, stateful_step_count=40, deadline=None),
    )


def test_an_answers_message_is_announced() -> None:
    """A message of a response is; a tool call or a caller's item is not."""
    conversation = Conversation()
    conversation.response_created("resp_1")
    conversation.item_announced("resp_1", "item_1", "message")
    conversation.item_announced("resp_1", "item_2", "function_call")
    assert conversation.announced("item_1")
    assert not conversation.announced("item_2")
    assert not conversation.announced("item_of_the_caller")
