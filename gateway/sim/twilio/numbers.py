"""Owns the account's phone numbers, which REST can change while the twin runs. Pure.

A number is kept as the fields of its REST representation; `PhoneNumber` is what it was configured
with.
"""

import hashlib
import re
from datetime import UTC, datetime

from gateway.sim.twilio.options import PhoneNumber, TwilioOptions

_OVERRIDES = ("voice_application_sid", "trunk_sid")


class OwnedNumber:
    """A number of the account and its current settings."""

    def __init__(self, number: PhoneNumber) -> None:
        self.sid = "PN" + hashlib.md5(number.e164.encode(), usedforsecurity=False).hexdigest()
        self.e164 = number.e164
        self.settings = {
            "friendly_name": number.friendly_name or number.e164,
            "voice_url": number.voice_url,
            "voice_method": number.voice_method,
            "voice_fallback_url": number.fallback,
            "voice_fallback_method": number.fallback_method,
            "voice_application_sid": number.voice_application_sid,
            "trunk_sid": number.trunk_sid,
            "status_callback": number.status_callback,
            "status_callback_method": number.status_callback_method,
        }
        self.created_at = datetime.now(UTC)
        self.updated_at = self.created_at

    def update(self, settings: dict[str, str]) -> None:
        """Changes some settings.

        An application that is set takes the trunk away, and a trunk the application:
        https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
        """
        for one, other in (_OVERRIDES, _OVERRIDES[::-1]):
            if settings.get(one) and not settings.get(other):
                self.settings[other] = ""
        self.settings.update(settings)
        self.updated_at = datetime.now(UTC)


class Numbers:
    """All numbers of the account."""

    def __init__(self, options: TwilioOptions) -> None:
        self._numbers = [OwnedNumber(number) for number in options.numbers]

    def by_e164(self, e164: str) -> OwnedNumber | None:
        """The number with exactly these digits."""
        return next((number for number in self._numbers if number.e164 == e164), None)

    def by_sid(self, sid: str) -> OwnedNumber | None:
        """The number with this id."""
        return next((number for number in self._numbers if number.sid == sid), None)

    def matching(self, pattern: str) -> list[OwnedNumber]:
        """Numbers that contain `pattern`; `*` stands for any one digit. Empty: all."""
        parts = [r"\d" if char == "*" else re.escape(char) for char in pattern]
        wanted = re.compile("".join(parts))
        return [number for number in self._numbers if wanted.search(number.e164)]
