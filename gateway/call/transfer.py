"""A caller who is being sent to somebody else, and may come back.

Owns which destination, how it is reached, and how long the call waits. Cold: the stream is given up
and the carrier rings the destination. Warm: the caller waits on the line while somebody there is
rung and asked; only when they accept is the stream given up, and both meet in a room. The model
stays connected until it is certain that nobody comes back (it says nothing and hears nothing, so it
costs nothing).
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.call.colleagues import Colleague, Colleagues, Request
from gateway.call.context import Destination
from gateway.call.departure import Departure
from gateway.call.hold import Hold
from gateway.core.direction import SOFTPHONE
from gateway.core.events import (
    ConsultAnswered,
    ConsultStarted,
    TransferFailed,
    TransferStarted,
)

if TYPE_CHECKING:
    from gateway.call.call import Call

ANSWER_GRACE_S = 10.0
"""The carrier reports an unanswered call soon after its ringing time; later than this it was
answered, and the report comes when that conversation is over.
"""
ARRIVE_S = 15.0
"""A stream was given up: the carrier asks within moments what comes next, or never."""
RETURN_S = 60.0
"""A caller who is to be fetched back from an empty room comes long before, or never."""
OPERATOR = "operator"
"""Names a destination that stands in no directory: an operator's own phone."""
NOBODY = "this gateway has no carrier that could ring somebody"
NOT_HERE = "it cannot be done on this line"
LEFT = "hung-up"
_WHY: Final = {
    "declined": "whoever answered pressed another key",
    "no-key": "whoever answered pressed no key; perhaps it was an answering machine",
    LEFT: "whoever answered hung up",
    "refused": "the carrier does not put calls through to this destination",
    "carrier-busy": "the carrier takes no more requests just now",
    "carrier-away": "the carrier cannot be reached just now",
    "unknown": "the carrier did not say what became of it",
}
"""What the agent is told of the reasons that do not speak for themselves."""
_FAILED: Final = "The transfer to {key!r} failed: {why}. The caller is back on the line with you."
_NOT_TAKEN_OVER: Final = (
    "A colleague wanted to take over from you, and could not: {why}. The caller was put on hold "
    "while you were talking, and is back on the line with you: say so in a few words, and go on."
)


@dataclass(frozen=True, slots=True)
class Room:
    """Where the carrier is to bring a caller whom somebody waits for."""

    name: str


