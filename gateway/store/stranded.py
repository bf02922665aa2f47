"""What is still to be done for calls whose gateway process died: their recording, their webhook.

Works within the transaction that closes such a call, so that it is done with it or not at all.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.core.events import CallEnded
from gateway.core.shown import event_name
from gateway.store.call_row import PUBLIC
from gateway.store.outbox import Outbox
from gateway.store.reconcile import REASON
from gateway.store.tables import calls, deliveries


class Stranded:
    """The recordings that were mended at the start, and who is told of an end."""

    def __init__(self, outbox: Outbox | None) -> None:
        self._outbox = outbox
        self.repaired: Mapping[str, float] = {}
        """Length (ms) of the recordings that were mended, by file."""

    async def closed(self, connection: AsyncConnection, call_sid: str) -> None:
        """A call was closed; the transaction is the caller's."""
        found = await connection.execute(select(calls).where(calls.c.call_sid == call_sid))
        call = found.mappings().one()
        if call["recording"] is not None and call["recording_ms"] is None:
            values = self._recording(call["recording"])
            await connection.execute(
                update(calls).where(calls.c.call_sid == call_sid).values(**values)
            )
        await self._tell(connection, call)

    def _recording(self, file: str) -> dict[str, Any]:
        """What there is of it: up to the crash, or nothing."""
        audio_ms = self.repaired.get(file)
        if audio_ms is None:
            return {"recording": None, "recording_incomplete": REASON}
        return {"recording_ms": audio_ms, "recording_incomplete": REASON}

    async def _tell(self, connection: AsyncConnection, call: RowMapping) -> None:
        if self._outbox is None:
            return
        event = CallEnded(
            reason=REASON,
            duration_ms=call["duration_ms"] or 0.0,
            heard_ms=call["heard_ms"] or 0.0,
            inbound_frames=call["inbound_frames"] or 0,
            turns=call["turns"] or 0,
            interruptions=call["interruptions"] or 0,
        )
        summary = {name: _plain(call[name]) for name in ("call_sid", *PUBLIC)}
        summary["recording"] = call["recording"] in self.repaired
        name, at, seq = event_name(event), summary["ended_at"], call["seq"]
        change = self._outbox.delivery(event, name, seq, at, summary)
        if change is not None:
            moment = call["ended_at"]
            values = {**change.values, "created_at": moment, "next_at": moment}
            await connection.execute(
                insert(deliveries).values(call_sid=call["call_sid"], **change.key, **values)
            )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
