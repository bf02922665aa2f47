"""What a check found, and how it says so."""

from dataclasses import dataclass
from typing import Literal

from gateway.errors import GatewayError

State = Literal["ok", "wrong", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's."""

    name: str
    state: State
    detail: str
    """What was seen; for ``skipped``, why it could not be tried."""
    fix: str = ""
    """What to do about it; empty unless something is wrong."""
    took_ms: float = 0.0


class Wrong(GatewayError):
    """A check found something wrong; ``fix`` is what to do about it."""

    def __init__(self, detail: str, fix: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fix = fix


class Skipped(GatewayError):
    """A check cannot be tried. ``blocks``: neither can those that need it."""

    def __init__(self, reason: str, *, blocks: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.blocks = blocks
