"""Webhooks to whoever wants to know of calls: how they are signed, and when they are tried again.

Reads no clock and no source of chance: the moment and the random number are arguments.
"""

import hashlib
import hmac
from datetime import UTC, datetime

DELAYS_S = (1.0, 4.0, 15.0, 60.0, 240.0, 900.0, 3600.0, 14400.0)
"""About how long to wait after the first failed attempt, the second, and so on."""
JITTER = 0.2
"""Waits differ by so much, so that a receiver that comes back is not met by all at once."""
LONGEST_ASKED_S = 3600.0
"""The longest wait a receiver may ask for."""
TOLERANCE_S = 300.0

_DIGITS = 9
_DATE = "%a, %d %b %Y %H:%M:%S GMT"


def signature(secret: bytes, timestamp: int, body: bytes) -> str:
    """``X-Gateway-Signature`` of a body sent at that Unix second."""
    mac = hmac.new(secret, b"%d." % timestamp + body, hashlib.sha256)
    return f"v1={mac.hexdigest()}"


def verify(secret: bytes, timestamp: str, body: bytes, given: str, now_s: float) -> bool:
    """What a receiver does: True when the body was signed with the secret, and just now.

    ``timestamp`` and ``given`` are the headers as they came, ``body`` the bytes as they came.
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 2 * _DIGITS):
        return False
    fresh = abs(now_s - int(timestamp)) <= TOLERANCE_S
    # As bytes: texts with other than ASCII in them cannot be compared so.
    right = hmac.compare_digest(
        signature(secret, int(timestamp), body).encode(), given.encode(errors="replace")
    )
    return fresh and right


def wait_s(attempts: int, chance: float) -> float | None:
    """How long to wait after so many failed attempts (from 1); None: enough, give up.

    ``chance`` is a random number from 0 to 1.
    """
    if attempts > len(DELAYS_S):
        return None
    return DELAYS_S[attempts - 1] * (1 - JITTER + 2 * JITTER * chance)


def asked_s(retry_after: str, now: datetime) -> float:
    """The wait a ``Retry-After`` header asks for, bounded; 0 when it asks for none.

    Both forms are known (RFC 9110, 10.2.3): seconds, and the moment in the one date format that
    may still be written.
    """
    if retry_after.isascii() and retry_after.isdigit():
        asked = float(retry_after) if len(retry_after) <= _DIGITS else LONGEST_ASKED_S
    else:
        try:
            moment = datetime.strptime(retry_after, _DATE).replace(tzinfo=UTC)
        except ValueError:
            return 0.0
        asked = (moment - now).total_seconds()
    return min(max(asked, 0.0), LONGEST_ASKED_S)
