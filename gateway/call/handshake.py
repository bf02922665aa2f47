"""From the open link to a session the call can trust.

Owns when the greeting is asked for, and the comparison of what the server confirmed with what was
asked: a session in another audio format would be noise.
"""

import time
from collections.abc import Callable

from gateway.core import realtime
from gateway.core.events import CallEvent, ModelConnected


class Handshake:
    """One call's way to a confirmed session; afterwards, how that session takes turns."""

    def __init__(
        self,
        formats: tuple[str, str],
        greeting: bytes | None,
        send: Callable[[bytes], None],
        emit: Callable[[CallEvent], None],
    ) -> None:
        self.interrupts = True
        """Whether the session cancels its answer by itself when it hears the caller."""
        self.silence_ms = 0.0
        """The silence that ends a turn of the caller."""
        self.model = ""
        """The model's own name for itself; empty until it said."""
        self._formats = formats
        self._greeting = greeting
        self._send = send
        self._emit = emit
        self._created = False
        self._configured = False
        self._dialled_at = time.monotonic()

    def created(self) -> None:
        """``session.created``."""
        self._emit(ModelConnected((time.monotonic() - self._dialled_at) * 1000))
        self._created = True
        self._greet()

    def configured(self) -> None:
        """The session's settings are on their way: what is asked from now on obeys them."""
        self._configured = True
        self._greet()

    def updated(self, session: realtime.SessionInfo) -> str | None:
        """``session.updated``. Returns what is wrong with its audio formats, None when nothing."""
        if (session.input_format, session.output_format) != self._formats:
            has = f"session has {session.input_format} in, {session.output_format} out"
            return f"{has}; asked for {self._formats[0]} in, {self._formats[1]} out"
        self.interrupts = session.interrupt_response
        self.silence_ms = session.silence_duration_ms
        self.model = session.model
        return None

    def forget_greeting(self) -> None:
        """Nobody is there to be greeted."""
        self._greeting = None

    def _greet(self) -> None:
        """Asks for the greeting as soon as the session exists and its settings were sent.

        The server works in order, so the answer already has the right voice and format; waiting
        for ``session.updated`` would cost the caller a round trip.
        """
        if self._created and self._configured and self._greeting is not None:
            self._send(self._greeting)
            self._greeting = None
