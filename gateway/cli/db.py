"""``gateway db``: the database of the records."""

import asyncio
import json

import typer
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import GatewayError
from gateway.settings import load_settings


def upgrade_database(*, as_json: bool) -> int:
    """Brings the database to this version, and prints from which revision to which.

    Raises GatewayError when it cannot be reached.
    """
    from gateway.store.trouble import cause
    from gateway.store.upgrade import upgrade

    settings = load_settings()
    try:
        was, now = asyncio.run(upgrade(settings))
    except (SQLAlchemyError, OSError) as error:
        raise GatewayError(f"the database cannot be upgraded: {cause(error)}") from None
    if as_json:
        typer.echo(json.dumps({"from": was, "to": now}))
    elif was == now:
        typer.echo(f"database: at {now} already")
    else:
        typer.echo(f"database: {was or 'nothing'} → {now}")
    return 0
