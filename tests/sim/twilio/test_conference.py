"""Conferences: who starts them, who ends them."""

import pytest

from gateway.sim.twilio.call import TwinCall
from gateway.sim.twilio.conference import Conference, Participant
from tests.sim.twilio.test_parameters import a_call


class Room:
    """A conference and what it tells."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.conference = Conference("CF1", "room", self._tell)

    def _tell(self, conference: Conference, call: TwinCall, event: str) -> None:
        self.events.append(event)


@pytest.mark.asyncio
async def test_it_starts_with_someone_who_may_start_it() -> None:
    """Whoever may not, waits."""
    room = Room()
    room.conference.join(Participant(a_call(), start_conference_on_enter=False))
    assert room.conference.status == "init"
    room.conference.join(Participant(a_call()))
    assert room.conference.status == "in-progress"
    assert room.events == ["join", "join", "start"]


@pytest.mark.asyncio
async def test_nobody_hears_anybody_before_it_starts() -> None:
    """Afterwards all do, but for those who are on hold; who has left hears nothing."""
    room = Room()
    early, late = Participant(a_call(), start_conference_on_enter=False), Participant(a_call())
    room.conference.join(early)
    seat = early.call.seat
    assert seat is not None
    seat.frame(b"\x10" * 160)
    room.conference.join(late)
    assert late.call.seat is not None
    assert late.call.seat.listen() == b"\xff" * 160
    late.call.seat.frame(b"\x20" * 160)
    assert seat.listen() == b"\x20" * 160
    early.hold = True
    room.conference.heed(early)
    assert seat.apart
    room.conference.leave(early.call.sid)
    assert early.call.seat is None


@pytest.mark.asyncio
async def test_it_ends_with_someone_who_ends_it() -> None:
    """Everybody else is out too."""
    room = Room()
    boss, guest = Participant(a_call(), end_conference_on_exit=True), Participant(a_call())
    room.conference.join(boss)
    room.conference.join(guest)
    room.conference.leave(boss.call.sid)
    assert guest.left.is_set()
    assert room.conference.status == "completed"
    assert room.conference.ended_by == boss.call.sid
    assert room.events[-1] == "end"
    assert room.events.count("end") == 1


@pytest.mark.asyncio
async def test_it_ends_with_the_last_one() -> None:
    """Leaving twice, or without having been there, is nothing."""
    room = Room()
    guest = Participant(a_call())
    room.conference.leave("CA1")
    room.conference.join(guest)
    room.conference.leave(guest.call.sid)
    room.conference.leave(guest.call.sid)
    assert room.events == ["join", "start", "leave", "end"]
    assert room.conference.reason_ended == "last-participant-left"
