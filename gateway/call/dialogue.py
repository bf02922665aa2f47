"""What passes between caller and model in one call, and the one door of interruption.

Owns the order of things in the read callbacks: what the ledger, the conversation and the turn clock
learn of each message, and what leaves for carrier and model because of it. Everything here is
synchronous; nothing waits, nothing is queued.
"""

import time
from collections.abc import Callable
from typing import Any

from gateway.call.answers import Answers
from gateway.call.callerturn import CallerTurn
from gateway.call.floor import GatewayFloor, ServerFloor
from gateway.call.handshake import Handshake
from gateway.call.inbound import Inbound
from gateway.call.outbound import Outbound
from gateway.call.vitals import Vitals
from gateway.call.voice import Voice
from gateway.core import commands, realtime
from gateway.core.conversation import Command, Conversation, Truncate
from gateway.core.events import (
    AgentSpoke,
    AgentStarted,
    AgentStopped,
    BargeIn,
    CallerSpoke,
    CallEvent,
    CallLive,
    ModelErrorReported,
    TurnDone,
)
from gateway.core.floor import FloorRules
from gateway.core.g711 import BYTES_PER_MS
from gateway.core.ledger import NOTHING_CUT, Cut, Item
from gateway.core.pacing import Pacing
from gateway.core.turns import TurnClock
from gateway.errors import ModelError

_FATAL_CODES = frozenset(
    {
        "account_deactivated",
        "beta_api_shape_disabled",
        "billing_hard_limit_reached",
        "insufficient_quota",
        "invalid_api_key",
        "invalid_model",
        "missing_model",
        "session_expired",
    }
)
"""Errors no retry mends on this connection (OpenAI Realtime facts, section 3.4)."""
TONES = "gateway:tones"
"""The gateway's own item of pressed keys: half a key press would be another one, so the voice at
the other end (a menu that talks on) does not cut it off.
"""
NOTICE = "gateway_notice"
"""A recorded greeting that is heard to its end whatever the caller says."""
ANNOUNCEMENT = "gateway_announcement"
"""That the call is recorded: heard to its end, too, and no part of the conversation."""


