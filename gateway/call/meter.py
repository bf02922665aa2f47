"""What a call costs while it lasts, and the end of it when it has cost enough.

Owns the way from what the model says it used to events with a price, and what is done when a limit
of spending is reached. The sums are :class:`gateway.core.spend.Spending`'s.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal

from gateway.call.context import Route
from gateway.call.dialogue import Dialogue
from gateway.core import commands
from gateway.core.events import CallAnswered, CallEvent, SpendReached, UsageCounted
from gateway.core.prices import Prices
from gateway.core.realtime import CallerTranscript, ResponseDone
from gateway.core.spend import CarrierMinutes, Limits, Reached, Scope, Spending
from gateway.core.usage import transcription_of, used_of
from gateway.settings import Settings

GRACE_S = 5.0
"""How long what is being said may go on when nothing more may be spent."""
_MINUTE_S = 60.0
_WRAP_UP = (
    "This call has to come to an end soon. Do not mention why: settle what is open, say goodbye, "
    "and begin nothing new."
)


@dataclass(frozen=True)
class Tariff:
    """What all calls share of money."""

    prices: Prices = field(default_factory=lambda: Prices(date.min, {}))
    spending: Spending = field(default_factory=lambda: Spending(Limits()))
    limits: Limits = field(default_factory=Limits)

    def limits_on(self, route: Route) -> Limits:
        """The limits of a route's calls: its own, and where it has none, everybody's."""
        return Limits(
            per_call=route.max_usd_per_call or self.limits.per_call,
            per_number=self.limits.per_number,
            per_route=route.max_usd_per_day or self.limits.per_route,
            per_day=self.limits.per_day,
            soft_share=self.limits.soft_share,
        )

    def forbids(self, number: str, route: Route) -> Scope | None:
        """The scope in which nothing is left for another call; None = it may begin."""
        return self.spending.exhausted(number, route.name, today(), self.limits_on(route))


def tariff_of(settings: Settings, prices: Prices) -> Tariff:
    """The tariff of these settings."""
    limits = Limits(
        per_call=settings.max_usd_per_call,
        per_number=settings.max_usd_per_number,
        per_route=settings.max_usd_per_route,
        per_day=settings.max_usd_per_day,
        soft_share=settings.spend_soft_share,
    )
    return Tariff(prices, Spending(limits), limits)


def today() -> date:
    """The day sums are kept for, in UTC."""
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class Account:
    """Who a call is counted for, and by which names its models are priced."""

    call_sid: str
    number: str
    """The other side's."""
    direction: str
    route: Route
    model: str
    transcriber: str


class Meter:
    """The cost of one call."""

    def __init__(
        self,
        account: Account,
        tariff: Tariff,
        dialogue: Dialogue,
        emit: Callable[[CallEvent], None],
        on_spent: Callable[[], None],
        on_over: Callable[[], None],
    ) -> None:
        """``on_spent``: from now on nothing may cost anything; ``on_over``: what was being said
        then has been heard.
        """
        self._account = account
        self._tariff = tariff
        self._limits = tariff.limits_on(account.route)
        self._dialogue = dialogue
        self._emit = emit
        self._on_spent = on_spent
        self._on_over = on_over
        self._model_usd = 0.0
        minute_usd = tariff.prices.minute_usd(account.direction)
        self._minutes = None if minute_usd is None else CarrierMinutes(minute_usd)
        self._answered_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._over: asyncio.Task[None] | None = None

    def hear(self, event: CallEvent) -> None:
        """One event of the call, in the callback that told it."""
        if isinstance(event, CallAnswered) and self._answered_at is None:
            self._answered_at = time.monotonic()
            self._minute()

    def used(self, event: ResponseDone | CallerTranscript) -> None:
        """The model tells what an answer, or the transcription of a turn, used."""
        if isinstance(event, ResponseDone):
            model = self._dialogue.handshake.model or self._account.model
            self._count("response", event.response_id, model, (used_of(event.usage), 0.0))
        else:
            model, usage = self._account.transcriber, transcription_of(event.usage)
            self._count("transcription", event.item_id, model, usage)

    def stop(self) -> None:
        """The call is over."""
        if self._timer is not None:
            self._timer.cancel()
        if self._over is not None:
            self._over.cancel()
        self._tariff.spending.end(self._account.call_sid)

    # Inside

    def _count(
        self,
        source: Literal["response", "transcription"],
        source_id: str,
        model: str,
        usage: tuple[Mapping[str, int], float],
    ) -> None:
        used, billed_s = usage
        if not any(used.values()) and not billed_s:
            return  # a failed or cancelled answer, or nothing was told
        cost_usd = self._tariff.prices.cost_of(model, used, billed_s)
        self._model_usd += cost_usd or 0.0
        at_ms = self._dialogue.since_open_ms()
        self._emit(
            UsageCounted(source, source_id, model, used, billed_s, cost_usd, self._model_usd, at_ms)
        )
        self._spend(cost_usd or 0.0)

    def _minute(self) -> None:
        assert self._answered_at is not None
        if self._minutes is None:
            return
        elapsed_s = time.monotonic() - self._answered_at
        self._timer = asyncio.get_running_loop().call_later(_MINUTE_S, self._minute)
        self._spend(self._minutes.begun(max(1.0, elapsed_s)))

    def _spend(self, usd: float) -> None:
        account = self._account
        for reached in self._tariff.spending.add(
            account.call_sid, account.number, account.route.name, usd, today(), self._limits
        ):
            self._reached(reached)

    def _reached(self, limit: Reached) -> None:
        at_ms = self._dialogue.since_open_ms()
        self._emit(SpendReached(limit.level, limit.scope, limit.spent_usd, limit.limit_usd, at_ms))
        if limit.level == "soft":
            self._dialogue.send(commands.system_text(_WRAP_UP))
        elif self._over is None:
            self._on_spent()
            self._over = asyncio.get_running_loop().create_task(self._when_heard())

    async def _when_heard(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await self._dialogue.outbound.heard_to_end(GRACE_S)
        self._on_over()
