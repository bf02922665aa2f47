"""Owns the caller's side of one session: turns found in the audio, committed, and transcribed.

The order of events is the real server's: `speech_started` (then the interruption), and later
`speech_stopped`, `committed`, `item.added`, `item.done`, `response.created`.
"""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from gateway.sim.realtime import transcribing
from gateway.sim.realtime.conversation import Audio, Item, Part
from gateway.sim.realtime.errors import ClientFault
from gateway.sim.realtime.listening import Listener
from gateway.sim.realtime.responses import Response
from gateway.sim.realtime.transcribing import Step
from gateway.sim.realtime.vad import VadEvent, VadSettings

if TYPE_CHECKING:
    from gateway.sim.realtime.session import Session


class Caller:
    """What one session hears and makes of it."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._listener = Listener()
        self._speech_start_ms = 0
        self._idle: asyncio.TimerHandle | None = None

    def configure(self) -> None:
        """The session's configuration is new or has changed."""
        config = self._session.config
        self._listener.set_format(config.input_format)
        detection = config.turn_detection
        self._listener.set_vad(VadSettings.of(detection) if detection else None)
        if self._idle_ms() is None:
            self.disarm()

    def append(self, data: bytes) -> None:
        """Audio came in."""
        for event in self._listener.append(data):
            if event.kind == "started":
                self._started(event)
            else:
                self._stopped(event)

    def commit(self) -> None:
        """The client ends the turn; speech under way keeps its announced id. Makes no response."""
        data = self._listener.take_all()
        self.disarm()
        item_id = self._listener.announced or self._session.new_id("item")
        self._listener.announced = None
        self._commit(item_id, data)

    def clear(self) -> None:
        self._listener.clear()
        self._session.emit("input_audio_buffer.cleared")

    # --- turns ---

    def _started(self, event: VadEvent) -> None:
        session = self._session
        self.disarm()
        self._listener.announced = session.new_id("item")
        self._speech_start_ms = event.at_ms
        session.emit(
            "input_audio_buffer.speech_started",
            audio_start_ms=event.at_ms,
            item_id=self._listener.announced,
        )
        if self._flag("interrupt_response"):
            session.responses.interrupt()

    def _stopped(self, event: VadEvent) -> None:
        session, item_id = self._session, self._listener.announced
        if item_id is None:
            return
        session.emit("input_audio_buffer.speech_stopped", audio_end_ms=event.at_ms, item_id=item_id)
        self._listener.announced = None
        self._commit(item_id, self._listener.take(self._speech_start_ms, event.at_ms))
        if self._flag("create_response"):
            self._respond(idle=False)

    def _commit(self, item_id: str, data: bytes, *, silent: bool = False) -> None:
        session = self._session
        kept = data if session.options.keep_audio else b""
        audio = Audio(self._listener.form, kept, len(data))
        item = Item(item_id, role="user", content=[Part("input_audio", audio=audio)])
        previous = session.conversation.tail_id
        session.emit("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        session.conversation.append(item)
        session.emit_item(item)
        payload = audio.form.to_payload(data)
        heard = session.director.caller_spoke
        said = session.options.heard_in_silence if silent else heard(payload)
        self._transcribe(item, said)

    def _respond(self, *, idle: bool) -> None:
        """The automatic answer; while another one runs it fails, as the documentation warns."""
        try:
            self._session.respond({}, idle=idle)
        except ClientFault as fault:
            self._session.emit("error", error=fault.payload(None))

    def _flag(self, name: str) -> bool:
        detection = self._session.config.turn_detection
        return bool(detection and detection[name])

    # --- idle ---

    def arm(self, response: Response) -> None:
        """An answer is done: wait until it has been played, and then for the idle timeout."""
        idle_ms = self._idle_ms()
        if idle_ms is not None and response.status in ("completed", "incomplete"):
            self.disarm()
            wait_s = (response.audio_ms + idle_ms) / 1000 * self._session.options.idle_scale
            self._idle = self._session.later(wait_s, self._timed_out)

    def disarm(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _idle_ms(self) -> int | None:
        detection = self._session.config.turn_detection
        value = detection.get("idle_timeout_ms") if detection else None
        return value if isinstance(value, int) else None

    def _timed_out(self) -> None:
        self._idle = None
        idle_ms = self._idle_ms()
        if idle_ms is None:
            return
        session, end_ms = self._session, self._listener.clock_ms
        start_ms, item_id = max(0, end_ms - idle_ms), session.new_id("item")
        session.emit(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=start_ms,
            audio_end_ms=end_ms,
            item_id=item_id,
        )
        self._commit(item_id, self._listener.take(start_ms, end_ms), silent=True)
        if self._flag("create_response"):
            self._respond(idle=True)

    # --- transcription ---

    def _transcribe(self, item: Item, said: str) -> None:
        session, wanted = self._session, self._session.config.transcription
        if wanted is None:
            return
        delay_ms, rng = session.options.transcription_ms, session.rng
        if session.options.transcription_fails:
            steps = transcribing.failure(delay_ms, rng)
        else:
            steps = transcribing.steps(said, wanted["model"], item.audio_ms, delay_ms, rng)
        for step in steps:
            session.later(step[0], partial(self._transcribed, item, step))

    def _transcribed(self, item: Item, step: Step) -> None:
        _, kind, fields = step
        if self._session.conversation.find(item.id) is None:
            return
        if "transcript" in fields:
            item.content[0].transcript = fields["transcript"]
        self._session.emit(kind, item_id=item.id, content_index=0, **fields)
