"""The Twilio twin in a process of its own, as `gateway sim twilio` with more numbers.

Run as a module it serves twins made of the JSON it is given; imported, it starts that and asks it.
"""

import asyncio
import atexit
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx2

from gateway.settings import Settings, load_settings
from gateway.sim.twilio import Callee, PhoneNumber, TwilioOptions, TwilioTwin

ROOT = Path(__file__).parents[2]
ACCOUNT = "AC" + "0" * 32
TOKEN = "made-up"
MAIN, OTHER, THIRD = "+15550001000", "+15550001001", "+442079460000"
"""The numbers of the twin; the first two have a common beginning."""
OLD_VOICE = "https://old.example.com/voice?key=a b&c=ü"
OLD = {
    "friendly_name": "the old one",
    "voice_url": OLD_VOICE,
    "voice_method": "GET",
    "fallback": "https://fallback.example.net/",
    "fallback_method": "GET",
    "status_callback": "https://old.example.com/status",
    "status_callback_method": "GET",
}
"""What the main number has before anybody touches it, as the twin's options."""


class TwinServer:
    """A twin in another process."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx2.Client(base_url=url, auth=(ACCOUNT, TOKEN), trust_env=False)

    def close(self) -> None:
        """The connection to it."""
        self._http.close()

    def settings(self, **overrides: Any) -> Settings:
        """Settings of a gateway whose carrier it is."""
        given = {
            "twilio_account_sid": ACCOUNT,
            "twilio_auth_token": TOKEN,
            "twilio_api_url": self.url,
            "public_url": "https://voice.example.com",
        }
        return load_settings(_env_file=None, **{**given, **overrides})

    def fault(self, **fields: Any) -> None:
        """What the next matching request meets (the fields of RestFault)."""
        self._http.post("/twin/faults", json=fields).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """All requests so far, forms and queries as lists of pairs."""
        found: list[dict[str, Any]] = self._http.get("/twin/requests").json()
        return found

    def number(self, e164: str) -> str:
        """A number as REST shows it, as text, without the moment of its last change.

        Not among the requests that a test counts.
        """
        path = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"
        (found,) = [
            each
            for each in self._http.get(path).json()["incoming_phone_numbers"]
            if each["phone_number"] == e164
        ]
        del found["date_updated"]
        return json.dumps(found)

    def change(self, e164: str, **form: str) -> None:
        """Somebody else changes a number; fields by their names on the wire."""
        sid = json.loads(self.number(e164))["sid"]
        path = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/{sid}.json"
        self._http.post(path, data=form).raise_for_status()


@contextmanager
def twin_server(**options: Any) -> Iterator[TwinServer]:
    """A fresh twin in another process, which all twins of a test run share: it takes a second to
    start. ``options`` are those of the twin, as JSON.
    """
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(options) + "\n")
    process.stdin.flush()
    twin = TwinServer(process.stdout.readline().strip())
    try:
        yield twin
    finally:
        twin.close()


@cache
def _process() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ops.twin"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate, timeout=20)
    return process


def options_of(given: dict[str, Any]) -> TwilioOptions:
    """The options of a twin that is given some as JSON."""
    numbers = given.pop("numbers", [{"e164": MAIN, **OLD}, {"e164": OTHER}, {"e164": THIRD}])
    callee = Callee(**given.pop("callee", {"outcome": "no-answer"}))
    phones = tuple(PhoneNumber(**number) for number in numbers)
    return TwilioOptions(ACCOUNT, TOKEN, numbers=phones, other_callees=callee, **given)


async def serve() -> None:
    """A twin for each line of stdin, until that is closed."""
    twins = []
    while line := await asyncio.to_thread(sys.stdin.readline):
        twins.append(TwilioTwin(options_of(json.loads(line))))
        await twins[-1].start()
        sys.stdout.write(f"{twins[-1].url}\n")
        sys.stdout.flush()
    for twin in twins:
        await twin.stop()


if __name__ == "__main__":
    asyncio.run(serve())
