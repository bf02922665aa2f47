"""The call-control tools any agent may list, and the way they reach their call.

They run on the call loop: what they ask for happens there, and none of them blocks.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from agents import FunctionTool, function_tool
from agents.tool_context import ToolContext

from gateway.call.callbacks import schedule_callback
from gateway.call.capture import Capture
from gateway.call.context import CallContext, Destination
from gateway.call.departure import GRACE_S
from gateway.call.dialogue import TONES, Dialogue
from gateway.call.transfer import Transfer
from gateway.core import tones
from gateway.core.digits import MAX_DIGITS, Check, Collected, Wish
from gateway.core.events import Noted

HOLD_LIMIT_S = 120
"""Longest hold in one go; nobody listens to a tone for longer."""
_MOST_KEYS = 32
MAX_NOTE_CHARS = 2000
"""Longest note; the conversation itself is kept anyway."""
NOT_DONE = "Not done:"
"""How a tool begins that did nothing; behind it is why."""
HOLD_BROKEN = "The caller spoke up: the hold is over. Listen and answer."
SILENT_AFTER = frozenset({"send_dtmf"})
"""Tools after which the agent waits for what the other side says."""

T = TypeVar("T")


@dataclass(frozen=True)
class Control:
    """What one call lets its agent do; see :class:`gateway.call.context.CallControl`."""

    loop: asyncio.AbstractEventLoop
    dialogue: Dialogue
    directory: Mapping[str, Destination]
    keys: Capture
    on_hang_up: Callable[[str], None]
    going: Transfer
    on_consent: Callable[[bool], bool]
    on_callback: Callable[[str], Coroutine[Any, Any, str]]

    def hang_up(self, reason: str) -> None:
        """Ends the call once the goodbye has been heard."""
        self.loop.call_soon_threadsafe(self.on_hang_up, reason)

    def transfer(self, destination: str, summary: str | None = None) -> str:
        """Sends the caller to a destination of the directory, with a summary warm. Why that cannot
        be done, empty when it is under way; KeyError when there is no such destination.
        """
        if destination not in self.directory:
            raise KeyError(destination)
        why_not = "" if summary is None else self.going.why_not(destination)
        if not why_not:
            self.loop.call_soon_threadsafe(self.going.begin, destination, summary)
        return why_not

    async def send_tones(self, digits: str) -> bool:
        """Plays keys as tones; ValueError when one of them is no key, or they are too many."""
        if not 1 <= len(digits) <= _MOST_KEYS:
            raise ValueError(f"{len(digits)} keys")
        return await self._there(self._play(TONES, tones.dtmf(digits)))

    async def hold(self, seconds: float) -> bool:
        """Plays the hold tone."""
        return await self._there(
            self._play("gateway:hold", tones.hold_tone(round(seconds * 50) * 20))
        )

    async def collect(self, wish: Wish) -> Collected:
        """Lets the caller type digits; blindly when they are secret."""
        return await self._there(self.keys.collect(wish))

    def secret(self, token: str) -> str:
        """The digits behind a token of this call; KeyError when there are none."""
        return self.keys.secret(token)

    def note(self, text: str) -> None:
        """Keeps a note with the records of the call."""
        self.loop.call_soon_threadsafe(self._note, text)

    async def consent(self, *, granted: bool) -> bool:
        """The caller agrees to a recording, or does not; False when this call asks for none."""

        async def answer() -> bool:
            return self.on_consent(granted)

        return await self._there(answer())

    async def call_back(self, when: str) -> str:
        """Has the other side called back; what came of it, in words for the agent."""
        return await self._there(self.on_callback(when))

    def _note(self, text: str) -> None:
        self.dialogue.emit(Noted(self.dialogue.since_open_ms(), text))

    async def _play(self, name: str, payload: bytes) -> bool:
        outbound = self.dialogue.outbound
        return await outbound.played(outbound.play_own(name, payload), GRACE_S)

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        if asyncio.get_running_loop() is self.loop:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))


@function_tool(
    name_override="end_call",
    description_override=(
        "Hang up the phone. Say goodbye in the same answer: the caller hears it to the end first."
    ),
)
async def end_call(context: ToolContext[CallContext]) -> str:
    """Ends the call once the goodbye was heard."""
    context.context.hang_up("agent_hung_up")
    return "The call ends when your goodbye has been heard."


@function_tool(
    name_override="send_dtmf",
    description_override=(
        "Press keys on the phone, for menus of the other side: digits, * and #; w waits half a "
        "second. Afterwards listen."
    ),
)
async def send_dtmf(context: ToolContext[CallContext], digits: str) -> str:
    """Plays keys as tones in the call's own audio."""
    try:
        heard = await context.context.control.send_tones(digits)
    except ValueError:
        return "Not done: only 0-9, *, #, A-D and w can be pressed, at most 32 of them."
    return "The keys were pressed." if heard else "The keys were cut off; press them again."


