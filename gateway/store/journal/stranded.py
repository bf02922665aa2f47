"""What is still to be done for calls whose gateway process died: their recording, their webhook.

Works within the transaction that closes such a call, so that it is done with it or not at all. What
became of a recording is asked of the disk: it may have been finished by a process that died, too,
before it could write that down.
"""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.core.events import CallEnded
from gateway.core.shown import event_name
from gateway.errors import GatewayError
from gateway.store.hooks.outbox import Outbox
from gateway.store.journal.reconcile import REASON
from gateway.store.privacy.leftovers import unlink
from gateway.store.recordings.audio import recording_path
from gateway.store.recordings.playback import Playback
from gateway.store.recordings.tapefile import STEREO_BYTES_PER_MS
from gateway.store.recordings.vault import Vault
from gateway.store.records.call_row import PUBLIC
from gateway.store.tables import calls, deliveries


class Stranded:
    """What is left of the recordings of calls, and who is told of their end."""

    def __init__(self, outbox: Outbox | None, folder: Path, vault: Vault | None) -> None:
        """``folder`` is that of the recordings, which were mended before."""
        self._outbox = outbox
        self._folder = folder
        self._vault = vault

    async def closed(self, connection: AsyncConnection, call_sid: str) -> None:
        """A call was closed; the transaction is the caller's."""
        this = calls.c.call_sid == call_sid
        found = await connection.execute(select(calls).where(this))
        call = found.mappings().one()
        if call["recording"] is not None and call["recording_ms"] is None:
            unwanted = call["consent"] in ("declined", "withdrawn")
            look = self._deleted if unwanted else self._left_of
            values = await asyncio.to_thread(look, call["recording"])
            await connection.execute(update(calls).where(this).values(**values))
            found = await connection.execute(select(calls).where(this))
            call = found.mappings().one()
        await self._tell(connection, call)

    def _left_of(self, file: str) -> dict[str, Any]:
        """What there is of a recording: up to the crash, or nothing."""
        try:
            path = recording_path(self._folder, file)
            # Its head and its chunks' alone: reading a hundred whole would outlast the transaction.
            with Playback(path, self._vault) as playback:
                audio_ms = playback.audio_bytes / STEREO_BYTES_PER_MS
        except GatewayError:
            # One that cannot be read now (its key is missing) is the call's all the same.
            kept = file if self._is_there(file) else None
            return {"recording": kept, "recording_incomplete": REASON}
        return {"recording_ms": audio_ms, "recording_incomplete": REASON}

    def _deleted(self, file: str) -> dict[str, Any]:
        """The process died before it had deleted what the caller did not want kept."""
        if unlink(self._folder, [file]).failed:
            return {"recording_incomplete": REASON}  # it keeps its name: the purge tries again
        return dict.fromkeys(("recording", "recording_from_ms", "recording_ms"))

    def _is_there(self, file: str) -> bool:
        stem = file.partition(".")[0]
        return (self._folder / file).is_file() or (self._folder / f"{stem}.part").is_file()

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
        summary["recording"] = call["recording"] is not None
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
