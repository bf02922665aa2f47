"""What the carrier is asked for a dial: addresses it comes back to, limits, detector."""

import math
from typing import Final, Literal
from urllib.parse import urlencode

from gateway.ops.rest import Order
from gateway.store.dials import Dial

OVERTIME_S = 90
"""The carrier ends a call so long after its limit: a call we have lost, our goodbye included."""
_DETECTION: Final[dict[str, Literal["", "Enable", "DetectMessageEnd"]]] = {
    "off": "",
    "hangup": "Enable",
    "leave-message": "DetectMessageEnd",
}


def order_of(dial: Dial, public_url: str, max_minutes: float | None) -> Order:
    """The order of a dial; ``max_minutes`` is the limit of its call, its route's included."""
    detection = _DETECTION[dial.amd]
    limit_s = None if max_minutes is None else math.ceil(max_minutes * 60) + OVERTIME_S
    return Order(
        to=dial.to,
        from_=dial.from_,
        url=_address(public_url, "voice", dial),
        status_url=_address(public_url, "status", dial),
        amd_url=_address(public_url, "amd", dial) if detection else "",
        machine_detection=detection,
        ring_s=dial.ring_s,
        time_limit_s=limit_s,
    )


def _address(public_url: str, place: str, dial: Dial) -> str:
    return f"{public_url}/twilio/{place}?{urlencode({'dial': dial.id})}"
