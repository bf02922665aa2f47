"""How far a call is, on the terminal: a line for each step, and one that lives below them."""

from typing import Any

from rich.console import Console

from gateway.cli.statusline import StatusLine

_STEPS = {
    "waiting": "waiting for its turn",
    "sending": "asking the carrier",
    "unknown": "the carrier has not answered: looking for the call",
    "queued": "waiting in the carrier's queue",
    "ringing": "ringing",
    "answered": "answered",
}
_WHO = {"human": "by a human", "fax": "by a fax", "unknown": "nobody knows by whom"}


class Progress(StatusLine):
    """What is shown of one call."""

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        """``quiet``: nothing is shown."""
        super().__init__(quiet=quiet, console=console)
        self._said: tuple[str, ...] = ()
        self._begun = False

    def show(self, view: dict[str, Any]) -> None:
        """The call as it is now."""
        if not self._begun:
            self._begun = True
            agent = f", agent {view['agent']}" if view.get("agent") else ""
            self.say(f"calling {view['to']} from {view['from']}{agent} ({view['id']})")
        if view["state"] == "ended":
            self._step(("ended",), ended(view))
            return
        who = answered_by(view.get("answered_by") or "")
        self._step((view["state"], who), " ".join(filter(None, (_STEPS[view["state"]], who))))
        self.now(figures(view))

    def hanging_up(self) -> None:
        """Ctrl-C was pressed."""
        self.say("hanging up (again to leave without waiting)")

    def left(self) -> None:
        """Nobody watches any more."""
        self.say("left; the gateway was told to hang up, and may still be at it")

    def _step(self, step: tuple[str, ...], words: str) -> None:
        if step != self._said:
            self._said = step
            self.say(words)


def answered_by(who: str) -> str:
    """Who took the call, in words; empty while nobody knows."""
    return _WHO.get(who, "by a machine") if who else ""


def figures(view: dict[str, Any]) -> str:
    """What the call has come to: length, turns, cost; empty before there is anything."""
    if view.get("duration_ms") is None:
        return ""
    seconds = int(view["duration_ms"] // 1000)
    turns = view.get("turns") or 0
    parts = [f"{seconds // 60}:{seconds % 60:02d}", f"{turns} turn{'' if turns == 1 else 's'}"]
    if view.get("cost_usd") is not None:
        parts.append(f"{view['cost_usd']:.4f} USD")
    return ", ".join(parts)


def ended(view: dict[str, Any]) -> str:
    """The end of it, in words."""
    words = f"ended: {view.get('words') or view.get('outcome')}"
    why = view.get("call_reason") if not view.get("well") else None
    if why and why != view.get("outcome"):
        words += f" ({why})"
    so_far = figures(view)
    return f"{words}; {so_far}" if so_far else words
