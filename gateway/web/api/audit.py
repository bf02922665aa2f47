"""Who did what, as the API tells it: one line to whoever keeps the trail."""

from typing import Protocol

from gateway.web.api.endpoint import Who


class Audit(Protocol):
    """Keeps what people did. Never waits, never raises."""

    def note(self, who: Who, action: str, *, call_sid: str = "", detail: str = "") -> None:
        """``action`` is a stable word; ``detail`` never holds what was said."""


class NoAudit:
    """Nobody keeps it."""

    def note(self, who: Who, action: str, *, call_sid: str = "", detail: str = "") -> None:
        """Nothing happens."""