class Transfer:
    """The transfer of one call, if there is one; asks the colleague on its behalf."""

    def __init__(
        self, call: "Call", departure: Departure, hold: Hold, colleagues: Colleagues | None
    ) -> None:
        self.key: str | None = None
        """The destination that was asked for; None while nobody is being transferred."""
        self.away = False
        """True once the stream was given up, until the caller is back."""
        self.taken_over = False
        """True when somebody outside wants the caller, not the agent."""
        self._call = call
        self._departure = departure
        self._hold = hold
        self._colleagues = colleagues
        self._destination: Destination | None = None
        self._summary: str | None = None
        self._colleague: Colleague | None = None
        self._came = False
        self._failed = ""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def consulting(self) -> bool:
        """True while the caller waits on the line for somebody's word."""
        return self._hold.on

    @property
    def failed(self) -> str:
        """Why the caller must come back who is on the way to somebody; empty when they need not."""
        return self._failed

    @property
    def delivered(self) -> bool:
        """True when the carrier was told whom to connect the caller with."""
        return self.away and (self._summary is None or self._came)

    # What the agent wants

    def why_not(self, key: str) -> str:
        """Why nobody can be asked there; empty when somebody can. KeyError without such a key."""
        return self.unreachable(self._call.plan.route.directory[key])

    def unreachable(self, destination: Destination) -> str:
        """Why nobody can be asked there; empty when somebody can."""
        if self._call.offer.direction == SOFTPHONE:
            return NOT_HERE  # the carrier's room has no door for a caller it does not know
        if self._colleagues is None:
            return NOBODY
        return self._colleagues.why_not(destination, self._call.offer.ours)

    def begin(self, key: str, summary: str | None) -> None:
        """Sends the caller there once what is being said was heard; with a summary, warm."""
        dialogue, said = self._call.dialogue, self._call.dialogue.answers.spoke_last
        there = self._call.downstream.is_open and self._call.outcome is None
        if self.key is not None or not there or not dialogue.connected:
            return
        if self._departure.begin("transfer", self._leave, said=said):
            self._destination = self._call.plan.route.directory[key]
            self.key, self._summary = key, summary

    def take_over(self, key: str, destination: Destination, summary: str) -> None:
        """Somebody outside wants the caller now: the agent is cut off, whatever it is saying, the
        caller waits, and whoever is there is asked. Only while nobody is being transferred.
        """
        self._departure.cancel()
        self.key, self._destination, self._summary = key, destination, summary
        self.taken_over = True
        self._consult(destination, summary, "operator")

    # What the carrier wants to know

    def onward(self) -> Destination | Room | None:
        """Where the carrier should connect the caller to now; None when to nobody."""
        if not self.away or self.key is None:
            return None
        if self._summary is None:
            return self._destination
        if self._colleague is None:
            return None
        if not self._came:
            self._came = True
            self._stop_timer()  # the colleague's side tells what comes of it, whatever it is
            self._colleague.caller_came()
        return Room(self._colleague.room)

    def parted(self, failure: str) -> str:
        """The connection is over and the caller still there. Why they were not connected, if they
        were not: one who has hardly met somebody in the room is back as well.
        """
        return failure or ("" if self._colleague is None else self._failed or LEFT)

    def come_back(self, status: str) -> None:
        """They did not take the call; the agent has the caller again, on this stream or the next.

        It is told at once, so that it can speak as soon as that stream is there.
        """
        key, call = self.key, self._call
        said = _NOT_TAKEN_OVER if self.taken_over else _FAILED
        self.forget()
        call.dialogue.emit(TransferFailed(key or "", status, call.dialogue.since_open_ms()))
        why = f" ({_WHY[status]})" if status in _WHY else ""
        call.returned(said.format(key=key, why=f"{status}{why}"))

    def forget(self) -> None:
        """Nobody is transferred any more."""
        self.stop()
        self.key = self._summary = self._destination = None
        self.away = self._came = self.taken_over = False
        self._failed = ""

    def stop(self) -> None:
        """Nobody waits any more: neither the caller nor who was asked for them."""
        self._stop_timer()
        self._hold.end()
        if self._colleague is not None:
            self._colleague.release()
            self._colleague = None

    # What the colleague says

    def answered(self) -> None:
        """Somebody picked up and hears the summary."""
        dialogue = self._call.dialogue
        dialogue.emit(ConsultAnswered(self.key or "", dialogue.since_open_ms()))

    def accepted(self) -> bool:
        """They take the call: the caller follows. False when the caller is not there any more."""
        if self._call.outcome is not None:
            return False
        self._hold.end()
        self._part(ARRIVE_S, "transfer_lost")
        return True

    def declined(self, reason: str) -> None:
        """They do not take the call, or have left before the caller came."""
        if self.away:
            self._failed = reason
            self._wait(RETURN_S, "transfer_lost")
        elif self._call.outcome is None:
            self.come_back(reason)

    def together(self) -> None:
        """They talk with each other, and need no agent."""
        self._colleague = None
        self._call.end("transferred")

    # Inside

    def _leave(self, _reason: str) -> None:
        """The last word was heard."""
        assert self._destination is not None
        if self._summary is not None:
            self._consult(self._destination, self._summary, "transfer")
        else:
            self._part(self._destination.timeout_s + ANSWER_GRACE_S, "transferred")

    def _part(self, limit_s: float, reason: str) -> None:
        """The stream is closed, and the carrier asks where the caller goes."""
        dialogue, warm = self._call.dialogue, self._colleague is not None
        self.away = True
        dialogue.emit(TransferStarted(self.key or "", dialogue.since_open_ms(), warm))
        self._call.part()
        self._wait(limit_s, reason)

    def _consult(self, destination: Destination, summary: str, cause: str) -> None:
        assert self._colleagues is not None
        call = self._call
        call.state = "consulting"
        call.dialogue.emit(ConsultStarted(self.key or "", call.dialogue.since_open_ms()))
        self._hold.begin(cause)
        request = Request(call.offer.call_sid, destination, call.offer.ours, summary)
        self._colleague = self._colleagues.ring(request, self)

    def _wait(self, limit_s: float, reason: str) -> None:
        """Ends the call after so long, unless something happens before."""
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(limit_s, self._call.end, reason)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
