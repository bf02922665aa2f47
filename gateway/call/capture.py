"""The keys a caller presses: told to the agent as they come, or collected for a tool, blindly.

Owns where a key goes, and what the model hears meanwhile. While a secret is typed the model's audio
is silence and nobody is told of a digit; the tool gets a token, and the digits stay here until the
call is over.
"""

import asyncio
import secrets
import string
import time
from collections.abc import Callable

from gateway.call.dialogue import ANNOUNCEMENT, NOTICE, Dialogue
from gateway.call.inbound import Microphone
from gateway.call.keys import Keys
from gateway.core.blanking import ToneFilter, blank
from gateway.core.digits import Collected, Entry, Outcome, Wish
from gateway.core.events import CallEvent, DtmfGroup
from gateway.core.g711 import SAMPLE_RATE

RETRIES = 3
"""Entries that may fail in one call, after the first one that did."""
TRAIL_S = 2.0
"""Keys pressed this soon after a secret entry, or after the last such key, still belong to it: the
``#`` behind its last digit, a digit too many.
"""
RETRY_S = 15.0
"""After a secret entry that failed, keys are kept for the next one so long: callers begin to type
before they have been asked again.
"""
_FAILED: frozenset[Outcome] = frozenset({"wrong_length", "wrong_number", "no_keys"})
_TOKEN_LETTERS = 16


class Secrets:
    """Digits by token, for as long as the call lasts. Never shows one."""

    def __init__(self) -> None:
        self._digits: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<Secrets {len(self._digits)}>"

    def keep(self, digits: str) -> str:
        """Keeps digits; returns their token. It has no digit in it, so it is never taken for one
        that was pressed.
        """
        letters = (secrets.choice(string.ascii_lowercase) for _ in range(_TOKEN_LETTERS))
        token = f"digits-{''.join(letters)}"
        self._digits[token] = digits
        return token

    def get(self, token: str) -> str:
        """The digits of a token; KeyError, which does not repeat it, when there are none."""
        try:
            return self._digits[token]
        except KeyError:
            raise KeyError("no digits are kept under this token") from None

    def forget(self) -> None:
        """The call is over."""
        self._digits.clear()


