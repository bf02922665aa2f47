"""Owns the few OpenAI Realtime (GA) events of the hot path; what we send is in `commands`.

Everything else goes to the SDK untouched. It must not know calls, sockets or time, nor repair what
the model sends: an event is read, is not one of ours, or is refused.

Facts (the GA protocol, live captures): text frames, one JSON object each, `type` first; fields the
documentation does not name may appear; an audio delta is base64 of any number of bytes.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

import msgspec

from gateway.errors import ModelError

_Ms = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Index = Annotated[int, msgspec.Meta(ge=0, le=2**31)]


class AudioDelta(msgspec.Struct, frozen=True, gc=False):
    """Agent audio in the session's output format: any number of bytes, not frame-aligned."""

    response_id: str
    item_id: str
    audio: bytes = msgspec.field(name="delta")
    content_index: _Index = 0

    def __repr__(self) -> str:
        return f"AudioDelta({self.response_id}, {self.item_id}, {len(self.audio)} bytes)"


class AudioDone(msgspec.Struct, frozen=True, gc=False):
    """All audio of one content part was sent, or generation was interrupted."""

    response_id: str
    item_id: str
    content_index: _Index = 0


class SpeechStarted(msgspec.Struct, frozen=True, gc=False):
    """The model's VAD hears the caller; ms count appended audio, not wall-clock time."""

    item_id: str
    audio_start_ms: _Ms


class SpeechStopped(msgspec.Struct, frozen=True, gc=False):
    """The caller's turn ended; `audio_end_ms` includes the silence that ended it."""

    item_id: str
    audio_end_ms: _Ms


class Committed(msgspec.Struct, frozen=True, gc=False):
    """The caller's turn becomes an item of the conversation (its `ItemAdded` follows)."""

    item_id: str


class TimeoutTriggered(msgspec.Struct, frozen=True, gc=False):
    """Nobody spoke for `idle_timeout_ms`: the silence becomes an item (its `Committed` follows)."""

    item_id: str


class ResponseCreated(msgspec.Struct, frozen=True, gc=False):
    """The model begins to answer."""

    response_id: str


class ResponseDone(msgspec.Struct, frozen=True, gc=False):
    """A response is over; a failed generation is told here, not by an `error` event."""

    response_id: str
    status: str
    """`completed`, `cancelled`, `failed` or `incomplete`; empty when left out."""
    error_code: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    usage: Any = None
    """As the model tells it; see :mod:`gateway.core.usage`."""


class ItemAdded(msgspec.Struct, frozen=True, gc=False):
    """The conversation has a new item: from now on it can be truncated or deleted."""

    item_id: str = msgspec.field(name="id")
    type: str
    role: str | None = None


class ItemDeleted(msgspec.Struct, frozen=True, gc=False):
    """The conversation no longer has the item."""

    item_id: str


class OutputItemAdded(msgspec.Struct, frozen=True, gc=False):
    """A response begins an item; this precedes the item's `ItemAdded`."""

    response_id: str
    item_id: str
    type: str


class Error(msgspec.Struct, frozen=True, gc=False):
    """The model refused a message or is about to close; `event_id` names the refused one."""

    type: str | None = None
    code: str | None = None
    message: str = ""
    event_id: str | None = None


class SessionInfo(msgspec.Struct, frozen=True, gc=False):
    """What the session is set to; `expires_at` is in Unix seconds."""

    input_format: str | None = None
    output_format: str | None = None
    expires_at: int | None = None
    interrupt_response: bool = False
    """Whether the model cancels its answer by itself when its VAD hears the caller."""
    silence_duration_ms: int = 0
    """Silence that ends a turn (`server_vad`); 0 when the session does not say."""
    model: str = ""
    """The model's own name for itself."""


class TranscriptDone(msgspec.Struct, frozen=True, gc=False):
    """The text of all the audio of one item, heard or not."""

    response_id: str
    item_id: str
    transcript: str = ""


class CallerTranscript(msgspec.Struct, frozen=True, gc=False):
    """What the caller said, often later than the answer to it."""

    item_id: str
    transcript: str = ""
    usage: Any = None


ServerEvent = (
    AudioDelta
    | AudioDone
    | SpeechStarted
    | SpeechStopped
    | Committed
    | TimeoutTriggered
    | ResponseCreated
    | ResponseDone
    | ItemAdded
    | ItemDeleted
    | OutputItemAdded
    | Error
    | SessionInfo
    | TranscriptDone
    | CallerTranscript
)


class _ErrorBody(msgspec.Struct, frozen=True, gc=False):
    type: str | None = None
    code: str | None = None
    message: str | None = None


class _StatusDetails(msgspec.Struct, frozen=True, gc=False):
    error: _ErrorBody | None = None


class _Response(msgspec.Struct, frozen=True, gc=False):
    id: str
    status: str = ""
    status_details: _StatusDetails | None = None
    usage: Any = None


class _Format(msgspec.Struct, frozen=True, gc=False):
    type: str | None = None


class _TurnDetection(msgspec.Struct, frozen=True, gc=False):
    interrupt_response: bool = False
    silence_duration_ms: int = 0


class _Direction(msgspec.Struct, frozen=True, gc=False):
    format: _Format = _Format()
    turn_detection: _TurnDetection | None = None


class _Audio(msgspec.Struct, frozen=True, gc=False):
    input: _Direction = _Direction()
    output: _Direction = _Direction()


class _Session(msgspec.Struct, frozen=True, gc=False):
    audio: _Audio = _Audio()
    expires_at: int | None = None
    model: str = ""


