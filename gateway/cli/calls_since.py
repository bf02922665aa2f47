"""Moments as people type them on the command line, see :mod:`gateway.core.moments`."""

from datetime import UTC, datetime

import typer

from gateway.core import moments


def moment(text: str | None, option: str, now: datetime | None = None) -> datetime | None:
    """The moment in UTC; without a zone it is one of this machine's, a day is its beginning.

    Raises typer.BadParameter, which names the option.
    """
    if text is None:
        return None
    try:
        return moments.moment(text, now or datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