class Capture:
    """Every key of one call, and the entry that is being typed, if there is one."""

    def __init__(
        self,
        dialogue: Dialogue,
        microphone: Microphone,
        emit: Callable[[CallEvent], None],
        tell: Callable[[str], None],
    ) -> None:
        """``tell`` adds words to the conversation as the caller's."""
        self._dialogue = dialogue
        self._microphone = microphone
        self._emit = emit
        self._tell = tell
        self._keys = Keys(self._pressed)
        self._secrets = Secrets()
        self._entry: Entry | None = None
        self._ended: asyncio.Future[Collected] | None = None
        self._failed = 0
        self._blind_until = 0.0
        self._kept: str | None = None
        """Keys for the next entry; None = those that still come belong to the last one."""
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Capture {'idle' if self._entry is None else 'collecting'}>"

    def press(self, key: str) -> None:
        """A key was pressed: one of an entry, one behind it, or one for the agent, who falls
        silent.
        """
        now = time.monotonic()
        if self._entry is not None:
            self._enter(self._entry, key, now)
        elif now < self._blind_until:
            self._blind_until = max(self._blind_until, now + TRAIL_S)
            if self._kept is not None:
                self._kept += key
        else:
            self._silence_agent()
            self._keys.press(key)

    async def collect(self, wish: Wish) -> Collected:
        """One entry, from now to its outcome; bounded by the times for a key."""
        if self._ended is not None:
            return Collected("busy")
        if self._tries_left == 0:
            return Collected("used_up")
        ended: asyncio.Future[Collected] = asyncio.get_running_loop().create_future()
        self._ended = ended
        self._begin(wish)
        try:
            return await ended
        finally:
            if self._ended is ended:  # whoever waited has gone
                self._finish("cancelled")

    def secret(self, token: str) -> str:
        """The digits of a secret entry; KeyError when the token is not of this call. Any thread."""
        return self._secrets.get(token)

    def stop(self) -> None:
        """The call is over: what was typed is forgotten. The model hears nothing more."""
        self._keys.stop()
        self._failed = RETRIES + 1
        if self._entry is not None:
            self._finish("cancelled")
        self._kept = None
        self._secrets.forget()
        self._set_timer(None)

    # An entry

    def _begin(self, wish: Wish) -> None:
        now = time.monotonic()
        early = self._keys.take()
        if wish.secret:
            self._microphone.veil = blank
            early = (self._kept or "") + early
        self._kept = None
        self._entry = entry = Entry(wish, now)
        self._look()
        for key in early:
            if self._entry is entry:
                self._enter(entry, key, now)

    def _enter(self, entry: Entry, key: str, now: float) -> None:
        if not entry.begun:
            self._silence_agent()
        entry.press(key, now)
        self._look()

    def _look(self) -> None:
        """Something has happened, or the time for a key may be over."""
        entry, now = self._entry, time.monotonic()
        if entry is None:
            self._see(now)
            return
        unheard = self._dialogue.outbound.ledger.outstanding_bytes(now)
        if unheard:
            entry.postpone(now + unheard / SAMPLE_RATE)  # the time begins when all is asked
        entry.expire(now)
        if entry.outcome is not None:
            self._finish(entry.outcome)
        else:
            self._set_timer(entry.due)

    def _finish(self, outcome: Outcome) -> None:
        entry, self._entry = self._entry, None
        ended, self._ended = self._ended, None
        assert entry is not None
        assert ended is not None
        failed = outcome in _FAILED
        self._failed += failed
        if entry.wish.secret:
            self._blind(time.monotonic(), again=failed and self._tries_left > 0)
        else:
            self._see(time.monotonic())
        if entry.digits:
            self._emit(DtmfGroup(len(entry.digits), self._dialogue.since_open_ms()))
        if not ended.done():
            ended.set_result(self._result(outcome, entry))

    def _result(self, outcome: Outcome, entry: Entry) -> Collected:
        digits, done, secret = entry.digits, outcome == "complete", entry.wish.secret
        return Collected(
            outcome,
            keys=len(digits),
            token=self._secrets.keep(digits) if done and secret else "",
            digits=digits if done and not secret else "",
            tries_left=self._tries_left,
        )

    @property
    def _tries_left(self) -> int:
        return max(0, RETRIES + 1 - self._failed)

    # After a secret one

    def _blind(self, now: float, *, again: bool) -> None:
        """The model hears the caller again, but no tones, and of keys nobody is told yet."""
        self._microphone.veil = ToneFilter()
        self._kept = "" if again else None
        self._blind_until = now + (RETRY_S if again else TRAIL_S)
        self._set_timer(self._blind_until)

    def _see(self, now: float) -> None:
        if now < self._blind_until:
            self._set_timer(self._blind_until)
            return
        self._microphone.veil = None
        self._kept = None
        self._set_timer(None)

    # Inside

    def _silence_agent(self) -> None:
        # Without a model what plays is the apology or goodbye, and it is heard to its end.
        unbroken = self._dialogue.outbound.holds(NOTICE, ANNOUNCEMENT)
        if self._dialogue.connected and not unbroken:
            self._dialogue.interrupt("dtmf", cancel=True)

    def _pressed(self, digits: str) -> None:
        self._emit(DtmfGroup(len(digits), self._dialogue.since_open_ms()))
        self._tell(f"The caller pressed these keys on the phone: {digits}")

    def _set_timer(self, at: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay_s = 0.0 if at is None else max(0.0, at - time.monotonic())
        loop = asyncio.get_running_loop()
        self._timer = None if at is None else loop.call_later(delay_s, self._look)
