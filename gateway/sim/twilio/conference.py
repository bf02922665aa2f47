"""Owns conferences: who is in, when it starts, when it ends. Pure but for its callback.

Nobody hears anybody before it starts; music for those who wait is not played.

A conference starts when someone joins who may start it, and ends when someone leaves who ends it or
when the last one leaves (https://www.twilio.com/docs/voice/twiml/conference).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from gateway.sim.twilio.call import TwinCall
from gateway.sim.twilio.flow import Callbacks
from gateway.sim.twilio.mixing import Mixer


@dataclass(slots=True)
class Participant:
    """One call in a conference."""

    call: TwinCall
    label: str = ""
    muted: bool = False
    hold: bool = False
    coaching: bool = False
    start_conference_on_enter: bool = True
    end_conference_on_exit: bool = False
    joined_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    left: asyncio.Event = field(default_factory=asyncio.Event)


Tell = Callable[["Conference", TwinCall, str], None]


class Conference:
    """A room. `tell` is told of each event with the call it is about."""

    def __init__(self, sid: str, friendly_name: str, tell: Tell) -> None:
        self.sid = sid
        self.friendly_name = friendly_name
        self.status = "init"
        self.reason_ended = ""
        self.ended_by = ""
        self.participants: dict[str, Participant] = {}
        self.callbacks = Callbacks(events=frozenset())
        self.created_at = datetime.now(UTC)
        self.updated_at = self.created_at
        self._tell = tell
        self._number = 0
        self._mixer = Mixer(open_=False)

    def join(self, participant: Participant) -> None:
        """Someone enters."""
        call = participant.call
        self.participants[call.sid] = participant
        call.meet(self._mixer)
        self.heed(participant)
        self._touch()
        self._tell(self, call, "join")
        if self.status == "init" and participant.start_conference_on_enter:
            self.status = "in-progress"
            self._mixer.open = True
            self._tell(self, call, "start")

    def heed(self, participant: Participant) -> None:
        """Whether it was muted or put on hold has changed."""
        seat = participant.call.seat
        if seat is not None:
            seat.muted, seat.apart = participant.muted, participant.hold

    async def attend(self, participant: Participant) -> None:
        """Is in the conference until it ends, somebody removes the participant, or the call is
        over."""
        self.join(participant)
        try:
            await participant.left.wait()
        finally:
            self.leave(participant.call.sid)

    def leave(self, call_sid: str) -> None:
        """Someone leaves or is removed; who is not there leaves nothing."""
        participant = self.participants.pop(call_sid, None)
        if participant is None:
            return
        participant.call.part()
        self._touch()
        participant.left.set()
        self._tell(self, participant.call, "leave")
        if participant.end_conference_on_exit:
            self._end("participant-with-end-conference-on-exit-left", participant.call)
        elif not self.participants:
            self._end("last-participant-left", participant.call)

    def end(self) -> None:
        """Ends it over REST: everybody leaves."""
        if participant := next(iter(self.participants.values()), None):
            self._end("conference-ended-via-api", participant.call)
        self.status = "completed"

    def event_pairs(
        self, account_sid: str, call_sid: str, event: str
    ) -> tuple[tuple[str, str], ...]:
        """The form fields of a conference status callback."""
        name = f"participant-{event}" if event in ("join", "leave") else f"conference-{event}"
        self._number += 1
        return (
            ("AccountSid", account_sid),
            ("CallSid", call_sid),
            ("ConferenceSid", self.sid),
            ("FriendlyName", self.friendly_name),
            ("SequenceNumber", str(self._number)),
            ("StatusCallbackEvent", name),
            ("Timestamp", format_datetime(datetime.now(UTC))),
        )

    def _end(self, reason: str, call: TwinCall) -> None:
        if self.status == "completed":
            return
        self.status = "completed"
        self.reason_ended = reason
        self.ended_by = call.sid
        for call_sid in tuple(self.participants):
            self.leave(call_sid)
        self._tell(self, call, "end")

    def _touch(self) -> None:
        self.updated_at = datetime.now(UTC)
