"""Who spoke when, and how long the other one waited. Pure; nanoseconds of one monotonic clock.

A **turn response** runs from the caller's last voiced frame to the first agent audio heard after
it. An **interruption** runs from the caller's first voiced frame over the agent's words to the
`clear` that ends them.
"""

from typing import Final

from gateway.ops.load.ear import GAP_NS

UTTERANCE_NS: Final = 600_000_000
"""A longer pause than this ends what the caller is saying."""
LEAST_FRAMES: Final = 5
"""So many voiced frames are speech; fewer are a click or a cough, which nobody answers."""
OVER_NS: Final = 60_000_000
"""Who begins so soon after the agent's last audible moment speaks over it."""
GIVES_UP_NS: Final = 3_000_000_000
"""An agent who speaks on for so long has not been interrupted."""


class Talk:
    """The turns of one call."""

    def __init__(self) -> None:
        self.turns: list[tuple[int, int]] = []
        """Answers: when each was heard, and how long the caller had waited (both ns)."""
        self.interruptions: list[tuple[int, int]] = []
        """Times the agent was cut off: when, and after how long (both ns)."""
        self.spoke_on = 0
        """Times the agent was not cut off though the caller spoke over it."""
        self.unanswered = 0
        """Times the caller had to speak again without an answer."""
        self.first_ns: int | None = None
        """When the agent was first heard."""
        self._voiced = 0
        self._voiced_ns: int | None = None
        self._over_ns: int | None = None
        self._heard_ns: int | None = None
        self._quiet = True
        self._cut_ns: int | None = None
        """When the agent's words were cut off; None once it speaks again."""
        self._answered: tuple[int, int] | None = None
        """What was answered last: voiced frames, and the last of them."""

    def caller(self, at_ns: int) -> None:
        """A voiced frame of the caller ended here."""
        self._take_back(at_ns)
        last = self._voiced_ns
        if last is None or at_ns - last > UTTERANCE_NS:
            self.unanswered += self._voiced >= LEAST_FRAMES
            self._voiced = 0
            self._over_ns = at_ns if self._speaking(at_ns, OVER_NS) else None
        self._voiced += 1
        self._voiced_ns = at_ns

    def agent(self, at_ns: int) -> bool:
        """The agent was audible from here on, for 20 ms at most. True when it began to speak."""
        if self._cut_ns is not None and at_ns <= self._cut_ns:
            return False
        begins = not self._speaking(at_ns)
        self._heard_ns, self._cut_ns, self._quiet = at_ns, None, False
        if not begins:
            self._look_on(at_ns)
            return False
        self._over_ns = None
        if self.first_ns is None:
            self.first_ns = at_ns
        last = self._voiced_ns
        if self._voiced >= LEAST_FRAMES and last is not None and at_ns > last:
            self.turns.append((at_ns, at_ns - last))
            self._answered = self._voiced, last
            self._voiced, self._voiced_ns = 0, None
        return True

    def fell_silent(self, at_ns: int) -> int | None:
        """When the agent stopped speaking, told once, as soon as it is sure that it did."""
        if self._quiet or self._heard_ns is None or self._speaking(at_ns):
            return None
        self._quiet = True
        return self._heard_ns

    def clear(self, at_ns: int) -> bool:
        """The agent's words end here. True when it is the caller who interrupted them."""
        speaking = self._speaking(at_ns)
        self._cut_ns = at_ns
        if self._over_ns is None or not speaking:
            return False
        self.interruptions.append((at_ns, at_ns - self._over_ns))
        self._over_ns = None
        return True

    def _take_back(self, at_ns: int) -> None:
        """The caller was not done: what the agent said in between was no answer."""
        if self._answered is not None and at_ns - self._answered[1] <= UTTERANCE_NS:
            self.turns.pop()
            self._voiced, self._voiced_ns = self._answered
        self._answered = None

    def _speaking(self, at_ns: int, gap_ns: int = GAP_NS) -> bool:
        if self._cut_ns is not None or self._heard_ns is None:
            return False
        return at_ns - self._heard_ns <= gap_ns

    def _look_on(self, at_ns: int) -> None:
        """An agent that is spoken over and does not stop is noted once."""
        if self._over_ns is not None and at_ns - self._over_ns > GIVES_UP_NS:
            self.spoke_on += self._voiced >= LEAST_FRAMES
            self._over_ns = None
