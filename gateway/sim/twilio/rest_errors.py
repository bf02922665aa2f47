"""Owns the refusals of the REST API in Twilio's shape.
https://www.twilio.com/docs/usage/twilios-response"""

from typing import Final

from starlette.responses import JSONResponse

from gateway.errors import GatewayError

_MESSAGES: Final[dict[int, tuple[int, str]]] = {
    20001: (400, "Invalid parameter"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20404: (404, "The requested resource was not found"),
    21201: (400, "No 'To' number is specified"),
    21205: (400, "Url is not a valid URL"),
    21208: (400, "Invalid 'Timeout' value"),
    21210: (400, "The source phone number provided is not yet verified for your account"),
    21211: (400, "The phone number you are attempting to call is not valid"),
    21212: (
        400,
        "The 'From' number is not a valid phone number, shortcode or alphanumeric sender ID",
    ),
    21213: (400, "No 'From' number is specified"),
    21218: (400, "Invalid ApplicationSid"),
    21220: (400, "Call is not in-progress. Cannot redirect."),
    21402: (400, "The URL is not valid"),
    21403: (400, "The HTTP method is not valid"),
    21405: (400, "A fallback URL needs a voice URL"),
    21609: (400, "Invalid 'StatusCallback' URL parameter"),
    32018: (400, "Twiml size exceeded the maximum of 4000 characters"),
}


class RestRefusal(GatewayError):
    """A request Twilio would refuse with this code."""

    def __init__(self, code: int, detail: str = "") -> None:
        status, message = _MESSAGES[code]
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = f"{message}: {detail}" if detail else message


def refusal(code: int, message: str, status: int) -> JSONResponse:
    """The answer to a refused request."""
    more_info = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": more_info, "status": status}
    headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if status == 401 else None
    return JSONResponse(body, status_code=status, headers=headers)
