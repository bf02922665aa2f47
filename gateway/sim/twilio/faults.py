"""Owns the faults REST can be told to show: the next request is refused, delayed or cut, as
data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestFault:
    """What happens to one matching request. It is used up by it.

    With `after`, the request is carried out first and only its answer suffers: what a caller sees
    when a connection breaks after the work was done.
    """

    status: int | None = None
    """Answer with this HTTP status and `code`; None: the true answer (after `delay_s`)."""
    code: int = 20500
    message: str = "An internal server error has occurred"
    delay_s: float = 0.0
    """Silence before anything is answered."""
    cut: bool = False
    """The connection is closed in the middle of the answer."""
    after: bool = False
    method: str = ""
    """Only requests with this method; empty: any."""
    path: str = ""
    """Only requests whose path contains this; empty: any."""

    def matches(self, method: str, path: str) -> bool:
        """Whether it is meant for this request."""
        return self.method in ("", method) and self.path in path


def too_many_requests() -> RestFault:
    """429 / 20429: never processed, safe to try again."""
    return RestFault(status=429, code=20429, message="Too Many Requests")