@function_tool(
    name_override="hold",
    description_override=(
        "Put the caller on hold with a quiet tone for some seconds (at most 120). Say so before."
    ),
)
async def hold(context: ToolContext[CallContext], seconds: int) -> str:
    """Keeps the caller waiting; speaking up ends it."""
    if not 1 <= seconds <= HOLD_LIMIT_S:
        return f"Not done: a hold lasts 1 to {HOLD_LIMIT_S} seconds."
    heard = await context.context.control.hold(seconds)
    return "The hold is over; thank the caller for waiting." if heard else HOLD_BROKEN


@function_tool(
    name_override="collect_digits",
    description_override=(
        "Let the caller type digits on the phone's keys: a PIN, a card number. Ask for them first, "
        "in the same answer; # ends, * clears, pressing * twice gives up. purpose: what they are, "
        "in a few words. count: how many digits. secret: true unless you must know them; then you "
        'get a token that other tools take. check: "luhn" for card numbers, else "length".'
    ),
)
async def collect_digits(
    context: ToolContext[CallContext],
    purpose: str,
    count: int,
    secret: bool = True,
    check: Check = "length",
) -> str:
    """Collects keys; the digits of a secret stay in the call."""
    try:
        wish = Wish(count, secret, check)
    except ValueError:
        return f"Not done: count is 1 to {MAX_DIGITS} digits."
    call = context.context
    collected = await call.control.collect(wish)
    discreet = secret and call.route.secret_digits == "checked"
    return said_of(collected, wish, purpose, discreet=discreet)


@function_tool(
    name_override="note",
    description_override=(
        "Write down something worth keeping of this call, in a sentence: a wish, a promise, what "
        "was agreed. Nobody on the line hears it."
    ),
)
async def note(context: ToolContext[CallContext], text: str) -> str:
    """Keeps a note with the records of the call."""
    if not text.strip() or len(text) > MAX_NOTE_CHARS:
        return f"Not done: a note has 1 to {MAX_NOTE_CHARS} characters."
    context.context.note(text.strip())
    return "Noted."


@function_tool(
    name_override="recording_consent",
    description_override=(
        "Tell whether the caller agrees that this call is recorded. Ask first, in clear words, and "
        "call this with what they said; call it again when they change their mind."
    ),
)
async def recording_consent(context: ToolContext[CallContext], granted: bool) -> str:
    """Lets the call be recorded, or not (any more)."""
    if not await context.context.control.consent(granted=granted):
        return "Nothing was to be decided: this call does not ask for consent."
    if granted:
        return "The call is recorded from now on."
    return "The call is not recorded, and nothing of it is kept as a recording."


CALL_CONTROL: dict[str, FunctionTool] = {
    "end_call": end_call,
    "send_dtmf": send_dtmf,
    "hold": hold,
    "collect_digits": collect_digits,
    "note": note,
    "recording_consent": recording_consent,
    "schedule_callback": schedule_callback,
}
"""Tools that act on the call itself and are the same on every route."""


def answers_itself(tool: str, output: str, *, spoken: bool) -> bool:
    """Whether a tool's output calls for a new answer; ``spoken`` = the newest one had words.

    After a goodbye, or words that announce the transfer, nothing more is to be said, unless it
    came to nothing.
    """
    if tool in ("end_call", "transfer_call"):
        return not spoken or output.startswith(NOT_DONE)
    return tool not in SILENT_AFTER and output != HOLD_BROKEN


def said_of(collected: Collected, wish: Wish, purpose: str, *, discreet: bool) -> str:
    """What the model is told of an entry; ``discreet`` = nothing of a wrong one but that it is."""
    if collected.outcome == "complete":
        if not wish.secret:
            return f"The caller typed this for {purpose}: {collected.digits}"
        kept = "" if discreet else f", {wish.count} digits, typed for {purpose}"
        return f"Passed: {collected.token}{kept}. Hand this token to the tool that needs it."
    if collected.outcome in _NOT_TYPED:
        return _NOT_TYPED[collected.outcome]
    if collected.outcome == "no_keys":
        wrong = "No keys came in time."
    elif discreet:
        wrong = "Failed: what was typed is not valid."
    elif collected.outcome == "wrong_length":
        wrong = f"Failed: {collected.keys} digits were typed, {wish.count} are needed."
    else:
        wrong = "Failed: the number is not valid; a digit must be wrong."
    return f"{wrong} {_then(collected.tries_left)}"


_NOT_TYPED = {
    "cancelled": "The caller gave up typing. Ask what they would rather do.",
    "busy": "Not done: the caller is typing for another call of this tool.",
    "used_up": "Not done: too many entries have failed in this call. Offer another way.",
}


def _then(tries_left: int) -> str:
    if not tries_left:
        return "Do not ask for it again; offer another way."
    return f"Ask for it again and call the tool again; it may be tried {tries_left} more times."
