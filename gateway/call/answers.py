"""The agent's answers in one call: which is the newest, had it words, who waits for its end.

Owns the asking for answers that the model does not give by itself: one at a time, because a server
refuses a second while one is being generated. One that is refused, because the model began to
answer by itself meanwhile, is asked for again when that is over.
"""

import time
from collections.abc import Callable

from gateway.core.commands import ASKED

ALREADY_ANSWERS = "conversation_already_has_active_response"
"""A server's code for a request that came while an answer was generated."""
ON_ITS_WAY_S = 2.0
"""How long a request is taken to be on its way; a server begins an answer in a tenth of that."""
MOST_CORRECTIONS = 4
"""Answers in a row that a guardrail may stop before the model is given up."""


class Answers:
    """What the call knows of the model's responses as wholes."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.active = False
        """True while the model generates an answer."""
        self.caller_speaks = False
        """True while the caller has the floor: an answer follows when that turn is over."""
        self.count = 0
        """Answers begun; the greeting is the first, if there is one."""
        self.refuse: Callable[[], None] | None = None
        """Called in place of letting an answer be heard, with each that begins; None = all are."""
        self._send = send
        self._newest: str | None = None
        self._spoken: str | None = None
        self._asked: bytes | None = None
        self._asked_at = 0.0
        self._wanted: bytes | None = None
        self._insisted = False
        self._retried = False
        self._corrected = 0
        self._waiters: list[Callable[[], None]] = []

    @property
    def spoke_last(self) -> bool:
        """True when the newest answer had words in it (a goodbye needs no further answer)."""
        return self._newest is not None and self._spoken == self._newest

    @property
    def pending(self) -> bool:
        """True while an answer is generated, or asked for and not begun."""
        return self.active or self._on_its_way()

    def ask(self, request: bytes) -> None:
        """Sends a ``response.create``, or keeps it until the running answer is over, or the one
        that was asked for and has not begun.

        Of several that are kept the last one counts: each would answer the whole conversation.
        """
        if self.active or self._on_its_way():
            self._wanted = request
        else:
            self._wanted = None
            self._request(request)

    def created(self, response_id: str) -> None:
        """An answer begins."""
        self.count += 1
        self._insisted = False
        self._newest = response_id
        self.active = True
        if self.refuse is not None:
            self.refuse()

    def spoke(self, response_id: str) -> None:
        """An answer has audio."""
        self._spoken = response_id

    def done(self, *, over: bool) -> None:
        """An answer has ended; ``over`` = no other one is being generated."""
        self.active = not over
        if over:
            self._asked = None
            self._request_wanted()
        self._waiters, waiters = [], self._waiters
        for waiter in waiters:
            waiter()

    def refused(self, event_id: str | None, code: str) -> None:
        """The server refuses something: what was asked for, or what it does not name."""
        if event_id not in (ASKED, None):
            return
        asked, self._asked = self._asked, None  # unnamed: nobody waits for what may never come
        if event_id == ASKED and code == ALREADY_ANSWERS and not self._insisted:
            self._wanted = self._wanted or asked
        if asked is not None and not self.active:
            # The answer that was in the way is over already: nothing else would ask again.
            self._insisted = True
            self._request_wanted()

    def when_done(self, callback: Callable[[], None]) -> None:
        """Calls back once, after the running answer ended."""
        self._waiters.append(callback)

    def caller_spoke(self) -> None:
        """Another turn of the caller: its answer has all its chances."""
        self._retried = False
        self._corrected = 0
        self._asked = None  # should it be on its way still, the next request will be refused

    def may_be_corrected(self) -> bool:
        """False when answer after answer was stopped by a guardrail, and nobody else said a word:
        the corrections trip it too, and each costs what an answer costs.
        """
        self._corrected += 1
        return self._corrected <= MOST_CORRECTIONS

    def may_try_again(self) -> bool:
        """True once for each turn of the caller: a generation that failed is asked for again."""
        retried, self._retried = self._retried, True
        return not retried

    def _on_its_way(self) -> bool:
        return self._asked is not None and time.monotonic() - self._asked_at < ON_ITS_WAY_S

    def _request(self, request: bytes) -> None:
        self._newest = None  # the newest one is to come: it has no words yet
        self._asked, self._asked_at = request, time.monotonic()
        self._send(request)

    def _request_wanted(self) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            self._request(wanted)
