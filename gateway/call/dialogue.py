"""What passes between caller and model in one call, and the one door of interruption.

Owns the order of things in the read callbacks: what the ledger, the conversation and the turn clock
learn of each message, and what leaves for carrier and model because of it. Everything here is
synchronous; nothing waits, nothing is queued.
"""

import time
from collections.abc import Callable
from typing import Any

from gateway.call.handshake import Handshake
from gateway.call.inbound import Inbound
from gateway.call.outbound import Outbound
from gateway.call.voice import Voice
from gateway.core import realtime
from gateway.core.conversation import Command, Conversation, Truncate
from gateway.core.events import (
    AgentSpoke,
    BargeIn,
    CallerSpoke,
    CallerStarted,
    CallerStopped,
    CallEvent,
    CallLive,
    ModelErrorReported,
    TurnDone,
)
from gateway.core.g711 import BYTES_PER_MS
from gateway.core.ledger import Cut, Item
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
    ) -> None:
        """``formats``: what the model hears and says; ``on_audio`` sees what is played of that."""
        self.outbound = Outbound(pacing, self._item_started)
        self.inbound = Inbound(formats[0])
        self.interruptions = 0
        self.turns = TurnClock()
        self.opened_at: float | None = None
        """When the stream opened; times of events count from here."""
        self.spoken_response: str | None = None
        """The newest response that had audio."""
        self.newest_response: str | None = None
        self.caller_speaks = False
        """By the model's own ear; its end makes the model answer by itself."""
        self._conversation = Conversation()
        # The session may promise one format and send another: an apology beats noise.
        self._voice = Voice(formats[1], lambda wrong: on_lost("model_audio_format", wrong))
        self._on_audio = on_audio
        self._withheld = withheld
        self.emit = emit
        self._handshake = Handshake(formats, greeting, self.send, emit)
        self._on_lost = on_lost
        self._on_interrupted = on_interrupted
        self._write: Callable[[bytes], None] | None = None
        self._retried = False
        self._done_waiters: list[Callable[[], None]] = []

    # The model's connection

    def connect(self, write: Callable[[bytes], None]) -> None:
        """The link is open; ``write`` sends one message to the model at once."""
        self._write = write

    def configured(self) -> None:
        """The session's settings are on their way."""
        self._handshake.configured()

    def disconnect(self) -> None:
        """The link is gone."""
        self._write = None
        self.inbound.close()

    def model_frame(self, frame: bytes) -> bool:
        """One message of the model, in its read callback. True when the SDK should see it too."""
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
    def spoke_last(self) -> bool:
        """True when the newest response had words in it (a goodbye needs no further answer)."""
        return self.newest_response is not None and self.spoken_response == self.newest_response

    @property
    def responding(self) -> bool:
        """True while the model generates an answer."""
        return self._conversation.active is not None

    @property
    def connected(self) -> bool:
        """True while there is a model to talk to."""
        return self._write is not None

    # The door

    def interrupt(self, cause: str, *, cancel: bool) -> bool:
        """Cuts the agent off: ``clear``, truncate, delete, mute. True when anything was cut.

        ``cancel`` also stops the running response (the model does that itself when its own VAD
        heard the caller). Nothing outstanding: nothing is cleared or truncated.
        """
        begin = time.monotonic()
        active = self._conversation.active
        running = active if active is not None and not self._conversation.muted(active) else None
        outstanding = self.outbound.ledger.outstanding_bytes(begin) > 0
        if not outstanding and running is None:
            return False
        cut = self.outbound.clear()
        clear_ms = (time.monotonic() - begin) * 1000
        if cancel and running is not None:
            self.send(realtime.cancel(running))  # before the truncates: nothing is added to them
        commands = self._conversation.interrupt(cut)
        self._correct(commands)
        if not cut.items or not outstanding:
            return False
        self._report(cause, cut, commands, clear_ms)
        return True

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
            self._conversation.late_audio(
                response_id, item_id, delta.content_index, self._voice.length(delta.audio)
            )
            return
        item = self.outbound.ledger.item(item_id, delta.content_index, response_id)
        if not item.received:
            now = time.monotonic()
            waits = self.opened_at is None or self.outbound.ledger.outstanding_bytes(now) > 0
            self._conversation.speaking(response_id, item_id)
            self.turns.first_delta(response_id, now, waits=waits)
            self.spoken_response = response_id
        self.outbound.play(item, self._voice.payload(item, delta.audio))
        if self._on_audio is not None:
            self._on_audio(delta)

    def _audio_done(self, event: realtime.AudioDone) -> None:
        item = self.outbound.ledger.find(event.item_id, event.content_index)
        if item is not None:
            self._finish(item)

    def _finish(self, item: Item) -> None:
        rest = self._voice.rest(item)
        if rest:
            self.outbound.play(item, rest)
        self.outbound.finish(item)

    def _speech_started(self, _event: realtime.SpeechStarted) -> None:
        self.caller_speaks = True
        if self._handshake.interrupts and self.outbound.ledger.find(TONES) is None:
            self.interrupt("caller", cancel=False)
        self.emit(CallerStarted(self.since_open_ms()))

    def _speech_stopped(self, event: realtime.SpeechStopped) -> None:
        self.caller_speaks, now = False, time.monotonic()
        # The model counts appended audio; ours streams in real time, so a byte's age is its
        # distance from the newest. The silence that ended the turn is not speech.
        voiced_ms = event.audio_end_ms - self._handshake.silence_ms
        age_ms = self.inbound.appended / BYTES_PER_MS - voiced_ms
        self.turns.turn_ended(now, now - max(0.0, age_ms) / 1000)
        self._retried = False
        self.emit(CallerStopped(self.since_open_ms()))

    def _response_created(self, event: realtime.ResponseCreated) -> None:
        self.newest_response = event.response_id
        self._conversation.response_created(event.response_id)
        self.turns.response_created(event.response_id, time.monotonic())

    def _response_done(self, event: realtime.ResponseDone) -> None:
        self._correct(self._conversation.response_done(event.response_id))
        for item in self.outbound.ledger.open_items():
            if item.response_id == event.response_id and not item.finished:
                self._finish(item)  # no more audio comes, whether or not it was said
        self.turns.response_done(event.response_id)
        if event.status == "failed":
            self._failed(event.error_code or event.error_type or "server_error")
        self._done_waiters, waiters = [], self._done_waiters
        for waiter in waiters:
            waiter()

    def _failed(self, code: str) -> None:
        """A generation failed: once more for a passing fault, else the model is lost for good."""
        self.emit(ModelErrorReported(code))
        if code in _FATAL_CODES or self._retried:
            self._on_lost("model_failed", code)
        else:
            self._retried = True
            self.send(realtime.create_response())

    def _item_announced(self, event: realtime.OutputItemAdded) -> None:
        self._conversation.item_announced(event.response_id, event.item_id, event.type)

    def _item_added(self, event: realtime.ItemAdded) -> None:
        self._correct(self._conversation.item_added(event.item_id))

    def _session_created(self, _event: realtime.SessionInfo) -> None:
        self._handshake.created()

    def _session_updated(self, event: realtime.SessionInfo) -> None:
        wrong = self._handshake.updated(event)
        if wrong is not None:
            self._on_lost("model_audio_format", wrong)
        elif self._write is not None and not self.inbound.is_open:
            self.emit(CallLive(self.inbound.open(self._write)))

    def _error(self, event: realtime.Error) -> None:
        code = event.code or event.type or "unknown"
        self.emit(ModelErrorReported(code))
        if code in _FATAL_CODES:
            self._on_lost("model_auth" if code == "invalid_api_key" else "model_refused", code)

    def tell(self, text: str) -> None:
        """Tells the model what happened outside the conversation and asks for an answer to it."""
        self.send(realtime.system_text(text))
        self.send(realtime.create_response())

    # Inside

    def when_response_done(self, callback: Callable[[], None]) -> None:
        """Calls back once, after the running response ended."""
        self._done_waiters.append(callback)

    def _item_started(self, item: Item, sent_at: float, heard_at: float) -> None:
        turn = self.turns.first_sent(item.response_id, sent_at, heard_at)
        if turn is not None:
            self.emit(TurnDone(turn, self.since_open_ms()))

    def _correct(self, commands: list[Command]) -> None:
        for command in commands:
            self.send(_encoded(command))

    def _report(self, cause: str, cut: Cut, commands: list[Command], clear_ms: float) -> None:
        self.interruptions += 1
        playing = cut.items[0]
        self._on_interrupted(playing)
        barge_in = BargeIn(
            cause=cause,
            item_id=playing.item_id,
            heard_ms=playing.heard_ms,
            dropped_ms=cut.dropped_ms,
            truncated=sum(isinstance(command, Truncate) for command in commands),
            deleted=sum(1 for item in cut.items if item.response_id and not item.heard_ms),
            uncertainty_ms=cut.uncertainty_ms,
            clear_ms=clear_ms,
            at_ms=self.since_open_ms(),
        )
        self.emit(barge_in)


