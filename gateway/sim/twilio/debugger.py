"""Owns the twin's debugger log: what Twilio's console would show, with Twilio's own codes.

Meanings: https://www.twilio.com/docs/api/errors/<code>. The two codes of the 90000 range do not
exist at Twilio; they stand for things a person should know that Twilio would pass over in silence.
"""

import time
from dataclasses import dataclass
from typing import Final

from gateway.errors import GatewayError

CONNECT_TIMEOUT: Final = 31901
CONNECT_REFUSED: Final = 31902
BROKEN_PIPE: Final = 31903
TLS_ERROR: Final = 31910
HANDSHAKE_ERROR: Final = 31920
SERVER_CLOSED: Final = 31921
SCHEME_NOT_SUPPORTED: Final = 31922
MALFORMED_URL: Final = 31923
WEBSOCKET_PROTOCOL_ERROR: Final = 31924
SLOW_READER: Final = 31930
BUFFER_OVERFLOW: Final = 31931
INVALID_TRACK: Final = 31941
BINARY_MESSAGE: Final = 31950
INVALID_MESSAGE: Final = 31951
HTTP_ERROR: Final = 11200
HTTP_CONNECT_FAILED: Final = 11205
TWIML_TOO_LARGE: Final = 11750
TWIML_NOT_XML: Final = 12100
TWIML_SCHEMA: Final = 12200
TWIML_CONTENT_TYPE: Final = 12300
STATUS_CALLBACK_ANSWER: Final = 15003
TWIN_FILE_HEADER: Final = 90001
TWIN_UNSUPPORTED: Final = 90002

MEANING: Final[dict[int, str]] = {
    CONNECT_TIMEOUT: "Stream - WebSocket - Connection timeout",
    CONNECT_REFUSED: "Stream - WebSocket - Connection refused",
    BROKEN_PIPE: "Stream - WebSocket - Connection broken pipe",
    TLS_ERROR: "Stream - WebSocket - SSL protocol error",
    HANDSHAKE_ERROR: "Stream - WebSocket - Handshake error",
    SERVER_CLOSED: "Stream - WebSocket - Connection closed by the server",
    SCHEME_NOT_SUPPORTED: "Stream - WebSocket - URL scheme not supported",
    MALFORMED_URL: "Stream - WebSocket - Malformed URL",
    WEBSOCKET_PROTOCOL_ERROR: "Stream - WebSocket - Protocol error",
    SLOW_READER: "Stream - Caller audio discarded, the server reads too slowly",
    BUFFER_OVERFLOW: "Stream - More than 10 minutes of audio buffered, the excess is discarded",
    INVALID_TRACK: "Stream - Invalid track configuration",
    BINARY_MESSAGE: "Stream - Protocol - Malformed message (binary)",
    INVALID_MESSAGE: "Stream - Protocol - Invalid message",
    HTTP_ERROR: "HTTP retrieval failure",
    HTTP_CONNECT_FAILED: "HTTP connection failure",
    TWIML_TOO_LARGE: "TwiML response body too large",
    TWIML_NOT_XML: "Document parse failure",
    TWIML_SCHEMA: "Schema validation warning",
    TWIML_CONTENT_TYPE: "Invalid Content-Type",
    STATUS_CALLBACK_ANSWER: "Call progress: warning response to callback URL",
    TWIN_FILE_HEADER: "Twin only: the payload starts with a file header, heard as noise",
    TWIN_UNSUPPORTED: "Twin only: valid at Twilio, not modelled by this twin",
}


class TwilioFault(GatewayError):
    """Something Twilio refuses; `code` is the code its debugger would show."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{code} {MEANING.get(code, '')}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class DebuggerEntry:
    """One line of the debugger."""

    code: int
    call_sid: str
    detail: str
    at_s: float
    """Seconds on the monotonic clock (`time.monotonic`)."""

    @property
    def meaning(self) -> str:
        """The headline Twilio's error page has for the code."""
        return MEANING.get(self.code, "")


class Debugger:
    """The log of everything the twin refused or warned about, oldest first."""

    def __init__(self) -> None:
        self.entries: list[DebuggerEntry] = []

    def log(self, code: int, call_sid: str, detail: str) -> None:
        """Adds one entry, stamped now."""
        self.entries.append(DebuggerEntry(code, call_sid, detail, time.monotonic()))
