"""The clock: compared with whoever tells the time, the carrier first."""

import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import cast

import pytest

from gateway.ops.doctor.carrier import Answer, Carrier, NoAnswer
from gateway.ops.doctor.clock import clock_right, date_of
from gateway.ops.doctor.finding import Skipped, Wrong
from gateway.settings import load_settings


class Clocks:
    """A carrier of which only the time is asked."""

    def __init__(self, ahead_s: Mapping[str, float | None]) -> None:
        self.settings = load_settings(
            _env_file=None,
            public_url="https://voice.example.com",
            twilio_api_url="https://api.example.com",
        )
        self._ahead_s = ahead_s
        self.asked: list[str] = []

    async def get(self, url: str) -> Answer:
        """An answer with the time of that host; None = it tells none, absent = nobody is there."""
        host = url.split("/")[2]
        self.asked.append(host)
        if host not in self._ahead_s:
            raise NoAnswer("nobody", connected=False)
        ahead_s = self._ahead_s[host]
        headers = (
            {} if ahead_s is None else {"date": formatdate(time.time() + ahead_s, usegmt=True)}
        )
        return Answer(200, headers, b"", 1.0)


async def looked(**ahead_s: float | None) -> tuple[str, Clocks]:
    """What the check says of hosts whose clocks are so far ahead of ours."""
    clocks = Clocks({f"{name}.example.com": value for name, value in ahead_s.items()})
    return await clock_right(cast(Carrier, clocks)), clocks


@pytest.mark.asyncio
@pytest.mark.parametrize("ahead_s", [-20.0, 0.0, 20.0])
async def test_a_clock_that_is_about_right_is_right(ahead_s: float) -> None:
    """Nobody else is asked when the carrier has told it."""
    told, clocks = await looked(api=ahead_s, voice=0.0)
    assert told.endswith("that of api.example.com")
    assert clocks.asked == ["api.example.com"]


@pytest.mark.asyncio
@pytest.mark.parametrize(("ahead_s", "says"), [(90.0, "behind"), (-90.0, "ahead of")])
async def test_a_clock_that_is_wrong_is_wrong_by_so_much(ahead_s: float, says: str) -> None:
    """In the direction it is wrong in."""
    with pytest.raises(Wrong) as wrong:
        await looked(api=ahead_s)
    assert f"s {says} that of api.example.com" in wrong.value.detail
    assert "NTP" in wrong.value.fix


@pytest.mark.asyncio
async def test_the_public_address_is_asked_when_the_carrier_tells_no_time() -> None:
    """Or is not there."""
    told, _ = await looked(api=None, voice=0.0)
    assert told.endswith("that of voice.example.com")
    told, _ = await looked(voice=0.0)
    assert told.endswith("that of voice.example.com")


@pytest.mark.asyncio
async def test_nobody_who_tells_the_time_is_no_fault() -> None:
    """Nothing can be said, and nothing depends on it."""
    with pytest.raises(Skipped) as skipped:
        await looked()
    assert not skipped.value.blocks


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"date": "yesterday"},
        {"date": ""},
        {"date": "Fri, 20 Nov 2026 11:20:00 -0000"},
        {"date": formatdate(0, usegmt=True), "age": "3600"},
    ],
)
def test_what_tells_no_time_of_its_own_counts_for_nothing(headers: dict[str, str]) -> None:
    """A cache's answer is as old as it is."""
    assert date_of(Answer(200, headers, b"", 1.0)) is None
