"""One caller on the line: the carrier's end of a media stream, a frame every 20 ms.

The rules are elsewhere: the person in `gateway.sim.twilio.caller`, what is heard in `ear.py`, waits
in `talk.py`, the wire in the doctor's strict reader. Here they meet a socket and the clock. Nothing
is awaited and no task made per frame.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter_ns
from typing import Final

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from gateway.core.g711 import SILENCE_FRAME
from gateway.errors import CarrierProtocolError
from gateway.ops.doctor.wire import Clear, Mark, Media, read
from gateway.ops.load.arrivals import FRAME_NS, phase_ns
from gateway.ops.load.clock import Clock
from gateway.ops.load.ear import Ear, is_audible
from gateway.ops.load.fixtures import ANSWER_LIMIT_MS, Fixture
from gateway.ops.load.record import CallRecord, End, Note, Wait
from gateway.ops.load.talk import Talk
from gateway.ops.load.way import Way
from gateway.sim.twilio.caller import AgentEar, Behaviour, Caller
from gateway.sim.twilio.network import Network
from gateway.sim.twilio.steps import Dtmf, HangUp
from gateway.sim.twilio.wire import CONNECTED, StreamWriter

FIRST_TIMESTAMP_MS: Final = 155  # Twilio's first timestamp is not 0
UNREAD_BYTES: Final = 65_536
"""When so much waits to be read by the gateway, caller audio is discarded (Twilio's 31930)."""
FAREWELL_NS: Final = 2_000_000_000
"""How long the gateway may take to answer a close."""
MOST_NOTES: Final = 200
_GOING_AWAY: Final = frozenset({1000, 1001})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all lines of a worker share."""

    clock: Clock
    network: Network
    begin_ns: int
    waited: Callable[[str, Wait], None]
    """Told every wait that is over, by measure."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call is to be."""

    fixture: Fixture
    stream_sid: str
    parameters: dict[str, str]
    """For `start`, from the TwiML."""
    hold_until_ns: int | None = None
    """When the caller hangs up; until then the script is gone through again and again."""


class Line(WSListener):
    """One stream of one call. It begins when it is connected; `ended` is done when it is over."""

    def __init__(
        self,
        record: CallRecord,
        plan: Plan,
        surroundings: Surroundings,
        writer: StreamWriter,
    ) -> None:
        self.record = record
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._plan = plan
        self._around = surroundings
        self._writer = writer
        self._ear = Ear()
        self._talk = Talk()
        self._agent = AgentEar()
        stays = plan.hold_until_ns is not None
        self._person = Caller(plan.fixture.staying if stays else plan.fixture.steps)
        self._chunk = 0
        self._timestamp_ms = FIRST_TIMESTAMP_MS
        self._up_ns = 0
        self._live = False
        self._leaving = False
        self._rng = random.Random(f"{surroundings.network.seed}:{record.number}")
        self._way = Way(surroundings.clock, surroundings.network, self._rng)

    # The call's life

    def hang_up(self, end: End) -> None:
        """`stop`, then the socket is closed. What was not played yet is never heard."""
        if not self._live:
            return
        now_ns = perf_counter_ns()
        self._note(now_ns, "hangs-up", end)
        self._leave(end)
        self._way.send(self._writer.stop())
        self._way.close()
        self._around.clock.call_at(now_ns + FAREWELL_NS, self._cut)

    def abandon(self) -> None:
        """The socket is gone at once: the carrier vanishes."""
        self._leave("caller")
        self._way.cut()

    def told_next(self, verbs: list[str]) -> None:
        """What the gateway wants next of a caller it has left: noted, and not followed."""
        self._note(perf_counter_ns(), "next", ", ".join(f"<{verb}>" for verb in verbs) or "nothing")

    def settle(self) -> None:
        """Writes what was heard into the record, when the call is over."""
        record, talk = self.record, self._talk
        record.messages, record.in_time = self._ear.received, self._ear.in_time
        record.spoke_on, record.unanswered = talk.spoke_on, talk.unanswered
        record.turns = [self._wait(*turn) for turn in talk.turns]
        record.interruptions = [self._wait(*each) for each in talk.interruptions]
        # Whom the end of the run cut short has not waited in vain.
        lasted_ms = (record.ended_s - (record.up_s or 0.0)) * 1000
        own_end = record.end not in ("time", "interrupted")
        if talk.first_ns is None and (own_end or lasted_ms >= ANSWER_LIMIT_MS):
            record.fail("no_audio", "the agent was never heard")

    def _leave(self, end: End) -> None:
        if not self._leaving:
            self._live, self._leaving, self.record.end = False, True, end

    def _cut(self, _: int) -> None:
        """The gateway had its time to answer the close."""
        if not self.ended.done():
            self.record.fail("dropped", "the gateway did not answer the close")
            self._way.cut()

    # The socket

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade went through: `connected`, `start`, and the frames begin."""
        self._way.transport = transport
        self._live = True
        now_ns = self._up_ns = perf_counter_ns()
        self.record.up_s = self._at_s(now_ns)
        self._note(now_ns, "stream-up")
        self._way.send(CONNECTED)
        self._way.send(self._writer.start(self._plan.parameters))
        first_ns = now_ns - now_ns % FRAME_NS + FRAME_NS + phase_ns(self.record.number)
        self._around.clock.call_at(first_ns, self._tick)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone; without a close before it, it broke."""
        if not self._leaving:
            self.record.fail("dropped", "the connection broke without a close (31903)")
            self._note(perf_counter_ns(), "dropped")
        self._leave("agent")
        if not self.ended.done():
            self.ended.set_result(None)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A message of the gateway, or its close."""
        if frame.msg_type is WSMsgType.TEXT and frame.fin:
            self._way.arrive(partial(self._read, frame.get_payload_as_utf8_text()))
        elif frame.msg_type is WSMsgType.CLOSE:
            self._way.arrive(partial(self._closed, _code_of(frame)))
        elif frame.msg_type not in (WSMsgType.PING, WSMsgType.PONG):
            self._refuse(CarrierProtocolError("31950", f"a {frame.msg_type.name} frame"))

    # What the gateway says

    def _read(self, text: str, now_ns: int) -> None:
        if not self._live:
            return
        try:
            message = read(text, self._plan.stream_sid)
        except CarrierProtocolError as error:
            self._refuse(error)
            return
        match message:
            case Media():
                late_ns = self._ear.media(now_ns, message.media.payload)
                self._count_lateness(now_ns, late_ns)
            case Mark():
                due_ns = self._ear.mark(now_ns, message.mark.name)
                self._around.clock.call_at(due_ns, self._marks_due)
            case Clear():
                self._clear(now_ns)

    def _count_lateness(self, now_ns: int, late_ns: int) -> None:
        wait = self._wait(now_ns, late_ns)
        if late_ns:
            self.record.late.append(wait)
            self._note(now_ns, "late", f"{wait.ms:.0f} ms")
        self._around.waited("late", wait)

    def _clear(self, now_ns: int) -> None:
        if self._talk.clear(now_ns):
            wait = self._wait(*self._talk.interruptions[-1])
            self._around.waited("interruption", wait)
            self._note(now_ns, "interrupted", f"{wait.ms:.0f} ms")
        else:
            self._note(now_ns, "clear")
        self._return_marks(self._ear.clear(now_ns))

    def _marks_due(self, due_ns: int) -> None:
        self._return_marks(self._ear.due_marks(due_ns))

    def _return_marks(self, names: list[str]) -> None:
        if self._live:
            for name in names:
                self._way.send(self._writer.mark(name))

    def _closed(self, code: int, now_ns: int) -> None:
        if self._live and code not in _GOING_AWAY:
            self.record.fail("dropped", f"the gateway closed the stream with {code}")
        if not self._leaving:
            self._note(now_ns, "closed", str(code))
        self._leave("agent")
        self._way.answer_close()

    def _refuse(self, error: CarrierProtocolError) -> None:
        self.record.refused += 1
        self.record.fail("protocol_error", str(error))
        self._note(perf_counter_ns(), "refused", str(error))

    # What the caller does, every 20 ms

    def _tick(self, due_ns: int) -> None:
        if not self._live:
            return
        if self._plan.hold_until_ns is not None and due_ns >= self._plan.hold_until_ns:
            self.hang_up("caller")
            return
        self._around.clock.call_at(due_ns + FRAME_NS, self._tick)
        self._listen(due_ns)
        if self._person.done:
            self._go_on()
        behaviour = self._person.tick(self._agent)
        for kind, detail in behaviour.notes:
            self._note(due_ns, kind, detail)
            if kind == "wait-timeout" and detail == "WaitForAgent":
                self.record.fail("no_answer", "the caller waited in vain for the agent")
        self._say(due_ns, behaviour)
        for action in behaviour.actions:
            self._act(due_ns, action)

    def _listen(self, due_ns: int) -> None:
        heard_ns = self._ear.heard(due_ns - FRAME_NS, due_ns)
        self._agent.perceive(heard_ns is not None)
        silent_ns = self._talk.fell_silent(due_ns)
        if silent_ns is not None:
            self._note(silent_ns + FRAME_NS, "agent-quiet")
        if heard_ns is None or not self._talk.agent(heard_ns):
            return
        self._note(heard_ns, "agent-speaks")
        if self.record.answer_ms is None:
            self.record.answer_ms = (heard_ns - self._up_ns) / 1e6
            self._around.waited("answer", Wait(self._at_s(heard_ns), self.record.answer_ms))
        if self._talk.turns and self._talk.turns[-1][0] == heard_ns:
            self._around.waited("turn", self._wait(*self._talk.turns[-1]))

    def _go_on(self) -> None:
        """The script is over and nobody hung up: once more, or the caller stays and is quiet."""
        again = self._plan.fixture.again
        if self._plan.hold_until_ns is not None and again:
            self._person = Caller(again)

    def _say(self, due_ns: int, behaviour: Behaviour) -> None:
        timestamp_ms = self._timestamp_ms
        self._timestamp_ms += 20
        if behaviour.muted:
            return
        self._chunk += 1
        payload = behaviour.payload
        if payload is not None and is_audible(payload, self._plan.fixture.voiced_rms):
            self._talk.caller(due_ns)
        network = self._around.network
        if network.loss and self._rng.random() < network.loss:
            self.record.lost += 1
        elif self._way.unread_bytes > UNREAD_BYTES:
            self.record.discarded += 1
            self.record.fail("protocol_error", "31930: the gateway reads too slowly")
        else:
            self.record.frames += 1
            self._way.send(self._writer.media(self._chunk, timestamp_ms, payload or SILENCE_FRAME))

    def _act(self, due_ns: int, action: object) -> None:
        if isinstance(action, Dtmf):
            self._note(due_ns, "key", action.digits)
            self._way.send(self._writer.dtmf(action.digits))
        elif isinstance(action, HangUp):
            self.hang_up("caller")
        else:
            self._note(due_ns, "drops")
            self.abandon()

    # Times

    def _at_s(self, at_ns: int) -> float:
        return (at_ns - self._around.begin_ns) / 1e9

    def _wait(self, at_ns: int, wait_ns: int) -> Wait:
        return Wait(self._at_s(at_ns), wait_ns / 1e6)

    def _note(self, at_ns: int, kind: str, detail: str = "") -> None:
        if len(self.record.notes) < MOST_NOTES:
            at_ms = (self._at_s(at_ns) - self.record.placed_s) * 1000
            self.record.notes.append(Note(round(at_ms, 1), kind, detail))


def _code_of(frame: WSFrame) -> int:
    """The code of a close; 1005 stands for none, as in RFC 6455."""
    payload = frame.get_payload_as_bytes()
    return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