class Dialogue:
    """The conversation of one call, from the model's frames to the carrier's and back."""

    def __init__(
        self,
        *,
        pacing: Pacing,
        formats: tuple[str, str],
        greeting: bytes | None,
        withheld: frozenset[str],
        emit: Callable[[CallEvent], None],
        on_lost: Callable[[str, str], None],
        on_interrupted: Callable[[Item], None],
        on_audio: Callable[[realtime.AudioDelta], None] | None = None,
        on_usage: Callable[[realtime.ResponseDone | realtime.CallerTranscript], None] | None = None,
        rules: FloorRules | None = None,
        vitals: Vitals | None = None,
    ) -> None:
        """``formats``: what the model hears and says; ``on_audio`` sees what is played of that,
        ``on_usage`` what was used for an answer or a transcription.
        """
        self.vitals = vitals or Vitals()
        self.outbound = Outbound(pacing, self._item_started, self._item_over)
        self.inbound = Inbound(formats[0])
        self.caller = CallerTurn(self.inbound, self.since_open_ms, emit)
        self.interruptions = 0
        self.turns = TurnClock()
        self.opened_at: float | None = None
        """When the stream opened; times of events count from here."""
        self.read_at = 0.0
        """When the newest message of the model was read (monotonic, s)."""
        self.answers = Answers(self.send)
        self._conversation = Conversation()
        # The session may promise one format and send another: an apology beats noise.
        self._voice = Voice(formats[1], lambda wrong: on_lost("model_audio_format", wrong))
        self._on_audio = on_audio
        self.on_usage = on_usage
        self._withheld = withheld
        self.emit = emit
        self.handshake = Handshake(formats, greeting, self.send, emit)
        self._on_lost = on_lost
        self._on_interrupted = on_interrupted
        self._write: Callable[[bytes], None] | None = None
        self._ears = None if rules is None else GatewayFloor(self, rules)
        self.floor = self._ears or ServerFloor(self, self.handshake)
        self._hears_greeting = bool(greeting and rules and rules.greeting_is_heard)

    # The model's connection

    def connect(self, write: Callable[[bytes], None]) -> None:
        """The link is open; ``write`` sends one message to the model at once."""
        self._write = write

    def configured(self) -> None:
        """The session's settings are on their way."""
        self.handshake.configured()

    def disconnect(self) -> None:
        """The link is gone."""
        self._write = None
        self.inbound.close()

    def model_frame(self, frame: bytes) -> bool:
        """One message of the model, in its read callback. True when the SDK should see it too."""
        self.read_at = time.monotonic()
        kind = realtime.kind(frame)
        if kind is None:
            raise ModelError("no_event")  # the SDK would end the session over it
        event = realtime.decode(kind, frame)
        if isinstance(event, realtime.AudioDelta):
            self._audio(event)
            return False
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, event)
        return kind not in self._withheld and not _told_before(event, self._conversation)

    @property
    def connected(self) -> bool:
        """True while there is a model to talk to."""
        return self._write is not None

    def caller_audio(self, payload: bytes) -> None:
        """The caller's audio (mu-law): for the model, and for the gateway's own ears."""
        self.inbound.frame(payload)
        if self._ears is not None and self._write is not None:
            self._ears.frame(payload)  # without a model an apology plays, which nobody interrupts

    # The door

    def interrupt(self, cause: str, *, cancel: bool, since: float | None = None) -> bool:
        """Cuts the agent off: ``clear``, truncate, delete, mute. True when anything was cut.

        ``cancel`` also stops the running response (the model does that itself when its own VAD
        heard the caller). Nothing outstanding: nothing is cleared or truncated. ``since`` is when
        what asks for it was read; None = this moment.
        """
        begin = time.monotonic()
        self.outbound.hush()
        active = self._conversation.active
        running = active if active is not None and not self._conversation.muted(active) else None
        outstanding = self.outbound.ledger.outstanding_bytes(begin) > 0
        if not outstanding and running is None:
            return False
        cut = self.outbound.clear()
        clear_ms = max(0.0, self.outbound.cleared_at - (begin if since is None else since)) * 1000
        if cancel and running is not None:
            self.send(commands.cancel(running))  # before the truncates: nothing is added to them
        corrections = self._conversation.interrupt(cut)
        self._correct(corrections)
        if not cut.items or not outstanding:
            return False
        self._report(cause, cut, corrections, clear_ms)
        return True

    def refuse_answer(self) -> None:
        """The answer that has just begun is not to be heard; what plays goes on."""
        if self._conversation.active is not None:
            self.send(commands.cancel(self._conversation.active))
            self._correct(self._conversation.interrupt(NOTHING_CUT))

    def send(self, message: bytes) -> None:
        """Sends one message to the model, if there is one."""
        if self._write is not None:
            self._write(message)

    def since_open_ms(self) -> float:
        """Milliseconds since the stream opened, 0 before."""
        return 0.0 if self.opened_at is None else (time.monotonic() - self.opened_at) * 1000

    # What the model says

    def _audio(self, delta: realtime.AudioDelta) -> None:
        response_id, item_id = delta.response_id, delta.item_id
        if self._conversation.muted(response_id):
            self.vitals.stale_audio += 1
            self._conversation.late_audio(
                response_id, item_id, delta.content_index, self._voice.length(delta.audio)
            )
            return
        self.outbound.hush()
        item = self.outbound.ledger.item(item_id, delta.content_index, response_id)
        if not item.received:
            now = time.monotonic()
            waits = self.opened_at is None or self.outbound.ledger.outstanding_bytes(now) > 0
            self._conversation.speaking(response_id, item_id)
            self.turns.first_delta(response_id, now, waits=waits)
            self.answers.spoke(response_id)
        self.outbound.play(item, self._voice.payload(item, delta.audio))
        if self._on_audio is not None:
            self._on_audio(delta)

    def _finish(self, item: Item) -> None:
        rest = self._voice.rest(item)
        if rest:
            self.outbound.play(item, rest)
        self.outbound.finish(item)

    def _speech_started(self, event: realtime.SpeechStarted) -> None:
        self.outbound.hush()
        self.caller.began(event.item_id, event.audio_start_ms)
        self.floor.started(sounding=self._sounding(), protected=self._protected())

    def _speech_stopped(self, event: realtime.SpeechStopped) -> None:
        # The silence that ended the turn is not speech.
        now, voiced_ms = time.monotonic(), event.audio_end_ms - self.handshake.silence_ms
        self.floor.stopped(now, self.caller.ended(voiced_ms, now))

    def _response_created(self, event: realtime.ResponseCreated) -> None:
        self._conversation.response_created(event.response_id)
        self.turns.response_created(event.response_id, time.monotonic())
        self.answers.created(event.response_id)  # last: it may be refused

    def _response_done(self, event: realtime.ResponseDone) -> None:
        for late in self._conversation.late_items(event.response_id):
            self.emit(_longer(event.response_id, *late, self.since_open_ms()))
        self._correct(self._conversation.response_done(event.response_id))
        for item in self.outbound.ledger.open_items():
            if item.response_id == event.response_id and not item.finished:
                self._finish(item)  # no more audio comes, whether or not it was said
        self.turns.response_done(event.response_id)
        if self.on_usage is not None:
            self.on_usage(event)
        if event.status == "failed":
            self._failed(event.error_code or event.error_type or "server_error")
        self.answers.done(over=self._conversation.active is None)

    def _failed(self, code: str) -> None:
        """A generation failed: once more for a passing fault, else the model is lost for good."""
        self.emit(ModelErrorReported(code))
        if code in _FATAL_CODES or not self.answers.may_try_again():
            self._on_lost("model_failed", code)
        else:
            self.answers.ask(commands.create_response())

    def _item_added(self, event: realtime.ItemAdded) -> None:
        self._correct(self._conversation.item_added(event.item_id))
        self.floor.item_added(event.item_id)

    def _session_updated(self, event: realtime.SessionInfo) -> None:
        wrong = self.handshake.updated(event)
        if wrong is not None:
            self._on_lost("model_audio_format", wrong)
        elif self._write is not None and not self.inbound.is_open:
            self.emit(CallLive(self.inbound.open(self._write)))

    def _error(self, event: realtime.Error) -> None:
        code = event.code or event.type or "unknown"
        self.emit(ModelErrorReported(code))
        self.answers.refused(event.event_id, code)
        if code in _FATAL_CODES:
            self._on_lost("model_auth" if code == "invalid_api_key" else "model_refused", code)

    def tell(self, text: str) -> None:
        """Tells the model what happened outside the conversation and asks for an answer to it."""
        self.send(commands.system_text(text))
        self.answers.ask(commands.create_response())

    # Inside

    def _sounding(self) -> bool:
        return self.outbound.ledger.outstanding_bytes(time.monotonic()) > 0

    def _protected(self) -> bool:
        """True while what sounds must not be cut: ours, or a greeting that must be heard."""
        if self.answers.refuse is not None or self.outbound.holds(TONES, NOTICE, ANNOUNCEMENT):
            return True  # refused: the caller waits, and what they said before was on its way
        greeting = self._hears_greeting and self.answers.count <= 1
        return greeting and (self.answers.pending or self._sounding())

    def _item_started(self, item: Item, sent_at: float, heard_at: float) -> None:
        at_ms = self.since_open_ms()
        turn = self.turns.first_sent(item.response_id, sent_at, heard_at)
        if turn is not None:
            self.emit(TurnDone(turn, at_ms))
        heard_ms = at_ms + (heard_at - sent_at) * 1000
        self.emit(AgentStarted(item.item_id, item.response_id, heard_ms, at_ms))

    def _item_over(self, item: Item) -> None:
        self.emit(_stopped(item, self.since_open_ms()))

    def _correct(self, corrections: list[Command]) -> None:
        for command in corrections:
            self.send(_encoded(command))

    def _report(self, cause: str, cut: Cut, corrections: list[Command], clear_ms: float) -> None:
        self.interruptions += 1
        self._on_interrupted(cut.items[0])
        truncated = sum(isinstance(command, Truncate) for command in corrections)
        self.emit(_barge_in(cause, cut, truncated, clear_ms, self.since_open_ms()))