def _told_before(event: object, conversation: Conversation) -> bool:
    """True for an answer's item that the SDK knows from its announcement (140 µs measured)."""
    return isinstance(event, realtime.ItemAdded) and conversation.announced(event.item_id)


def _encoded(command: Command) -> bytes:
    if isinstance(command, Truncate):
        return realtime.truncate(command.item_id, command.content_index, command.audio_end_ms)
    return realtime.delete_item(command.item_id)


def _agent_words(dialogue: Dialogue, event: realtime.TranscriptDone) -> None:
    dialogue.emit(AgentSpoke(event.item_id, event.transcript))


def _caller_words(dialogue: Dialogue, event: realtime.CallerTranscript) -> None:
    dialogue.emit(CallerSpoke(event.item_id, event.transcript))


_HANDLERS: dict[str, Callable[[Dialogue, Any], None]] = {
    "response.output_audio.done": Dialogue._audio_done,
    "response.output_audio_transcript.done": _agent_words,
    "response.output_item.added": Dialogue._item_announced,
    "response.created": Dialogue._response_created,
    "response.done": Dialogue._response_done,
    "input_audio_buffer.speech_started": Dialogue._speech_started,
    "input_audio_buffer.speech_stopped": Dialogue._speech_stopped,
    "conversation.item.added": Dialogue._item_added,
    "conversation.item.input_audio_transcription.completed": _caller_words,
    "session.created": Dialogue._session_created,
    "session.updated": Dialogue._session_updated,
    "error": Dialogue._error,
}
