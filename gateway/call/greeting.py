"""A recorded greeting: heard from the first frame of the call, whether or not a model is there.

Owns the audio until the caller's stream opens, and what the model is told of it: the words as its
own, or as many of them as were heard.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.call.dialogue import NOTICE, Dialogue
from gateway.core import commands
from gateway.core.events import AgentSpoke, CallEvent
from gateway.core.ledger import Item

GREETING = "gateway_greeting"
"""The item in the ledger and, until it is cut off, in the model's conversation."""
_CUT_OFF = "[interrupted here; the caller did not hear the rest]"


@dataclass(frozen=True, slots=True)
class RecordedGreeting:
    """Words that are played in place of a greeting of the model's."""

    audio: bytes = field(repr=False)
    """Mu-law, 8 kHz."""
    text: str
    """What is said in it."""
    interruptible: bool = True
    """False = it is heard to its end; what the caller says meanwhile is answered after it."""


class Opening:
    """The recorded greeting of one call."""

    def __init__(
        self,
        greeting: RecordedGreeting,
        dialogue: Dialogue,
        emit: Callable[[CallEvent], None],
    ) -> None:
        self._greeting = greeting
        self._dialogue = dialogue
        self._emit = emit
        self._name = GREETING if greeting.interruptible else NOTICE
        self._told = False
        self._heard: str | None = None
        """The words heard, when it was cut off."""

    def play(self) -> None:
        """The call is offered: the first frame leaves as soon as there is a stream."""
        self._dialogue.outbound.play_own(self._name, self._greeting.audio)
        self._emit(AgentSpoke(self._name, self._greeting.text))

    def configured(self) -> None:
        """The model's session obeys its settings: it learns what was, or is being, said.

        At once, not at the end of it: the words stand before whatever the caller says.
        """
        if self._told:
            return
        self._told = True
        if self._heard is None:
            self._dialogue.send(commands.assistant_text(self._greeting.text, self._name))
        else:
            self._tell_heard()

    def cut(self, item: Item) -> None:
        """Something was cut off; if it was this, the model keeps only what was heard."""
        if item.item_id != self._name or self._heard is not None:
            return
        self._heard = heard_words(self._greeting.text, item.heard / item.received)
        if self._told:
            self._dialogue.send(commands.delete_item(self._name))
            self._tell_heard()

    def _tell_heard(self) -> None:
        if self._heard:
            self._dialogue.send(commands.assistant_text(f"{self._heard} {_CUT_OFF}"))


def heard_words(text: str, share: float) -> str:
    """The beginning of ``text`` that was heard, in whole words, when so much of its audio was."""
    length = int(len(text) * share)
    if length >= len(text):
        return text
    return text[:length].rpartition(" ")[0] if not text[length].isspace() else text[:length]
