"""What an error of a database means, and what may be said of it.

Its own words quote what people said, so they are never shown.
"""

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from gateway.errors import GatewayError

_OF_CONTENT = ("22", "23")
"""Classes of SQLSTATE: data exception, integrity constraint violation (PostgreSQL, appendix A)."""


def of_content(error: StatementError) -> bool:
    """True when an error is about the values, so that trying again is of no use."""
    if isinstance(error, DataError | IntegrityError):
        return True
    if not isinstance(error, DBAPIError):
        return True  # a value that could not even be sent
    return str(getattr(error.orig, "sqlstate", None))[:2] in _OF_CONTENT


def cause(error: BaseException) -> str:
    """The driver's own name for it, such as `SQLITE_BUSY` or `ConnectionRefusedError`."""
    if isinstance(error, GatewayError):
        return str(error)
    orig = getattr(error, "orig", None) or error
    named = getattr(orig, "sqlite_errorname", None)
    return str(named or type(orig.__cause__ or orig).__name__)
