"""Is this machine's clock right? Others tell theirs in the `Date` of every answer."""

import time
from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime

from gateway.ops.doctor.carrier import Answer, Carrier, NoAnswer
from gateway.ops.doctor.finding import Skipped, Wrong
from gateway.ops.rest import TWILIO

MOST_OFF_S = 30.0
"""Stream tickets are good for 60 s, from one machine's clock to another's."""


async def clock_right(carrier: Carrier) -> str:
    """How far off it is. Raises Wrong when that is too much, Skipped when nobody tells a time."""
    settings = carrier.settings
    asked = [settings.twilio_api_url or TWILIO]
    if settings.public_url:
        asked.append(f"{settings.public_url}/healthz")
    found = await _difference(carrier, asked)
    if found is None:
        raise Skipped("not tried: nobody who was asked tells the time", blocks=False)
    off_s, who = found
    if abs(off_s) > MOST_OFF_S:
        word = "ahead of" if off_s > 0 else "behind"
        raise Wrong(
            f"this machine's clock is {abs(off_s):.0f} s {word} that of {who}",
            "let it be set by NTP (`timedatectl set-ntp true`); tickets, certificates and records "
            "depend on it",
        )
    return f"within {max(1, round(abs(off_s)))} s of that of {who}"


async def _difference(carrier: Carrier, urls: Sequence[str]) -> tuple[float, str] | None:
    """How far our clock is ahead (s) of the first that tells the time, and whose that is."""
    for url in urls:
        began = time.time()
        try:
            answer = await carrier.get(url)
        except NoAnswer:
            continue
        said = date_of(answer)
        if said is not None:
            # A `Date` has whole seconds: on average it is half a second old.
            ours = (began + time.time()) / 2
            return ours - said.timestamp() - 0.5, url.partition("://")[2].partition("/")[0]
    return None


def date_of(answer: Answer) -> datetime | None:
    """The moment an answer was made, if it says so and it was not kept on the way."""
    if "age" in answer.headers:
        return None
    try:
        said = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return said if said.tzinfo is not None else None
