"""Tools of the agents `faq` and `booking`. Replace the made-up airline with your own system."""

import re
from dataclasses import dataclass

from agents import RunContextWrapper, ToolErrorFormatterArgs, function_tool

from gateway.call.context import CallContext

_ANSWERS = {
    r"bag|luggage|suitcase|carry|weigh|heavy": (
        "One bag per passenger is free. It may weigh up to 23 kilograms and measure up to 56 by 36 "
        "by 23 centimetres, and is taken until 45 minutes before departure. A second bag costs 40 "
        "euros. A small bag that fits under the seat in front may come on board."
    ),
    r"check.?in|boarding|how early": (
        "Check-in opens 24 hours before departure and closes 45 minutes before it. Boarding ends "
        "20 minutes before departure."
    ),
    r"wi.?fi|internet": "There is free Wi-Fi on every flight. The network is called Example Air.",
    r"\b(seats?|rows?|exits?|leg ?room|planes?)\b": (
        "There are 120 seats: 22 in business class and 98 in economy. Rows 4 and 16 are exit rows. "
        "Rows 5 to 8 are Economy Plus and have more room for the legs."
    ),
}
"""What is asked, as a pattern, and the answer; the first that fits is given."""


@dataclass
class _Booking:
    flight: str
    seat: str
    phone: str


_BOOKINGS = {
    "4711": _Booking("EX 204 to Lisbon, tomorrow at 9:40", "23B", "+12025550147"),
    "4712": _Booking("EX 310 to Oslo, on Friday at 14:15", "7C", "+12025550148"),
}


@function_tool
async def faq_lookup(question: str) -> str:
    """Look up the answer to a general question about flying with Example Air.

    Args:
        question: The question in the caller's words.
    """
    for words, answer in _ANSWERS.items():
        if re.search(words, question, re.IGNORECASE):
            return answer
    return "There is no answer to this question."


@function_tool
async def find_booking(
    context: RunContextWrapper[CallContext], confirmation_number: str | None = None
) -> dict[str, str]:
    """Find a booking by its confirmation number, or by the phone number of this call.

    Args:
        confirmation_number: Four digits; null looks for the phone number of the call.
    """
    if confirmation_number:
        booking = _BOOKINGS.get(confirmation_number)
        if booking is None:
            return {"status": "There is no booking with this confirmation number."}
        return {"status": "found", "flight": booking.flight, "seat": booking.seat}
    # The number on the display can be made up: it finds a booking and shows nothing of it.
    known = any(booking.phone == context.context.caller for booking in _BOOKINGS.values())
    found = "There is a booking" if known else "There is no booking"
    return {"status": f"{found} for this phone number. Ask for the confirmation number."}


@function_tool(needs_approval=True)
async def update_seat(confirmation_number: str, seat: str) -> str:
    """Change the seat in a booking.

    Args:
        confirmation_number: Four digits.
        seat: Row and letter, for example 12A.
    """
    booking = _BOOKINGS.get(confirmation_number)
    wanted = seat.replace(" ", "").upper()
    if booking is None:
        return "There is no booking with this confirmation number."
    if not re.fullmatch(r"([1-9]|1\d|2\d|30)[A-F]", wanted):
        return "There is no such seat. Rows are 1 to 30, letters A to F."
    booking.seat = wanted
    return f"The seat is changed to {wanted}."


def refused(refusal: ToolErrorFormatterArgs[CallContext]) -> str:
    """What the model is told when nobody agreed to a tool that needs approval."""
    return f"Not done: {refusal.tool_name} was not approved. Apologise and offer the front desk."