def _barge_in(cause: str, cut: Cut, truncated: int, clear_ms: float, at_ms: float) -> BargeIn:
    playing = cut.items[0]
    return BargeIn(
        cause=cause,
        item_id=playing.item_id,
        heard_ms=playing.heard_ms,
        dropped_ms=cut.dropped_ms,
        truncated=truncated,
        deleted=sum(1 for item in cut.items if item.response_id and not item.heard_ms),
        uncertainty_ms=cut.uncertainty_ms,
        clear_ms=clear_ms,
        at_ms=at_ms,
    )


def _stopped(item: Item, at_ms: float) -> AgentStopped:
    whole_ms = item.received // BYTES_PER_MS
    heard_ms = whole_ms if item.fully_heard else item.heard_ms
    return AgentStopped(item.item_id, item.response_id, heard_ms, whole_ms, at_ms)


def _longer(
    response_id: str, item_id: str, heard: int, received: int, at_ms: float
) -> AgentStopped:
    """An item that was cut off, now that all of it has been made."""
    heard_ms, audio_ms = heard // BYTES_PER_MS, received // BYTES_PER_MS
    return AgentStopped(item_id, response_id, heard_ms, audio_ms, at_ms)


def _told_before(event: object, conversation: Conversation) -> bool:
    """True for an answer's item that the SDK knows from its announcement (140 µs measured)."""
    return isinstance(event, realtime.ItemAdded) and conversation.announced(event.item_id)


