"""What the model believes was said, kept true to what the caller heard.

Owns the life of responses and items on the model's side and turns a
:class:`gateway.core.ledger.Cut` into the commands that make the model's conversation match:
truncate the item that was playing, delete the items nobody heard. Pure: it returns commands, the
model link sends them.

Outside facts (OpenAI Realtime, sections 4c and 6): a truncate must lie within the item's audio and
is refused at an item without any; a delete of an item the server has not added yet is refused;
audio of a cancelled response may still arrive until its ``response.done``; ``function_call`` items
carry results and stay.
"""

from dataclasses import dataclass, field

from gateway.core.g711 import BYTES_PER_MS
from gateway.core.ledger import Cut


@dataclass(frozen=True, slots=True)
class Truncate:
    """Tell the model how much of an item was heard (ms, > 0)."""

    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class Delete:
    """Tell the model that an item was not heard at all."""

    item_id: str


Command = Truncate | Delete


_KEPT = 8
"""Responses remembered at most. A server tells the end of each long before; one that does not must
not cost memory.
"""
_ADDED_KEPT = 64
"""Ids of added items remembered at most; of one response there are a handful."""


@dataclass(slots=True)
class _Message:
    """A message item of a response, as far as corrections need to know it."""

    spoken: bool = False
    """Audio of it was taken for playing."""
    heard: int = 0
    received: int = 0
    content_index: int = 0
    settled: bool = False
    """Nothing more is owed to the model about it."""
    late: bool = False
    """Audio of it arrived after it was cut off."""


@dataclass(slots=True)
class _Response:
    muted: bool = False
    done: bool = False
    messages: dict[str, _Message] = field(default_factory=dict)


class Conversation:
    """Responses in flight, what of them is muted, and which corrections are still owed to the
    model.
    """

    __slots__ = ("_added", "_owed", "_responses", "active", "silences")

    def __init__(self) -> None:
        self.active: str | None = None
        """The response the model is generating now."""
        self.silences: set[str] = set()
        """Items of the caller's in which nobody spoke (the model's idle timeout makes them)."""
        self._responses: dict[str, _Response] = {}
        """Running responses, and ended ones with a message the server has not added yet."""
        self._added: dict[str, None] = {}
        """Items the server has told of since the oldest of these responses began, in order."""
        self._owed: dict[str, str] = {}
        """Items to delete -> their response, until both conditions of a delete are met."""

    # What the model says

    def response_created(self, response_id: str) -> None:
        """A response begins."""
        self.active = response_id
        self._responses[response_id] = _Response()
        if len(self._responses) > _KEPT:
            self._forget(next(iter(self._responses)))

    def item_announced(self, response_id: str, item_id: str, kind: str) -> None:
        """``response.output_item.added``: a response has an item; only messages can be heard."""
        response = self._responses.get(response_id)
        if response is not None and kind == "message":
            response.messages.setdefault(item_id, _Message())

    def item_added(self, item_id: str) -> list[Command]:
        """``conversation.item.added``: from now on the server knows the item. Returns deletes that
        waited for it.
        """
        if not self._responses:
            return []
        self._added[item_id] = None
        if len(self._added) > _ADDED_KEPT:
            del self._added[next(iter(self._added))]
        return self._pay()

    def announced(self, item_id: str) -> bool:
        """True for a message that one of the last responses announced as its own."""
        return any(item_id in response.messages for response in self._responses.values())

    def muted(self, response_id: str) -> bool:
        """True when audio of this response must not be played any more."""
        response = self._responses.get(response_id)
        return response is not None and response.muted

    def speaking(self, response_id: str, item_id: str) -> None:
        """The first audio of an item was taken for playing."""
        response = self._responses.get(response_id)
        if response is not None:
            response.messages.setdefault(item_id, _Message()).spoken = True

    def late_audio(self, response_id: str, item_id: str, content_index: int, n_bytes: int) -> None:
        """Audio of a muted response arrived and was dropped; its item is longer than we thought."""
        message = self._responses[response_id].messages.setdefault(item_id, _Message())
        if not message.received:
            message.content_index = content_index
        if content_index == message.content_index:
            message.received += n_bytes
            message.late = True

    def late_items(self, response_id: str) -> list[tuple[str, int, int]]:
        """Items of a response that turned out longer than they were when they were cut off: which,
        and how many bytes of it were heard and received. Asked before its end is told.
        """
        response = self._responses.get(response_id)
        messages = {} if response is None else response.messages
        return [(id_, m.heard, m.received) for id_, m in messages.items() if m.late]

    def response_done(self, response_id: str) -> list[Command]:
        """``response.done``. Returns what became due: corrections of late items, deletes that
        waited.
        """
        if self.active == response_id:
            self.active = None
        response = self._responses.get(response_id)
        if response is None:
            return []
        response.done = True
        commands: list[Command] = []
        if response.muted:
            for item_id, message in response.messages.items():
                commands += self._correct(response_id, item_id, message)
        return commands + self._pay()

    # What the gateway does

    def interrupt(self, cut: Cut) -> list[Command]:
        """The agent was cut off: mute what is running, correct what was playing or queued.

        Returns the commands that can leave now; the rest follows from :meth:`item_added` and
        :meth:`response_done`.
        """
        self._mute({item.item_id for item in cut.items})
        self._remember(cut)
        commands: list[Command] = []
        for item in cut.items:
            if not item.response_id:
                continue  # the gateway's own audio: the model never knew it
            messages = self._responses[item.response_id].messages
            message = messages.setdefault(item.item_id, _Message())
            if message.settled:
                continue  # an earlier content part of it was playing
            message.heard, message.received = item.heard, item.received
            message.content_index = item.content_index
            if item.received > item.heard:
                commands += self._correct(item.response_id, item.item_id, message)
        return commands + self._pay()

    # Inside

    def _mute(self, open_items: set[str]) -> None:
        for response in self._responses.values():
            if response.muted or response.done:
                continue
            response.muted = True
            for item_id, message in response.messages.items():
                if message.spoken and item_id not in open_items:
                    message.settled = True  # heard to its end before the cut

    def _remember(self, cut: Cut) -> None:
        """Responses that are done and forgotten; so their items were added long ago."""
        known = set(self._responses)
        for item in cut.items:
            if item.response_id and item.response_id not in known:
                self._responses.setdefault(item.response_id, _Response(done=True))
                self._added[item.item_id] = None

    def _correct(self, response_id: str, item_id: str, message: _Message) -> list[Command]:
        if message.settled or (message.heard and message.received <= message.heard):
            return []
        message.settled = True
        heard_ms = message.heard // BYTES_PER_MS
        if heard_ms > 0:
            return [Truncate(item_id, message.content_index, heard_ms)]
        if message.content_index == 0:  # else its earlier parts were heard
            self._owed[item_id] = response_id
        return []

    def _pay(self) -> list[Command]:
        """The deletes that are due; forgets the responses nothing more can be owed for."""
        due = [
            item_id
            for item_id, response_id in self._owed.items()
            if item_id in self._added and self._responses[response_id].done
        ]
        for item_id in due:
            del self._owed[item_id]
        for response_id, response in list(self._responses.items()):
            if response.done and self._added.keys() >= response.messages.keys():
                self._forget(response_id)
        return [Delete(item_id) for item_id in due]

    def _forget(self, response_id: str) -> None:
        del self._responses[response_id]
        for item_id in [i for i, owner in self._owed.items() if owner == response_id]:
            del self._owed[item_id]
        if not self._responses:
            self._added.clear()
