"""The calls we place: each a row before anything is sent, so that nobody is ever rung twice.

Owns letting them in, by the rules of :mod:`gateway.core.policy` and counted exactly: asking,
counting and writing are one transaction, and no other is in it meanwhile, on whichever database and
from however many processes. Owns how far each has come, by :mod:`gateway.core.dialstate`.
"""

import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Literal, TypeVar

from sqlalchemy import Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.core import dialstate
from gateway.core.callee import Callee, Refusal, parse
from gateway.core.dialstate import News, Standing
from gateway.core.policy import Counted, Rules, verdict
from gateway.errors import GatewayError
from gateway.store.dialcounts import OPEN, counted, counted_to_send, id_prefix
from gateway.store.privacy.busy import in_transaction, patiently
from gateway.store.tables import calls, dials, notes
from gateway.store.transaction import writing

__all__ = ["Ask", "Dial", "Dials", "KeyReused", "News", "NotToBeSent", "Tried"]

PATIENCE_S = 10.0
"""How long a busy database is asked again; then nobody is called."""

_AS_ASKED = (
    "key",
    "by",
    "agent",
    "campaign",
    "record",
    "amd",
    "max_minutes",
    "ring_s",
    "not_before",
    "expires_at",
)
_OF_CALL = ("reason", "duration_ms", "cost_usd", "outcome")
_EXPIRED = Refusal(
    "expired",
    "GATEWAY_OUTBOUND_MAX_AGE_S",
    "it waited for too long: a higher GATEWAY_OUTBOUND_MAX_AGE_S allows it",
)

T = TypeVar("T")


class KeyReused(GatewayError):
    """Another call was asked for under this key."""

    def __init__(self) -> None:
        super().__init__("the idempotency key was used for another call: take a new one")


class NotToBeSent(GatewayError):
    """A call that was let in is not to be made now, or not any more."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal
        """``passes``: it stays as it is, and may be tried again until it expires."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that somebody wants made."""

    to: str
    from_: str
    agent: str | None
    campaign: str | None
    data: Mapping[str, str]
    record: bool | None
    amd: Literal["off", "hangup", "leave-message"]
    max_minutes: float | None
    ring_s: int
    by: Literal["api", "cli", "campaign", "callback"]
    key: str | None
    """Who asks again under the same key gets the call that was let in the first time."""
    not_before: datetime | None
    expires_at: datetime
    """Whoever would be called later than this is not called at all."""

    def digest(self) -> str:
        """Of what is asked, in hex: all but the key, and but when it expires, which counts from
        whenever it is asked.
        """
        asked = {each.name: getattr(self, each.name) for each in fields(self)}
        del asked["key"], asked["expires_at"]
        asked["data"] = dict(self.data)
        asked["not_before"] = self.not_before and self.not_before.timestamp()
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Dial:
    """A call that was let in: what was asked, and how far it has come."""

    id: str
    key: str | None
    by: str
    to: str
    from_: str
    agent: str | None
    campaign: str | None
    data: Mapping[str, str]
    record: bool | None
    amd: str
    max_minutes: float | None
    ring_s: int
    state: str
    outcome: str | None
    reason: str | None
    sip_code: int | None
    answered_by: str | None
    call_sid: str | None
    created_at: datetime
    not_before: datetime | None
    expires_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    again: bool = field(default=False, compare=False)
    """True when it was let in before under the same key: whoever asked first makes the call."""

    @property
    def ahead(self) -> bool:
        """True when it was asked for ahead of its time."""
        return self.not_before is not None and self.not_before > self.created_at


@dataclass(frozen=True, slots=True)
class Tried:
    """A call that was let in under a key, with what the records have of it, if anything."""

    dial: Dial
    call_reason: str | None
    duration_ms: float | None
    cost_usd: float | None
    call_outcome: str | None


