"""The service that places calls: takes what is asked, brings it to the carrier, ends it again.

Owns what whoever asked may know and do of a call. What may be dialled is decided by
:meth:`gateway.store.dials.Dials.admit`; whose turn it is in `line.py`; what becomes of a request in
`sending.py`, `search.py` and `watching.py`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import structlog

from gateway.call.context import Errand
from gateway.call.meter import Tariff
from gateway.call.reception import Reception
from gateway.core.callee import Refusal
from gateway.core.dialstate import News
from gateway.core.policy import Rules
from gateway.errors import Rejected
from gateway.ops.placing.book import DATABASE_FAULTS, LIMIT_S, Book, utc_now
from gateway.ops.placing.campaigns import Campaigns
from gateway.ops.placing.endings import Endings
from gateway.ops.placing.errands import Plan, errand_of, route_to_send, unfit
from gateway.ops.placing.judge import Judge
from gateway.ops.placing.line import WaitingLine
from gateway.ops.placing.notes import with_notes
from gateway.ops.placing.orders import order_of
from gateway.ops.placing.search import Search
from gateway.ops.placing.sending import Sending
from gateway.ops.placing.tally import Tallies
from gateway.ops.placing.views import View, call_view, dial_view
from gateway.ops.placing.waits import Waits
from gateway.ops.placing.watching import Watching
from gateway.ops.rest import Order, TwilioRest
from gateway.settings import Settings
from gateway.store.dials import Ask, Dial, Dials

ERRAND_S = 0.3
"""How long the carrier waits for the database when somebody has answered."""
STOP_S = 20.0
"""How long the end of the gateway waits for requests that are under way."""
_LEAVE_S = 5.0
_OURS_TO_SAY = ("machine", "message_left")
"""Ends of a call that the carrier only knows as `completed`."""

_log = structlog.get_logger()


class Placing:
    """Every call this process places. Lives in the loop of the calls."""

    def __init__(
        self,
        settings: Settings,
        dials: Dials,
        rest: TwilioRest,
        reception: Reception,
        plan: Plan,
        tariff: Tariff,
        tallies: Tallies,
        waits: Waits,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """``tallies`` hears the events of all calls; ``plan`` makes what answers one."""
        self.is_elsewhere: Callable[[str], bool] = lambda call_sid: False
        """Whether a call that was made by REST is known to have been made for something else."""
        self._settings = settings
        self._waits = waits
        self._rules = Rules.of(settings)
        self._rest = rest
        self._registry = reception.registry
        self._plan = plan
        self._tariff = tariff
        self._tallies = tallies
        self._searched: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None
        self.book = self._book = Book(dials, now)
        self.now = now
        self._search = Search(self._book, rest, self._elsewhere, waits)
        self.endings = Endings(self._book, rest, self._registry)
        unwanted = self.endings.is_unwanted
        sending = Sending(self._book, rest, self._order, unwanted, waits)
        self._line = WaitingLine(self._book, self._registry, sending, self._rules, settings, waits)
        self._watching = Watching(
            self._book, rest, self._registry, self._look_for, self._elsewhere, waits
        )
        self._book.on_change = self._changed
        self.campaigns = Campaigns(dials, self.view_of)
        self.judge = Judge(dials, self._rules, now)
        tallies.on_ended = self._call_ended

    # Its life

    def start(self) -> None:
        """Goes on with what is open in the database, as soon as that answers."""
        self._running = asyncio.get_running_loop().create_task(self._run())
        self._running.add_done_callback(self._ran)

    async def stop(self) -> None:
        """Requests under way are finished; no phone rings on for a gateway that is gone. Whom
        another process rang is left to it.
        """
        if self._again is not None:
            self._again.cancel()
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self._line.stop(STOP_S)
        ringing = [each for each in self._line.sent() if self._registry.is_reserved(each.id)]
        ends = [self._end(each) for each in ringing if each.call_sid]
        if ends:
            await asyncio.wait(ends, timeout=_LEAVE_S)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Asking

    @property
    def draining(self) -> bool:
        """True when nothing more is placed: the gateway is going to end."""
        return self._registry.draining

    async def ask(self, ask: Ask) -> Dial | Refusal:
        """Lets a call in, or says why not. Raises KeyReused, or one of DATABASE_FAULTS."""
        refusal = unfit(ask, self._plan, self._tariff)
        if refusal is not None:
            return refusal
        async with asyncio.timeout(LIMIT_S):
            dial = await self._book.dials.admit(ask, self._rules, self.now())
        if isinstance(dial, Refusal):
            _log.info("dial.not_admitted", rule=dial.rule)
        else:
            if not dial.again:
                _log.info("dial.admitted", dial=dial.id, by=dial.by)
            self._book.keep(dial)
            self._line.look()
        return dial

    async def view(self, call_id: str) -> View | None:
        """A call by its dial's ID or its CallSid. Raises one of DATABASE_FAULTS."""
        dial = await self._find(call_id)
        if dial is not None:
            return self.view_of(dial)
        call = self._registry.get(call_id)
        return None if call is None else call_view(call, self._tallies)

    def view_of(self, dial: Dial) -> View:
        """A dial as it is now."""
        now = self._book.get(dial.id) or dial
        call = self._registry.get(now.call_sid) if now.call_sid else None
        return dial_view(now, call, self._tallies)

    def views(self) -> list[View]:
        """The dials that are not over, and every other call that is on the line."""
        ours = self._book.open()
        sids = {each.call_sid for each in ours}
        others = (call for call in self._registry if call.offer.call_sid not in sids)
        return [*map(self.view_of, ours), *(call_view(each, self._tallies) for each in others)]

    async def take_back(self, call_id: str) -> View | None:
        """Ends a call for which the carrier was not asked yet; any other goes on."""
        dial = await self._find(call_id)
        if dial is not None and dial.state == "waiting" and not self._line.is_leaving(dial.id):
            await self._book.canceled(dial.id)  # unless it went meanwhile, elsewhere
        return None if dial is None else self.view_of(dial)

    async def hang_up(self, call_id: str) -> View | None:
        """Ends a call wherever it is; one that is over already is fine. None: there is none.

        Raises one of DATABASE_FAULTS or CARRIER_FAULTS: then it may go on.
        """
        dial = await self._find(call_id)
        if dial is None:
            call = self._registry.get(call_id)
            if call is None:
                return None
            await self.endings.call(call_id, call)
            return call_view(call, self._tallies)
        leaving = self._line.is_leaving(dial.id)
        await self.endings.end(dial, self._watching, leaving=leaving)
        return self.view_of(dial)

    # The carrier

    async def errand(self, dial_id: str, call_sid: str) -> Errand:
        """What a call is for that has just been answered.

        Raises Rejected: ``dial_unknown``, ``dial_other_call`` when another call came of that dial,
        ``dial_over`` when nobody wants it any more.
        """
        try:
            async with asyncio.timeout(ERRAND_S):
                dial = await self._book.find(dial_id)
        except DATABASE_FAULTS:
            dial = None
        if dial is None:
            raise Rejected("dial_unknown")
        if dial.call_sid not in (None, call_sid):
            raise Rejected("dial_other_call")
        over = dial.state == "ended" and dial.outcome != "unknown"
        if over or self.endings.is_unwanted(dial):
            raise Rejected("dial_over")
        now = datetime.now(UTC)
        self.hear(dial_id, News(at=now, status="in-progress", call_sid=call_sid))
        return await with_notes(dial, errand_of(dial), self._book.dials)

    def hear(self, dial_id: str, news: News) -> asyncio.Task[None]:
        """The carrier tells of a call; the task is done when that is written."""
        return self._spawn(self._book.heard(dial_id, news))

    def answered_by(self, dial_id: str, news: News, *, here: bool) -> asyncio.Task[None]:
        """The carrier tells who answered; ``here`` = the call is on a line of this process, and
        knows it.
        """
        return self._spawn(self._answered_by(dial_id, news, here=here))

    def has(self, call_sid: str) -> bool:
        """True for the call of a dial that is in memory: every one that is not over."""
        return self._book.by_sid(call_sid) is not None

    # Inside

    def _elsewhere(self, call_sid: str) -> bool:
        return self.is_elsewhere(call_sid)

    async def _run(self) -> None:
        for dial in await self._book.load():
            if dial.state not in ("waiting", "answered"):
                self._registry.reserve(dial.id)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._line.run())
            group.create_task(self._watching.run())

    def _ran(self, running: asyncio.Task[None]) -> None:
        """A mistake of ours must not end the watch over what is under way."""
        if not running.cancelled() and running.exception() is not None:
            _log.error("placing.failed", exc_info=running.exception())
            self._again = asyncio.get_running_loop().call_later(_LEAVE_S, self.start)

    async def _find(self, call_id: str) -> Dial | None:
        if call_id.startswith("CA"):
            return await self._book.find_sid(call_id)
        return await self._book.find(call_id)

    async def _answered_by(self, dial_id: str, news: News, *, here: bool) -> None:
        await self._book.heard(dial_id, news)
        dial = self._book.get(dial_id)
        machine = news.answered_by == "fax" or news.answered_by.startswith("machine")
        if machine and not here and dial is not None and dial.amd == "hangup":
            # Nobody here has its stream (yet): the carrier ends it.
            await self.endings.quietly(dial, self._rest.end(news.call_sid))

    def _order(self, dial: Dial) -> Order:
        route = route_to_send(dial, self._plan, self._tariff)
        return order_of(dial, self._settings.public_url, route.max_minutes)

    def _look_for(self, dial: Dial) -> None:
        """Begins the search for the call of a dial, unless its request is still under way."""
        asking = dial.state == "sending" and self._line.is_leaving(dial.id)
        if not asking and dial.id not in self._searched:
            self._searched.add(dial.id)
            searching = self._spawn(self._search.run(dial.id))
            searching.add_done_callback(lambda _task: self._searched.discard(dial.id))

    def _changed(self, dial: Dial) -> None:
        self._watching.heard_of(dial)
        self._line.look()
        if dial.state == "ended":
            self._registry.release(dial.id)
            self.endings.forget(dial)
        elif dial.state == "unknown":
            self._look_for(dial)
        elif self.endings.is_unwanted(dial) and dial.call_sid is not None:
            self.endings.forget(dial)
            self._end(dial)
        if dial.state == "answered" and self._registry.is_reserved(dial.id):
            # Whoever picked up asks for the stream in a moment, unless another process is asked.
            loop = asyncio.get_running_loop()
            loop.call_later(self._waits.overdue_s, self._registry.release, dial.id)

    def _call_ended(self, call_sid: str, reason: str) -> None:
        dial = self._book.by_sid(call_sid) if reason in _OURS_TO_SAY else None
        if dial is not None:
            self._spawn(self._book.ended(dial.id, reason))

    def _end(self, dial: Dial) -> asyncio.Task[None]:
        leg = self.endings.leg(dial, self._watching)
        return self._spawn(self.endings.quietly(dial, leg))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
