"""Owns the question what to answer next: a script's position in one session. Pure.

A caller turn stays open until a response is created for it: pieces of one sentence that arrive as
several items are one turn. Items that a client replays into a new session count: an assistant
message or a function call answers the turn before it, so a script goes on where it was.
"""

from collections.abc import Iterable
from typing import Final

from gateway.core.g711 import audioop
from gateway.sim.realtime.script import ECHO, Answer, OnText, Script, Speech

_BEEP_MS: Final = 250


class Director:
    """Follows one conversation and picks the answers."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._turn = 0
        self._turn_open = False
        self._heard_given = False
        self._caller_came = False
        self._cue: Answer | None = None

    def caller_spoke(self, payload: bytes) -> str:
        """A caller item of mu-law `payload`; returns the words that its transcription will say."""
        turns, given = self._script.turns, self._heard_given
        self._open_turn()
        if self._turn >= len(turns) or given:
            return ""
        self._heard_given = True
        return turns[self._turn].heard

    def text_came(self, role: str, text: str) -> None:
        """A written item of the caller (`user`) or of the system."""
        answer = self.text_answer(text)
        if answer is not None:
            self._caller_came = True
            self._cue = answer
        elif role == "user":
            self._open_turn()

    def tool_answered(self, name: str, output: str) -> None:
        """The output of a call to `name` came in."""
        answers = self._script.after_tool.get(name, ())
        self._cue = _first(answers, output) or self._script.otherwise

    def answered_elsewhere(self) -> None:
        """The client itself put an answer into the conversation."""
        if self._cue is None and self._turn_open:
            self._close_turn()
        self._cue = None

    def next_answer(self, tools: set[str]) -> Answer:
        """The answer to what came in last; `tools` are those the response may call."""
        answer = self._pick()
        if answer.tools <= tools:
            return answer
        return self.idle_answer(tools)

    def idle_answer(self, tools: set[str]) -> Answer:
        """The answer to nothing in particular: the caller is silent, or the turns are used up."""
        answer = self._script.otherwise
        return answer if answer.tools <= tools else Answer()

    def text_answer(self, text: str) -> Answer | None:
        """What the script has for this text, without moving on."""
        return _first(self._script.on_text, text)

    def _pick(self) -> Answer:
        cue, self._cue = self._cue, None
        if cue is not None:
            return cue
        if self._turn_open:
            turn = self._turn
            self._close_turn()
            turns = self._script.turns
            return turns[turn] if turn < len(turns) else self._script.otherwise
        if not self._caller_came and self._script.greeting is not None:
            return self._script.greeting
        return self._script.otherwise

    def _open_turn(self) -> None:
        self._turn_open = self._caller_came = True
        self._cue = None

    def _close_turn(self) -> None:
        self._turn_open = self._heard_given = False
        self._turn += 1


def _first(entries: Iterable[OnText], text: str) -> Answer | None:
    return next((entry.answer for entry in entries if entry.match.search(text)), None)


class EchoDirector(Director):
    """Answers with the caller's own words; a short tone when there is nothing to give back."""

    def __init__(self) -> None:
        super().__init__(Script(ECHO))
        self._answer: Answer | None = None

    def caller_spoke(self, payload: bytes) -> str:
        self._answer = Answer((Speech("", payload),))
        return ""

    def text_came(self, role: str, text: str) -> None:
        self._answer = Answer((Speech(text, beep()),))

    def next_answer(self, tools: set[str]) -> Answer:
        answer, self._answer = self._answer, None
        return answer or self.idle_answer(tools)

    def idle_answer(self, tools: set[str]) -> Answer:
        return Answer((Speech("Beep.", beep()),))


def beep() -> bytes:
    """A square tone of 500 Hz at about -20 dBFS, mu-law."""
    period = (3000).to_bytes(2, "little", signed=True) * 8
    period += (-3000).to_bytes(2, "little", signed=True) * 8
    return audioop.lin2ulaw(period * (_BEEP_MS // 2), 2)


def director_of(script: Script) -> Director:
    """The follower that a script needs."""
    return EchoDirector() if script.name == ECHO else Director(script)
