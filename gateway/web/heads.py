"""The HTTP protocol class uvicorn is given: headers of any size, or without an end, are not held.

httptools keeps a header until it is complete, however long it is, and uvicorn has no timer before
the first request of a connection. Both are open to strangers. Bodies have limits of their own,
where they are read; what became a WebSocket has left this class.

Stands on uvicorn 0.54's ``HttpToolsProtocol``; the tests of this module pin what is used.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

LONGEST = 32 * 1024
"""Bytes of a request's line and headers; picows takes half of it, proxies usually as much."""
LIMIT_S = 10.0
"""So long after a request's first byte its headers are complete, and after a connection's begin."""


class BoundedHeads(HttpToolsProtocol):
    """uvicorn's protocol, with a limit of size and one of time for the headers of each request."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held = 0
        """Bytes received since the parser last came to the end of something; 0 = it is there."""
        self._in_body = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request must come in time."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Gives the parser no more at a time than it may hold."""
        while data and self._is_ours():
            room = LONGEST - self._held
            part, data = data[:room], data[room:]
            self._held += len(part)
            super().data_received(part)
            if self._held >= LONGEST:
                self._refuse()
        if self._held and not self._in_body and self._timer is None and self._is_ours():
            self._start_timer()

    # Parser callbacks

    def on_message_begin(self) -> None:
        """A request begins, perhaps behind another one in the same segment."""
        self._held = self._held or 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """In time."""
        self._held, self._in_body = 0, True
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """What is a body is not held by the parser."""
        self._held = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """What comes now is another request."""
        self._held, self._in_body = 0, False
        super().on_message_complete()

    # Inside

    def _is_ours(self) -> bool:
        return not self.transport.is_closing() and self.transport.get_protocol() is self

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(LIMIT_S, self._too_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._timer = None
        if self._is_answering():  # half a request came behind it: looked at again
            self._start_timer()
        else:
            self.transport.close()

    def _refuse(self) -> None:
        # In the middle of another answer it would be read as a part of that.
        if not self._is_answering():
            said = b"connection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(STATUS_LINE[431] + said)
        self.transport.close()
