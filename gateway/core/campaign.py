"""A list of numbers that are rung one after the other: whose turn it is, and when it is over.

Owns the order, how many are rung at a time, who is rung again, and when the list is given up. What
became of each number is told, and kept nowhere else: the same list, told the same, goes on where it
was.
"""

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.core.attempt import Attempt, fault_of
from gateway.core.callee import Refusal
from gateway.core.retries import Retry, again_at


@dataclass(slots=True)
class Contact:
    """A number of the list, and what became of it."""

    number: str
    """E.164."""
    line: int
    """Of the file, from 1."""
    data: Mapping[str, str] = field(default_factory=dict)
    """What the agent is told besides."""
    attempts: list[Attempt] = field(default_factory=list)
    refusal: Refusal | None = None
    """Why it was not let in, when it was its turn."""
    pending: bool = True
    """It is to be rung, for the first time or again."""
    again_at: datetime | None = None
    """When it is to be rung again."""

    @property
    def reached(self) -> bool:
        """Somebody answered, or a message was left."""
        return any(each.reached for each in self.attempts)

    @property
    def ordinal(self) -> int:
        """Of its next call."""
        return max((each.ordinal for each in self.attempts), default=0) + 1


class Campaign:
    """Takes what is seen of calls, says who is next. Whoever was :meth:`next` must be let in,
    refused or put back.
    """

    def __init__(
        self, contacts: Sequence[Contact], retries: Mapping[str, Retry], most: int, faults: int
    ) -> None:
        """``contacts`` know their earlier calls. ``most`` are rung at a time; after so many
        ``faults`` in a row nobody else is.
        """
        self.contacts = contacts
        self.stopped = ""
        """Why nobody else is rung; empty while that is not so."""
        self._retries = retries
        self._most = most
        self._most_faults = faults
        self._faults = 0
        self._due: deque[Contact] = deque()
        self._later: list[tuple[datetime, int, Contact]] = []
        self._out: dict[str, Contact] = {}
        for contact in contacts:
            if not contact.attempts:
                self._due.append(contact)
            elif contact.attempts[-1].over:
                self._judge(contact, before=True)
            else:
                contact.pending = False
                self._out[contact.attempts[-1].dial] = contact

    @property
    def out(self) -> list[Attempt]:
        """The calls that are not over."""
        return [contact.attempts[-1] for contact in self._out.values()]

    @property
    def due(self) -> int:
        """How many numbers wait for their turn."""
        return len(self._due)

    @property
    def later(self) -> int:
        """How many numbers are to be rung again, each at its time."""
        return len(self._later)

    @property
    def again_at(self) -> datetime | None:
        """When the first of them is."""
        return self._later[0][0] if self._later else None

    @property
    def over(self) -> bool:
        """Nothing is on the line, and nobody is to be rung (any more)."""
        return not self._out and (bool(self.stopped) or not (self._due or self._later))

    def next(self, now: datetime) -> Contact | None:
        """Whose turn it is; None when it is nobody's just now."""
        if self.stopped or len(self._out) >= self._most:
            return None
        if self._later and self._later[0][0] <= now:
            contact = heapq.heappop(self._later)[2]
            contact.again_at = None
            return contact
        return self._due.popleft() if self._due else None

    def let_in(self, contact: Contact, attempt: Attempt) -> None:
        """It is going to be rung."""
        contact.pending, contact.refusal = False, None
        contact.attempts.append(attempt)
        self._out[attempt.dial] = contact
        if attempt.over:  # somebody else let it in before
            self.seen(attempt)

    def put_back(self, contact: Contact) -> None:
        """It could not be let in just now: it is still the first."""
        self._due.appendleft(contact)

    def refused(self, contact: Contact, refusal: Refusal) -> None:
        """It is not rung; the same list, given again, tries again."""
        contact.pending, contact.refusal = False, refusal
        if fault := fault_of(refusal):
            self._count(fault)

    def seen(self, attempt: Attempt) -> Contact | None:
        """How far one of the calls that are out has come; its number, when it is over."""
        contact = self._out.get(attempt.dial)
        if contact is None:
            return None
        contact.attempts[-1] = attempt
        if not attempt.over:
            return None
        del self._out[attempt.dial]
        self._judge(contact, before=False)
        if fault := attempt.fault:
            self._count(fault)
        else:
            self._faults = 0
        return contact

    def stop(self, why: str) -> None:
        """Nobody else is rung; the first reason counts."""
        self.stopped = self.stopped or why

    def _judge(self, contact: Contact, *, before: bool) -> None:
        """``before``: its last call was over before this list was begun, or begun again."""
        contact.pending = False
        if any(each.left_alone for each in contact.attempts):
            return
        if not contact.attempts[-1].rang:
            if before:
                contact.pending = True
                self._due.append(contact)
            return
        contact.again_at = again_at(contact.attempts, self._retries)
        if contact.again_at is not None:
            contact.pending = True
            heapq.heappush(self._later, (contact.again_at, contact.line, contact))

    def _count(self, fault: str) -> None:
        self._faults += 1
        if self._faults >= self._most_faults:
            self.stop(
                f"{self._faults} calls in a row came to nothing, not because of whom was called; "
                f"the last: {fault}"
            )
