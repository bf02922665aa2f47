"""The agent's answers in one call: which is the newest, had it words, who waits for its end.

Owns the asking for answers that the model does not give by itself: one at a time, because a server
refuses a second while one is being generated.
"""

from collections.abc import Callable

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
        self._wanted: bytes | None = None
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
        return self.active or self._wanted is not None

    def ask(self, request: bytes) -> None:
        """Sends a ``response.create``, or keeps it until the running answer is over.

        Of several that are kept the last one counts: each would answer the whole conversation.
        """
        if self.active:
            self._wanted = request
        else:
            self._request(request)

    def created(self, response_id: str) -> None:
        """An answer begins."""
        self.count += 1
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
        wanted = self._wanted
        if over and wanted is not None:
            self._wanted = None
            self._request(wanted)
        self._waiters, waiters = [], self._waiters
        for waiter in waiters:
            waiter()

    def when_done(self, callback: Callable[[], None]) -> None:
        """Calls back once, after the running answer ended."""
        self._waiters.append(callback)

    def caller_spoke(self) -> None:
        """Another turn of the caller: its answer has all its chances."""
        self._retried = False
        self._corrected = 0

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

    def _request(self, request: bytes) -> None:
        self._newest = None  # the newest one is to come: it has no words yet
        self._send(request)
