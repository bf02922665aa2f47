"""Owns the Twilio Media Streams wire format: frames to typed messages, commands to frames.

It must not know calls, time, sockets or counters: `decode` says what a frame is, or refuses it with
a short word, and the caller counts. No text of a frame ever appears in an error.

Facts (Twilio docs, "Media Streams - WebSocket messages"; real traces): text frames, one JSON object
each; numbers arrive as strings; the first `timestamp` is not 0; a media frame is usually 160 bytes
of mu-law but may have any length; fields may be added at any time. Outbound, Twilio logs error
31951 for a missing *or extra* field, so the encoders write exactly the documented ones.
"""

import re
from binascii import b2a_base64
from typing import Annotated, Final, NoReturn

import msgspec

from gateway.errors import CarrierProtocolError

__all__ = ["Connected", "Dtmf", "Mark", "Media", "Message", "Outbound", "Start", "Stop", "decode"]

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_SID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MARK_NAME: Final = re.compile(r"[A-Za-z0-9:_-]{1,64}")


class Connected(msgspec.Struct, frozen=True, gc=False, tag_field="event", tag="connected"):
    """The first frame of a socket; it carries no stream yet."""

    protocol: str = ""
    version: str = ""


class Start(msgspec.Struct, frozen=True, gc=False):
    """Whose audio follows, in which format, and the `<Parameter>` values of our TwiML."""

    stream_sid: str
    call_sid: str
    account_sid: str
    tracks: tuple[str, ...] = ()
    encoding: str = "audio/x-mulaw"
    sample_rate: int = 8000
    channels: int = 1
    parameters: dict[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Start({self.stream_sid}, {self.call_sid}, parameters={sorted(self.parameters)})"


class Media(msgspec.Struct, frozen=True, gc=False):
    """Caller audio of any length; `timestamp_ms` is Twilio's clock since the stream began."""

    payload: bytes
    timestamp_ms: _Count = msgspec.field(name="timestamp")
    chunk: _Count = 0
    track: str = "inbound"

    def __repr__(self) -> str:
        return f"Media({len(self.payload)} bytes, timestamp_ms={self.timestamp_ms})"


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A mark of ours came back: played, or cleared (Twilio returns both alike)."""

    name: str


class Dtmf(msgspec.Struct, frozen=True, gc=False):
    """One key press, one of `0-9*#ABCD`. Never log it: callers type card numbers and PINs."""

    digit: Annotated[str, msgspec.Meta(pattern=r"\A[0-9*#A-D]\Z")]

    def __repr__(self) -> str:
        return "Dtmf(digit=hidden)"


class Stop(msgspec.Struct, frozen=True, gc=False):
    """The stream stopped or the call ended; `call_sid` is empty when the carrier left it out."""

    call_sid: str = msgspec.field(default="", name="callSid")


Message = Connected | Start | Media | Mark | Dtmf | Stop


class _MediaFormat(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    # The documentation says that these three values are always the ones below.
    encoding: str = "audio/x-mulaw"
    sample_rate: _Count = 8000
    channels: _Count = 1


class _StartBody(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    call_sid: str
    account_sid: str
    stream_sid: str = ""
    tracks: tuple[str, ...] | None = None
    media_format: _MediaFormat | None = None
    custom_parameters: dict[str, str] | None = None


class _Frame(msgspec.Struct, frozen=True, gc=False, tag_field="event"):
    """What Twilio wraps its messages in; the `event` field chooses the subclass."""


class _MediaFrame(_Frame, frozen=True, gc=False, tag="media"):
    media: Media


class _StartFrame(_Frame, frozen=True, gc=False, tag="start"):
    start: _StartBody
    stream_sid: str = msgspec.field(default="", name="streamSid")


class _MarkFrame(_Frame, frozen=True, gc=False, tag="mark"):
    mark: Mark


class _DtmfFrame(_Frame, frozen=True, gc=False, tag="dtmf"):
    dtmf: Dtmf


class _StopFrame(_Frame, frozen=True, gc=False, tag="stop"):
    stop: Stop | None = None


class _PayloadText(msgspec.Struct, frozen=True, gc=False):
    payload: str


class _MediaText(msgspec.Struct, frozen=True, gc=False):
    media: _PayloadText


class _Head(msgspec.Struct, frozen=True, gc=False):
    event: object = None


_AnyFrame = _MediaFrame | _MarkFrame | _StartFrame | _DtmfFrame | _StopFrame | Connected
_EVENTS: Final = frozenset({"connected", "start", "media", "mark", "dtmf", "stop"})

# Lax only in that a number may be written as a string; every other type must match.
_decode_frame: Final = msgspec.json.Decoder(_AnyFrame, strict=False).decode
_decode_media_text: Final = msgspec.json.Decoder(_MediaText).decode
_decode_head: Final = msgspec.json.Decoder(_Head).decode
_check_syntax: Final = msgspec.json.Decoder(msgspec.Raw).decode

# A UnicodeDecodeError holds the frame, so nothing below is raised while one is being handled.
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# A payload one byte over a multiple of 3 leaves 4 spare bits in its last character, two bytes over
# leave 2. msgspec checks alphabet, length and padding but not that these are 0, as they are in the
# characters below. We look before the first `=` of the frame; another `=` there could hide spare
# bits, which does no harm: they are not in the bytes, and only the bytes go on.
_CLEAN_TAIL: Final = (b"", b"AQgw", b"AEIMQUYcgkosw048")


def decode(frame: bytes) -> Message | None:
    """One text frame from Twilio as a message; None for an event type we do not know.

    Lenient where Twilio may change (unknown fields, missing optional ones, numbers as strings or
    ints), strict where text could do harm: a payload is canonical base64 (RFC 4648 section 4) and
    leaves here as bytes, and the three ids of `start` are plain words.

    Raises `CarrierProtocolError` with the kind `bad_json` (also: not UTF-8, nested too deep),
    `not_an_object`, `no_event`, or `bad_<event>` for a malformed message of a known type.
    """
    message: _AnyFrame | None
    try:
        message = _decode_frame(frame)
    except _UNREADABLE:
        message = None
    if message is None or not (frame.isascii() or _is_utf8(frame)):
        _refuse_unless_unknown(frame)
        return None
    if isinstance(message, _MediaFrame):
        media = message.media
        over = len(media.payload) % 3
        if over and frame[frame.find(b"=") - 1] not in _CLEAN_TAIL[over]:
            _check_payload(frame, media.payload)
        return media
    return _unwrapped(message)


def _unwrapped(message: _MarkFrame | _StartFrame | _DtmfFrame | _StopFrame | Connected) -> Message:
    match message:
        case _MarkFrame():
            return message.mark
        case _DtmfFrame():
            return message.dtmf
        case _StopFrame():
            return message.stop or Stop()
        case _StartFrame():
            return _started(message)
        case _:
            return message


def _started(frame: _StartFrame) -> Start:
    body = frame.start
    stream_sid = body.stream_sid or frame.stream_sid
    one_stream = not frame.stream_sid or frame.stream_sid == stream_sid
    sids = (stream_sid, body.call_sid, body.account_sid)
    if not one_stream or not all(_SID.fullmatch(sid) for sid in sids):
        raise CarrierProtocolError("bad_start")
    audio = body.media_format or _MediaFormat()
    return Start(
        stream_sid=stream_sid,
        call_sid=body.call_sid,
        account_sid=body.account_sid,
        tracks=body.tracks or (),
        encoding=audio.encoding,
        sample_rate=audio.sample_rate,
        channels=audio.channels,
        parameters=body.custom_parameters or {},
    )


def _check_payload(frame: bytes, payload: bytes) -> None:
    """The exact but slower check, for the rare frame whose tail is not where we looked for it."""
    text = _decode_media_text(frame).media.payload
    if text != b2a_base64(payload, newline=False).decode():
        raise CarrierProtocolError("bad_media")


def _refuse_unless_unknown(frame: bytes) -> None:
    """Says why a frame could not be read; returns only when its event type is unknown to us."""
    if not _is_json(frame):
        _refuse("bad_json")
    if frame.lstrip()[:1] != b"{":
        _refuse("not_an_object")
    event = _event_of(frame)
    if not isinstance(event, str):
        _refuse("no_event")
    if event in _EVENTS:
        _refuse(f"bad_{event}")


def _refuse(kind: str) -> NoReturn:
    raise CarrierProtocolError(kind)


def _is_utf8(frame: bytes) -> bool:
    try:
        frame.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_json(frame: bytes) -> bool:
    try:
        _check_syntax(frame)
    except _UNREADABLE:
        return False
    return _is_utf8(frame)


def _event_of(frame: bytes) -> object:
    try:
        return _decode_head(frame).event
    except _UNREADABLE:
        return None


class Outbound:
    """Builds the three messages Twilio accepts on one stream, and nothing more."""

    __slots__ = ("_clear", "_mark_head", "_media_head")

    def __init__(self, stream_sid: str) -> None:
        """Raises ValueError for a stream sid that is not a plain word of at most 64 characters."""
        if not _SID.fullmatch(stream_sid):
            raise ValueError("stream_sid must be 1 to 64 of A-Z a-z 0-9 _ -")
        sid = stream_sid.encode()
        self._media_head = b'{"event":"media","streamSid":"%b","media":{"payload":"' % sid
        self._mark_head = b'{"event":"mark","streamSid":"%b","mark":{"name":"' % sid
        self._clear = b'{"event":"clear","streamSid":"%b"}' % sid

    def media(self, payload: bytes) -> bytes:
        """Mu-law audio of any length, to be played after what was sent before."""
        return self._media_head + b2a_base64(payload, newline=False) + b'"}}'

    def mark(self, name: str) -> bytes:
        """A mark, returned by Twilio once the audio sent before it was played or cleared.

        The length and alphabet of a name are undocumented: at most 64 of `A-Z a-z 0-9 : _ -`, else
        ValueError.
        """
        if not _MARK_NAME.fullmatch(name):
            raise ValueError("a mark name must be 1 to 64 of A-Z a-z 0-9 : _ -")
        return self._mark_head + name.encode() + b'"}}'

    def clear(self) -> bytes:
        """Empties Twilio's audio buffer; the marks in it come back at once."""
        return self._clear