def _encoded(command: Command) -> bytes:
    if isinstance(command, Truncate):
        return commands.truncate(command.item_id, command.content_index, command.audio_end_ms)
    return commands.delete_item(command.item_id)


def _audio_done(dialogue: Dialogue, event: realtime.AudioDone) -> None:
    item = dialogue.outbound.ledger.find(event.item_id, event.content_index)
    if item is not None:
        dialogue._finish(item)


def _item_announced(dialogue: Dialogue, event: realtime.OutputItemAdded) -> None:
    dialogue._conversation.item_announced(event.response_id, event.item_id, event.type)


def _agent_words(dialogue: Dialogue, event: realtime.TranscriptDone) -> None:
    dialogue.emit(AgentSpoke(event.item_id, event.transcript))


def _nobody_spoke(dialogue: Dialogue, event: realtime.TimeoutTriggered) -> None:
    dialogue._conversation.silences.add(event.item_id)


def _caller_words(dialogue: Dialogue, event: realtime.CallerTranscript) -> None:
    if event.item_id not in dialogue._conversation.silences:  # transcribers hear words in silence
        dialogue.emit(CallerSpoke(event.item_id, event.transcript))
    if dialogue.on_usage is not None:
        dialogue.on_usage(event)


_HANDLERS: dict[str, Callable[[Dialogue, Any], None]] = {
    "response.output_audio.done": _audio_done,
    "response.output_audio_transcript.done": _agent_words,
    "response.output_item.added": _item_announced,
    "response.created": Dialogue._response_created,
    "response.done": Dialogue._response_done,
    "input_audio_buffer.speech_started": Dialogue._speech_started,
    "input_audio_buffer.speech_stopped": Dialogue._speech_stopped,
    "input_audio_buffer.committed": lambda dialogue, event: dialogue.floor.committed(event.item_id),
    "input_audio_buffer.timeout_triggered": _nobody_spoke,
    "conversation.item.added": Dialogue._item_added,
    "conversation.item.input_audio_transcription.completed": _caller_words,
    "session.created": lambda dialogue, _event: dialogue.handshake.created(),
    "session.updated": Dialogue._session_updated,
    "error": Dialogue._error,
}
