"""What happens in a benchmarked call, and when: cues for the scripted model.

Two scripts. `Ordinary` is the load of the density runs: sixteen seconds long, the agent speaks half
of them and is interrupted once. `Interrupting` asks for exactness only: every answer is
interrupted, at any moment, also before its first byte has been heard, and some answers consist of
two items.
"""

from __future__ import annotations

from itertools import count
from random import Random
from typing import Protocol

from bench.answer import AUDIO_AFTER_S
from bench.model import COMMIT_TO_CREATED_S, GREETING_BYTES
from gateway.ops.load.clock import Clock

BYTES_PER_S = 8000
TURN_S = 0.8
"""From the caller's first sound to the end of the turn."""
ANSWER_AFTER_S = COMMIT_TO_CREATED_S + AUDIO_AFTER_S


class Cues(Protocol):
    """A model session, as a script sees it."""

    clock: Clock
    closed: bool

    def respond(self, lengths: list[int]) -> None: ...
    def caller_starts(self) -> None: ...
    def caller_stops(self, lengths: list[int]) -> None: ...


class Script(Protocol):
    """Plays itself on a session once its call is known."""

    def begin(self, session: Cues, random: Random) -> None: ...


def turn(session: Cues, lengths: list[int]) -> None:
    """The caller speaks now; the answer's first audio leaves `TURN_S + ANSWER_AFTER_S` later."""
    session.caller_starts()
    session.clock.call_in(TURN_S, lambda _: session.caller_stops(lengths))


class Ordinary:
    """Sixteen seconds: an answer heard to its end, one interrupted, one of the rest."""

    CYCLE_S = 16.0
    SECOND_TURN_S = 8.0
    SPEECH_S = 4.0
    GREETING_S = GREETING_BYTES / BYTES_PER_S + AUDIO_AFTER_S

    def begin(self, session: Cues, random: Random) -> None:
        """Starts somewhere in the cycle: many calls together are steady from the beginning."""
        at_s = random.uniform(0, self.CYCLE_S)
        speaking_until_s = (
            TURN_S + ANSWER_AFTER_S + self.SPEECH_S
            if at_s < self.SECOND_TURN_S
            else self.SECOND_TURN_S + 2 * (TURN_S + ANSWER_AFTER_S) + self.SPEECH_S
        )
        left_s = min(self.SPEECH_S, speaking_until_s - at_s - self.GREETING_S)
        if left_s > 0.5:
            length = int(left_s * BYTES_PER_S)
            session.clock.call_in(self.GREETING_S, lambda _: session.respond([length]))
        for turn_at_s, play in ((0.0, self._plain), (self.SECOND_TURN_S, self._interrupted)):
            first_s = (turn_at_s - at_s) % self.CYCLE_S
            session.clock.call_in(first_s, _Repeat(session, random, play, self.CYCLE_S))

    def _plain(self, session: Cues, random: Random) -> None:
        turn(session, [self._length(random, self.SPEECH_S)])

    def _interrupted(self, session: Cues, random: Random) -> None:
        turn(session, [self._length(random, self.SPEECH_S)])
        heard_s = random.uniform(0.3, self.SPEECH_S - 0.6)
        rest = [self._length(random, self.SPEECH_S - heard_s)]
        interrupt_s = TURN_S + ANSWER_AFTER_S + heard_s
        session.clock.call_in(interrupt_s, lambda _: turn(session, rest))

    @staticmethod
    def _length(random: Random, seconds: float) -> int:
        return int(seconds * BYTES_PER_S) + random.randrange(-800, 801)


class Interrupting:
    """An answer every four seconds, each interrupted at a random moment."""

    CYCLE_S = 4.0
    SPEECH_S = 2.6
    TWO_ITEMS = 0.25

    def begin(self, session: Cues, random: Random) -> None:
        first_s = Ordinary.GREETING_S + random.uniform(0.2, self.CYCLE_S)
        session.clock.call_in(first_s, _Repeat(session, random, self._interrupted, self.CYCLE_S))

    def _interrupted(self, session: Cues, random: Random) -> None:
        length = int(self.SPEECH_S * BYTES_PER_S) + random.randrange(-800, 801)
        first = random.randrange(6000, 12000) if random.random() < self.TWO_ITEMS else length
        lengths = [first, length - first] if first < length else [length]
        session.clock.call_in(0.0, lambda _: session.respond(lengths))
        stop_s = AUDIO_AFTER_S + random.uniform(0.02, self.SPEECH_S - 0.4)
        session.clock.call_in(stop_s, lambda _: session.caller_starts())
        session.clock.call_in(stop_s + 0.3, lambda _: session.caller_stops([]))


class Talkative:
    """A turn every `turn_s` seconds until the call ends, every fourth answer cut off by the next.

    Answers fill less than half of the time between two turns; one that is to be cut off is longer
    than what is left of it.
    """

    SHARE = 0.45
    FOURTH = 4

    def __init__(self, turn_s: float) -> None:
        self._turn_s = turn_s

    def begin(self, session: Cues, random: Random) -> None:
        first_s = Ordinary.GREETING_S + random.uniform(0, self._turn_s)
        turns = count(1)

        def play(session: Cues, random: Random) -> None:
            cut = next(turns) % self.FOURTH == 0
            seconds = self._turn_s * (1.0 if cut else self.SHARE)
            turn(session, [int(seconds * BYTES_PER_S) + random.randrange(-800, 801)])

        session.clock.call_in(first_s, _Repeat(session, random, play, self._turn_s))


class _Repeat:
    """Plays one part of a script every cycle until the session ends."""

    def __init__(self, session: Cues, random: Random, play: Play, cycle_s: float) -> None:
        self._session, self._random, self._play = session, random, play
        self._cycle_ns = int(cycle_s * 1e9)

    def __call__(self, due_ns: int) -> None:
        if self._session.closed:
            return
        self._play(self._session, self._random)
        self._session.clock.call_at(due_ns + self._cycle_ns, self)


class Play(Protocol):
    def __call__(self, session: Cues, random: Random) -> None: ...