class _ResponseCreated(msgspec.Struct, frozen=True, gc=False):
    # As the five below: on the wire the facts lie deeper than in our struct.
    response: _Response

    def event(self) -> ResponseCreated:
        return ResponseCreated(self.response.id)


class _ResponseDone(msgspec.Struct, frozen=True, gc=False):
    response: _Response

    def event(self) -> ResponseDone:
        details = self.response.status_details or _StatusDetails()
        error = details.error or _ErrorBody()
        told = error.code, error.type, error.message
        return ResponseDone(self.response.id, self.response.status, *told, self.response.usage)


class _ItemAdded(msgspec.Struct, frozen=True, gc=False):
    item: ItemAdded

    def event(self) -> ItemAdded:
        return self.item


class _OutputItemAdded(msgspec.Struct, frozen=True, gc=False):
    response_id: str
    item: ItemAdded

    def event(self) -> OutputItemAdded:
        return OutputItemAdded(self.response_id, self.item.item_id, self.item.type)


class _ErrorEvent(msgspec.Struct, frozen=True, gc=False):
    error: Error

    def event(self) -> Error:
        return self.error


class _SessionEvent(msgspec.Struct, frozen=True, gc=False):
    session: _Session

    def event(self) -> SessionInfo:
        audio = self.session.audio
        turns = audio.input.turn_detection or _TurnDetection()
        formats = audio.input.format.type, audio.output.format.type
        interrupts, silence_ms = turns.interrupt_response, turns.silence_duration_ms
        session = self.session
        return SessionInfo(*formats, session.expires_at, interrupts, silence_ms, session.model)


_Wrapped = (
    _ResponseCreated | _ResponseDone | _ItemAdded | _OutputItemAdded | _ErrorEvent | _SessionEvent
)


class _AudioDeltaText(msgspec.Struct, frozen=True, gc=False):
    response_id: str
    item_id: str
    delta: str


class _Head(msgspec.Struct, frozen=True, gc=False):
    type: str


_AUDIO_DELTA: Final = "response.output_audio.delta"
_WIRE: Final[dict[str, type[ServerEvent] | type[_Wrapped]]] = {
    _AUDIO_DELTA: AudioDelta,
    "response.output_audio.done": AudioDone,
    "response.output_audio_transcript.done": TranscriptDone,
    "response.output_item.added": _OutputItemAdded,
    "response.created": _ResponseCreated,
    "response.done": _ResponseDone,
    "input_audio_buffer.speech_started": SpeechStarted,
    "input_audio_buffer.speech_stopped": SpeechStopped,
    "input_audio_buffer.committed": Committed,
    "input_audio_buffer.timeout_triggered": TimeoutTriggered,
    "conversation.item.added": _ItemAdded,
    "conversation.item.deleted": ItemDeleted,
    "conversation.item.input_audio_transcription.completed": CallerTranscript,
    "session.created": _SessionEvent,
    "session.updated": _SessionEvent,
    "error": _ErrorEvent,
}
_DECODERS: Final = {kind: msgspec.json.Decoder(wire) for kind, wire in _WIRE.items()}

# Not ours to read, but frequent enough to be named without parsing.
_FREQUENT: Final = (
    "response.output_audio_transcript.delta",
    "response.output_text.delta",
    "response.function_call_arguments.delta",
    "conversation.item.input_audio_transcription.delta",
)
_KINDS: Final = {kind.encode(): kind for kind in (*_WIRE, *_FREQUENT)}
_TYPE_FIRST: Final = b'{"type":"'
_TYPE_AT: Final = len(_TYPE_FIRST)

_decode_head: Final = msgspec.json.Decoder(_Head).decode
_decode_delta_text: Final = msgspec.json.Decoder(_AudioDeltaText).decode

_T = TypeVar("_T")


def kind(frame: bytes) -> str | None:
    """The event type of a server frame; None when it is no JSON object with a string `type`.

    An event of a frequent type that begins with it is named without looking further: only
    `decode`, or the SDK, finds out whether the rest is well-formed.
    """
    if frame.startswith(_TYPE_FIRST):
        end = frame.find(b'"', _TYPE_AT)
        found = _KINDS.get(frame[_TYPE_AT:end])
        if found is not None and end > 0:
            return found
    head = _read(_decode_head, frame)
    return head.type if head is not None else None


def decode(kind: str, frame: bytes) -> ServerEvent | None:
    """The event in `frame`, whose type is `kind`; None when that type is not one of ours.

    Unknown fields are ignored and a null counts as an absent field. Raises `ModelError` with
    `bad_audio` for an audio delta that is not base64, else with `bad_event` and the kind.
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        return None
    wire = _read(decoder.decode, frame) or _read_without_nulls(kind, frame)
    if wire is None:
        bad_audio = kind == _AUDIO_DELTA and _read(_decode_delta_text, frame) is not None
        raise ModelError("bad_audio" if bad_audio else "bad_event", kind)
    return wire.event() if isinstance(wire, _Wrapped) else wire


def _read_without_nulls(kind: str, frame: bytes) -> ServerEvent | _Wrapped | None:
    def decode_again(frame: bytes) -> ServerEvent | _Wrapped:
        return msgspec.convert(_without_nulls(msgspec.json.decode(frame)), _WIRE[kind])

    return _read(decode_again, frame)


def _without_nulls(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}


def _read(decode: Callable[[bytes], _T], frame: bytes) -> _T | None:
    # The error may hold the frame (UnicodeDecodeError does): it goes no further than this line.
    try:
        return decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
