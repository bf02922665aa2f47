"""What the carrier is asked for a dial."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.ops.placing.orders import OVERTIME_S, order_of
from tests.ops.placing.room import CALLEE, OURS, room

PUBLIC = "https://voice.example.com/twilio-side"


@pytest.mark.asyncio
async def test_every_address_leads_back_to_the_dial(tmp_path: Path) -> None:
    """The webhook, the callbacks, and the detector's where there is one."""
    async with room(tmp_path) as here:
        dial = await here.waiting(amd="leave-message", ring_s=25)
    order = order_of(dial, PUBLIC, None)
    assert (order.to, order.from_, order.ring_s, order.time_limit_s) == (CALLEE, OURS, 25, None)
    assert order.url == f"{PUBLIC}/twilio/voice?dial={dial.id}"
    assert order.status_url == f"{PUBLIC}/twilio/status?dial={dial.id}"
    assert order.amd_url == f"{PUBLIC}/twilio/amd?dial={dial.id}"
    assert order.machine_detection == "DetectMessageEnd"
    hangup = order_of(replace(dial, amd="hangup"), PUBLIC, None)
    assert hangup.machine_detection == "Enable"
    off = order_of(replace(dial, amd="off"), PUBLIC, None)
    assert (off.machine_detection, off.amd_url) == ("", "")


@pytest.mark.asyncio
async def test_the_carrier_ends_what_we_have_lost(tmp_path: Path) -> None:
    """A while behind the call's own limit, whose goodbye is to be heard."""
    async with room(tmp_path) as here:
        dial = await here.waiting()
    assert order_of(dial, PUBLIC, 0.51).time_limit_s == 31 + OVERTIME_S
