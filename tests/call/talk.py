"""A dialogue without wires: what it writes to carrier and model stands in one list, in order."""

import json
from collections.abc import Callable
from typing import Any

from gateway.call.dialogue import Dialogue
from gateway.core.events import CallEvent
from gateway.core.floor import FloorRules
from gateway.core.g711 import BYTES_PER_MS
from gateway.core.ledger import Item
from gateway.core.pacing import Pacing
from tests.call import model_events as said
from tests.call.carriers import STREAM_SID, SilentCarrier
from tests.call.model_events import Event
from tests.call.watching import Chronicle

CARRIER, MODEL = "carrier", "model"


class Clock:
    """Stands still until a test moves it; the fixture `still_clock` puts it into the modules."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """As `time.monotonic`."""
        return self.now


CLOCK = Clock()


class Talk:
    """A dialogue between a carrier and a model without wires; `wire` is what was written."""

    def __init__(
        self,
        *,
        greeting: bytes | None = None,
        instant: bool = False,
        rules: FloorRules | None = None,
    ) -> None:
        self.wire: Chronicle[tuple[str, dict[str, Any]]] = Chronicle()
        self.events: list[CallEvent] = []
        self.also: Callable[[CallEvent], None] = lambda event: None
        """Who else is told of events."""
        self.lost: list[tuple[str, str]] = []
        self.interrupted: list[Item] = []
        self.carrier = SilentCarrier(
            instant=instant, tell=lambda event: self.wire.add((CARRIER, event))
        )
        self.dialogue = Dialogue(
            pacing=Pacing(),
            formats=("audio/pcmu", "audio/pcmu"),
            greeting=greeting,
            withheld=frozenset(),
            emit=self._emit,
            on_lost=lambda reason, detail: self.lost.append((reason, detail)),
            on_interrupted=self.interrupted.append,
            rules=rules,
        )
        self.carrier.marks = self.dialogue.outbound.mark_returned

    def _emit(self, event: CallEvent) -> None:
        self.events.append(event)
        self.also(event)

    def connect(self) -> None:
        """The model's link is open."""
        self.dialogue.connect(self._write)

    def _write(self, message: bytes) -> None:
        self.wire.add((MODEL, json.loads(message)))

    def hear(self, *events: Event) -> list[bool]:
        """The model says something; which of it the SDK should see."""
        return [self.dialogue.model_frame(said.wire(event)) for event in events]

    def answer(self) -> None:
        """The carrier's stream is open."""
        self.dialogue.outbound.attach(self.carrier, STREAM_SID)
        self.dialogue.opened_at = CLOCK.now

    def go_live(self) -> None:
        """Carrier and model are there, the format is confirmed."""
        self.connect()
        self.dialogue.configured()
        self.hear(said.session_created(), said.session_updated())
        self.answer()

    def since(self, n: int = 0) -> list[str]:
        """Who was written what, shortly, from the n-th message on."""
        return [f"{side} {_word(message)}" for side, message in self.wire.rows[n:]]

    def to_model(self, n: int = 0) -> list[dict[str, Any]]:
        """What the model was written, from the n-th message of all on."""
        return [message for side, message in self.wire.rows[n:] if side == MODEL]

    def all(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def later(self, ms: int) -> None:
        """Time passes: that much more of the agent's audio has been heard, if there was any."""
        CLOCK.now += ms / 1000

    def close(self) -> None:
        self.dialogue.outbound.detach()


def _word(message: dict[str, Any]) -> str:
    return str(message.get("event") or message["type"])


def speech(ms: int) -> bytes:
    return b"\x55" * (ms * BYTES_PER_MS)


def begin(talk: Talk, ms: int, response: str = "resp_1", item: str = "item_1") -> None:
    """An answer of one message begins; `ms` of it were generated so far."""
    talk.hear(
        said.response_created(response),
        said.item_announced(response, item),
        said.item_added(item),
        said.delta(speech(ms), response, item),
    )


def finish(talk: Talk, response: str = "resp_1", item: str = "item_1") -> None:
    """The answer is generated to its end."""
    talk.hear(said.audio_done(response, item), said.response_done(response))
