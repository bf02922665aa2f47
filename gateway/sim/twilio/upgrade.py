"""Owns the opening of a Media Streams socket: which URL, which headers, and the code of each
refusal.

The request is the one captured from Twilio: `User-Agent: Twilio.TmeWs/1.0`, the signature over the
`wss://` URL, no Origin, no subprotocol, no extensions. Redirects are not followed: any answer but
101 is 31920.
"""

import ipaddress
import ssl
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake

from gateway.sim.twilio import debugger
from gateway.sim.twilio.debugger import TwilioFault
from gateway.sim.twilio.signing import signature

USER_AGENT = "Twilio.TmeWs/1.0"
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Twilio's limit is undocumented; ten minutes of audio in one message fit."""


class _Upgrade(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def stream_url(text: str) -> str:
    """The URL Twilio connects to for `<Stream url=text>`; the query string is stripped.

    `TwilioFault` 31923 when malformed, 31922 when not `wss`. Plain `ws` is let through to the local
    machine only (localhost, 127.0.0.0/8, ::1), which Twilio could not reach anyway.
    """
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise TwilioFault(debugger.MALFORMED_URL, str(error)) from error
    if not parts.scheme or not host or any(c.isspace() for c in text):
        raise TwilioFault(debugger.MALFORMED_URL, "the URL is not absolute")
    if parts.scheme != "wss" and not (parts.scheme == "ws" and _is_loopback(host)):
        raise TwilioFault(debugger.SCHEME_NOT_SUPPORTED, f"{parts.scheme}:// is not wss://")
    return text.partition("#")[0].partition("?")[0]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def open_socket(
    url: str, auth_token: str, *, timeout_s: float, close_timeout_s: float
) -> ClientConnection:
    """Connects and upgrades, or raises `TwilioFault` with the code Twilio would log."""
    headers = {
        "X-Twilio-Signature": signature(auth_token, url),
        "Accept-Encoding": "gzip",
    }
    try:
        return await _Upgrade(
            url,
            additional_headers=headers,
            user_agent_header=USER_AGENT,
            compression=None,
            proxy=None,
            open_timeout=timeout_s,
            close_timeout=close_timeout_s,
            ping_interval=None,
            max_size=MAX_MESSAGE_BYTES,
        )
    except InvalidHandshake as error:
        raise TwilioFault(debugger.HANDSHAKE_ERROR, str(error)) from error
    except TimeoutError as error:
        raise TwilioFault(debugger.CONNECT_TIMEOUT, "no answer") from error
    except ssl.SSLError as error:
        raise TwilioFault(debugger.TLS_ERROR, str(error)) from error
    except OSError as error:
        raise TwilioFault(debugger.CONNECT_REFUSED, str(error)) from error
    except EOFError as error:
        raise TwilioFault(debugger.HANDSHAKE_ERROR, "closed during the handshake") from error
