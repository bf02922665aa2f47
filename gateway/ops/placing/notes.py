"""What was written down in an earlier call, for whoever calls back."""

import asyncio
from dataclasses import replace

import structlog

from gateway.call.context import Errand
from gateway.ops.placing.book import DATABASE_FAULTS
from gateway.store.dials import Dial, Dials

NOTES_S = 0.3
"""How long whoever has answered waits for the notes."""
MOST_NOTE_CHARS = 4000
"""The last ones of them."""

_log = structlog.get_logger()


async def with_notes(dial: Dial, errand: Errand, dials: Dials) -> Errand:
    """The errand of a call back, with what was written down in the earlier call.

    Read when it is answered: by then all of it is in the records, redacted as they are, and none of
    it if that call was erased. Without them when the database has no answer in time.
    """
    if dial.by != "callback":
        return errand
    try:
        async with asyncio.timeout(NOTES_S):
            notes = await dials.notes_of(errand.data.get("callback_of", ""))
    except DATABASE_FAULTS as error:
        _log.warning("callback.without_notes", dial=dial.id, error=type(error).__name__)
        return errand
    text = "\n".join(notes)[-MOST_NOTE_CHARS:]
    return replace(errand, data={**errand.data, "callback_notes": text})
