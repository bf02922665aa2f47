"""Who has the floor in one call: the two modes of interruption, and what a decision does.

``server``: the model's own detector interrupts and answers, always finally. ``gateway``: the model
only reports what it hears; the decision is :class:`gateway.core.floor.Floor`'s, and this module
carries it out on carrier and model.
"""

import time
from typing import TYPE_CHECKING

from gateway.call.handshake import Handshake
from gateway.core import commands
from gateway.core.events import FalseAlarm
from gateway.core.floor import Act, Floor, FloorRules
from gateway.core.g711 import BYTES_PER_MS, level_dbfs

if TYPE_CHECKING:
    from gateway.call.dialogue import Dialogue


class ServerFloor:
    """Mode ``server``: whatever the model takes for speech is."""

    def __init__(self, dialogue: "Dialogue", handshake: Handshake) -> None:
        self._dialogue = dialogue
        self._handshake = handshake

    def started(self, *, sounding: bool, protected: bool) -> None:
        """The model hears the caller; ``protected`` = what sounds must not be cut."""
        dialogue = self._dialogue
        dialogue.answers.caller_speaks = True
        if self._handshake.interrupts and not protected:
            dialogue.interrupt("caller", cancel=False, since=dialogue.read_at)
        dialogue.caller.tell_started()

    def stopped(self, now: float, last_voiced: float) -> None:
        """The model hears the end of the caller's turn."""
        dialogue = self._dialogue
        dialogue.answers.caller_speaks = False
        dialogue.turns.turn_ended(now, last_voiced)
        dialogue.answers.caller_spoke()
        dialogue.caller.tell_stopped()

    def committed(self, item_id: str) -> None:
        """The turn is an item of the conversation; the model answers it by itself."""

    def item_added(self, item_id: str) -> None:
        """The server knows an item."""


class GatewayFloor:
    """Mode ``gateway``: our own ears decide whether it was speech, and we ask for the answer."""

    def __init__(self, dialogue: "Dialogue", rules: FloorRules) -> None:
        self._dialogue = dialogue
        self._floor = Floor(rules)
        self._noise: set[str] = set()
        self._paused_at: float | None = None
        """When the sound was reported that the agent is held back for."""
        self._ended: tuple[float, float] | None = None

    def frame(self, payload: bytes) -> None:
        """Caller audio (mu-law), in the callback that brought it."""
        self._do(self._floor.frame(level_dbfs(payload), len(payload) / BYTES_PER_MS))

    def started(self, *, sounding: bool, protected: bool) -> None:
        """The model hears the caller; see :meth:`gateway.core.floor.Floor.started`."""
        self._ended = None
        self._do(self._floor.started(sounding=sounding, protected=protected))

    def stopped(self, now: float, last_voiced: float) -> None:
        """The model hears the end of what it heard."""
        self._ended = now, last_voiced
        self._do(self._floor.stopped())

    def committed(self, item_id: str) -> None:
        """What it heard becomes an item; noise is deleted as soon as the server knows it."""
        dialogue = self._dialogue
        dialogue.answers.caller_speaks = False
        if self._floor.committed() == "forget":
            self._noise.add(item_id)
            return
        if self._ended is not None:
            dialogue.turns.turn_ended(*self._ended)
        dialogue.answers.caller_spoke()
        dialogue.caller.tell_stopped()
        dialogue.answers.ask(commands.create_response())

    def item_added(self, item_id: str) -> None:
        """The server knows an item."""
        if item_id in self._noise:
            self._noise.remove(item_id)
            self._dialogue.send(commands.delete_item(item_id))

    def _do(self, act: Act | None) -> None:
        dialogue = self._dialogue
        if act == "pause":
            self._paused_at = dialogue.read_at
            dialogue.outbound.pause()
        elif act == "resume":
            self._false_alarm()
        elif act in ("interrupt", "grant"):
            dialogue.answers.caller_speaks = True
            cut = act == "interrupt" and dialogue.interrupt(
                "caller", cancel=True, since=self._paused_at
            )
            if act == "interrupt" and not cut:
                dialogue.outbound.resume()  # it had been heard to its end: the next may play
            self._paused_at = None
            dialogue.caller.tell_started()

    def _false_alarm(self) -> None:
        assert self._paused_at is not None
        dialogue, since, self._paused_at = self._dialogue, self._paused_at, None
        paused_ms = (time.monotonic() - since) * 1000
        cleared_s = dialogue.outbound.cleared_at - since
        dialogue.outbound.resume()
        clear_ms = cleared_s * 1000 if cleared_s >= 0 else None
        dialogue.emit(FalseAlarm(paused_ms, dialogue.since_open_ms(), clear_ms))
