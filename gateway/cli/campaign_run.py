"""A campaign while it runs: numbers are asked for at their pace, calls are watched to their end.

Owns what is done when the gateway does not answer, or somebody presses Ctrl-C.
"""

import time
from datetime import UTC, datetime

from gateway.cli.call import GONE_S, LOOK_S, Hands
from gateway.cli.campaign_calls import CampaignCalls
from gateway.cli.campaign_progress import CampaignProgress
from gateway.cli.gatewayapi import Refused, Unreachable
from gateway.core.attempt import Attempt
from gateway.core.callee import Refusal
from gateway.core.campaign import Campaign, Contact
from gateway.core.pace import Pace
from gateway.errors import GatewayError

SOON = frozenset({"per_minute", "at_once"})
"""Rules that let the same number in a little later, by themselves."""
QUICK_S = 0.05
"""How often the gateway is asked while it is not known whether a call has left."""
_SOON_S = 1.0
_ROUND_S = 0.25
"""How long numbers are asked for before calls are looked at again."""
_UNDERWAY_S = 20.0
"""A request to the carrier that is older than this has arrived."""


class Run:
    """One run of a campaign."""

    def __init__(
        self,
        campaign: Campaign,
        calls: CampaignCalls,
        pace: Pace,
        progress: CampaignProgress,
        hands: Hands,
    ) -> None:
        self._campaign = campaign
        self._calls = calls
        self._pace = pace
        self._progress = progress
        self._hands = hands
        self._keys: dict[str, str] = {}
        """By the gateway's ID of a call, as the pace knows it."""
        self._asking: Contact | None = None
        """Asked for, and no answer yet: it may have been let in."""
        self._wait_until = 0.0
        self._gone_since: float | None = None
        self._closing = False
        self._remember()

    def run(self) -> None:
        """Until everything is over. Raises KeyboardInterrupt when somebody leaves before."""
        while not self._campaign.over:
            try:
                self._round()
            except (Unreachable, Refused) as error:
                if not self._bears(error):
                    return
            self._progress.show(self._campaign)
            self._hands.wait(QUICK_S if self._pace.unsettled else LOOK_S)

    # Inside

    def _round(self) -> None:
        if self._hands.pressed:
            self._campaign.stop("Ctrl-C")
        if self._campaign.stopped and not self._closing:
            self._close()
        self._look()
        self._place()
        self._gone_since = None

    def _close(self) -> None:
        """Nobody else is rung, whoever is on the line is left alone."""
        if self._asking is not None:
            self._campaign.put_back(self._asking)
            self._asking = None
        out = self._campaign.out
        self._progress.once(
            f"nobody else is called ({self._campaign.stopped}); {len(out)} on the line go on to "
            "their end, Ctrl-C to leave them alone"
        )
        self._calls.take_back([each for each in out if not each.left])
        self._closing = True

    def _look(self) -> None:
        for attempt in self._calls.look(self._campaign.out):
            self._arrived(attempt)
            contact = self._campaign.seen(attempt)
            if contact is not None:
                self._progress.over(contact)

    def _place(self) -> None:
        until = time.monotonic() + _ROUND_S
        while time.monotonic() < until and not self._hands.pressed:
            contact = self._turn()
            if contact is None:
                return
            answer = self._calls.ask(contact)
            self._asking = None
            if isinstance(answer, Refusal):
                self._refused(contact, answer)
            else:
                self._let_in(contact, answer)

    def _turn(self) -> Contact | None:
        """Who is asked for now; whoever was and got no answer, first."""
        now = time.monotonic()
        if self._asking is None and now >= self._wait_until and self._pace.free(now):
            self._asking = self._campaign.next(datetime.now(UTC))
            if self._asking is not None:
                self._pace.begin(self._calls.key(self._asking), now)
        return self._asking

    def _refused(self, contact: Contact, refusal: Refusal) -> None:
        self._pace.undo(self._calls.key(contact))
        if refusal.rule in SOON:
            self._campaign.put_back(contact)
            self._wait_until = time.monotonic() + _SOON_S
            self._progress.once(f"waiting: {refusal.text}")
            return
        self._campaign.refused(contact, refusal)
        self._progress.refused(contact)

    def _let_in(self, contact: Contact, attempt: Attempt) -> None:
        self._keys[attempt.dial] = self._calls.key(contact)
        self._arrived(attempt)
        self._campaign.let_in(contact, attempt)
        if attempt.over:
            self._progress.over(contact)

    def _arrived(self, attempt: Attempt) -> None:
        if attempt.left and attempt.dial in self._keys:
            self._pace.arrive(self._keys[attempt.dial], time.monotonic())

    def _remember(self) -> None:
        """The calls of the run before count for the pace of this one."""
        now, utc = time.monotonic(), datetime.now(UTC)
        sent = [
            (each.sent_at or utc, each)
            for contact in self._campaign.contacts
            for each in contact.attempts
            if each.sent_at is not None or not each.over
        ]
        for sent_at, attempt in sorted(sent, key=lambda each: each[0]):
            at = now - max(0.0, (utc - sent_at).total_seconds())
            self._keys[attempt.dial] = attempt.dial
            self._pace.begin(attempt.dial, at)
            if attempt.left:
                self._pace.arrive(attempt.dial, min(now, at + _UNDERWAY_S))

    def _bears(self, error: Unreachable | Refused) -> bool:
        """A gateway that is started again answers a little later; False: it has been too long."""
        if isinstance(error, Refused) and error.status < 500:
            raise GatewayError(f"the gateway refuses ({error}): the campaign is stopped") from None
        now = time.monotonic()
        self._gone_since = now if self._gone_since is None else self._gone_since
        self._progress.once(f"{error}; waiting for it")
        if now - self._gone_since < GONE_S:
            return True
        self._campaign.stop(f"{error}; what becomes of {len(self._campaign.out)} is not known here")
        return False