class Dials:
    """The rows of calls we place. Raises what the driver raises, and Busy when it has no time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def admit(self, ask: Ask, rules: Rules, now: datetime) -> Dial | Refusal:
        """Lets a call in, state ``waiting``, or says why not.

        A key that is known gives its call again (``again``), whatever the rules say by now; raises
        KeyReused when that was another one.
        """
        callee = parse(ask.to)
        if isinstance(callee, Refusal):
            return callee

        async def work(connection: AsyncConnection) -> Dial | Refusal:
            if known := await _known(connection, ask):
                return known
            return await _admitted(connection, ask, callee, rules, now)

        return await in_transaction(self._engine, work, PATIENCE_S)

    async def judge(self, callee: Callee, rules: Rules, now: datetime) -> Refusal | None:
        """What :meth:`admit` would say at this moment; nothing is let in."""
        async with self._engine.connect() as connection:
            return verdict(callee, rules, await counted(connection, callee, rules, now), now)

    async def get(self, dial_id: str) -> Dial | None:
        """The call with this ID."""
        return await self._one(_all().where(dials.c.id == dial_id))

    async def by_sid(self, call_sid: str) -> Dial | None:
        """The call the carrier knows by this CallSid."""
        return await self._one(_all().where(dials.c.call_sid == call_sid))

    async def open(self) -> list[Dial]:
        """All that have not ended, in the order in which they are to be made."""
        query = _all().where(dials.c.state.in_(OPEN)).order_by(dials.c.id)
        async with self._engine.connect() as connection:
            return [_dial(row) for row in (await connection.execute(query)).mappings()]

    async def under(self, keys: Sequence[str]) -> list[Dial]:
        """Those that were let in under one of these keys, oldest first."""
        query = _all().where(dials.c.key.in_(keys)).order_by(dials.c.id)
        async with self._engine.connect() as connection:
            return [_dial(row) for row in (await connection.execute(query)).mappings()]

    async def tried(self, prefix: str, after: str, most: int) -> list[Tried]:
        """Those whose keys begin so, in the order of their IDs: so many behind an ID."""
        of_call = [calls.c[name].label(f"call_{name}") for name in _OF_CALL]
        query = (
            select(dials, *of_call)
            .join(calls, calls.c.call_sid == dials.c.call_sid, isouter=True)
            .where(dials.c.id > after, dials.c.key.startswith(prefix, autoescape=True))
            .order_by(dials.c.id)
            .limit(most)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [Tried(_dial(row), *(row[f"call_{name}"] for name in _OF_CALL)) for row in rows]

    async def notes_of(self, call_sid: str) -> list[str]:
        """What the agent wrote down in a call."""
        query = select(notes.c.text).where(notes.c.call_sid == call_sid).order_by(notes.c.number)
        async with self._engine.connect() as connection:
            return [text for text in (await connection.execute(query)).scalars() if text]

    async def sending(self, dial_id: str, rules: Rules, now: datetime) -> Dial:
        """Claims a waiting call for whoever is about to ask the carrier: only one ever may.

        Raises NotToBeSent when somebody has it, when it is too early or too late, and when a rule
        forbids it by now: the switch and the do-not-call list do, whenever it was let in.
        """

        async def work(connection: AsyncConnection) -> Dial:
            dial = await _locked(connection, dial_id)
            if refusal := _out_of_time(dial, now) or await _forbids(connection, dial, rules, now):
                raise NotToBeSent(refusal)
            claimed = {"state": "sending", "sent_at": now}
            await connection.execute(update(dials).where(dials.c.id == dial_id).values(claimed))
            return replace(dial, state="sending", sent_at=now)

        return await in_transaction(self._engine, work, PATIENCE_S)

    async def placed(self, dial_id: str, call_sid: str, now: datetime) -> Dial | None:
        """The carrier took it."""
        return await self.heard(dial_id, News(at=now, status="queued", call_sid=call_sid))

    async def unknown(self, dial_id: str) -> Dial | None:
        """Nobody knows whether the carrier took it."""
        return await self._changed(
            dial_id,
            lambda was: replace(was, state="unknown") if was.state == "sending" else was,
        )

    async def heard(self, dial_id: str, news: News) -> Dial | None:
        """Writes down what was heard of it. None: nothing new, or there is no such call."""
        return await self._changed(dial_id, lambda was: dialstate.after(was, news))

    async def ended(
        self, dial_id: str, outcome: str, reason: str | None, now: datetime
    ) -> Dial | None:
        """Ends it, or gives it up. None: it has ended, or there is no such call."""
        return await self._changed(dial_id, lambda was: dialstate.ended(was, outcome, reason, now))

    async def dropped(
        self, dial_id: str, outcome: str, reason: str | None, now: datetime
    ) -> Dial | None:
        """Ends it while it waits. None: it does not wait any more, or there is no such call."""
        return await self._changed(
            dial_id, lambda was: dialstate.dropped(was, outcome, reason, now)
        )

    async def _changed(self, dial_id: str, change: Callable[[Standing], Standing]) -> Dial | None:
        async def work(connection: AsyncConnection) -> Dial | None:
            query = _all().where(dials.c.id == dial_id).with_for_update()
            row = (await connection.execute(query)).mappings().first()
            if row is None:
                return None
            was = Standing(**{each.name: row[each.name] for each in fields(Standing)})
            now = change(was)
            if now == was:
                return None
            values = {name: _fitted(name, value) for name, value in asdict(now).items()}
            await connection.execute(update(dials).where(dials.c.id == dial_id).values(values))
            return _dial({**row, **values})

        return await self._in_turn(work)

    async def _in_turn(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async def once() -> T:
            async with writing(self._engine) as connection:
                return await work(connection)

        return await patiently(once, PATIENCE_S)

    async def _one(self, query: Select[Any]) -> Dial | None:
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else _dial(row)


async def _known(connection: AsyncConnection, ask: Ask) -> Dial | None:
    if ask.key is None:
        return None
    query = _all().where(dials.c.key == ask.key)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        return None
    if row["asked"] != ask.digest():
        raise KeyReused
    return replace(_dial(row), again=True)


async def _admitted(
    connection: AsyncConnection, ask: Ask, callee: Callee, rules: Rules, now: datetime
) -> Dial | Refusal:
    at = max(now, ask.not_before or now)
    if ask.expires_at <= at:
        return _EXPIRED
    if refusal := verdict(callee, rules, await counted(connection, callee, rules, at), at):
        return refusal
    row = {
        "id": id_prefix(at) + secrets.token_hex(10),
        "asked": ask.digest(),
        "to_number": callee.number,
        "from_number": ask.from_,
        "data": dict(ask.data),
        "state": "waiting",
        "created_at": now,
        **{name: getattr(ask, name) for name in _AS_ASKED},
    }
    await connection.execute(insert(dials).values(row))
    return _dial({**dict.fromkeys(dials.c.keys()), **row})


async def _locked(connection: AsyncConnection, dial_id: str) -> Dial:
    query = _all().where(dials.c.id == dial_id).with_for_update()
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise NotToBeSent(Refusal("gone", "", "there is no such call any more"))
    if row["state"] != "waiting":
        raise NotToBeSent(Refusal("taken", "", f"the call is {row['state']} already"))
    return _dial(row)


def _out_of_time(dial: Dial, now: datetime) -> Refusal | None:
    if dial.expires_at <= now:
        return _EXPIRED
    if dial.not_before is not None and dial.not_before > now:
        return Refusal("too_early", "", "its time has not come", passes=True)
    return None


async def _forbids(
    connection: AsyncConnection, dial: Dial, rules: Rules, now: datetime
) -> Refusal | None:
    callee = parse(dial.to)
    if isinstance(callee, Refusal):
        return callee
    stands: Counted = await counted_to_send(connection, callee, rules, now, ahead=dial.ahead)
    return verdict(callee, rules, stands, now)


def _fitted(column: str, value: Any) -> Any:
    """What others say may be longer than its column."""
    length = getattr(dials.c[column].type, "length", None)
    return value[:length] if isinstance(value, str) else value


def _all() -> Select[Any]:
    return select(dials)


def _dial(row: Mapping[Any, Any]) -> Dial:
    names = {"to": "to_number", "from_": "from_number"}
    known = (each.name for each in fields(Dial) if each.name != "again")
    return Dial(**{name: row[names.get(name, name)] for name in known})
