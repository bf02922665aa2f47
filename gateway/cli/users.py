"""``gateway users``: who may sign in. A password is typed or read, never an argument."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from gateway.errors import GatewayError
from gateway.ops.passwords import LONGEST, hashed
from gateway.ops.userfile import (
    ADMIN,
    User,
    UserRole,
    changed_users,
    name_fault,
    read_users,
    user_file,
)
from gateway.settings import SHORTEST_PASSWORD, load_settings


def run_list(*, as_json: bool) -> int:
    """Prints everybody who may sign in, the admin of the settings first. Raises ConfigError."""
    settings = load_settings()
    rows = [
        {"name": each.name, "role": each.role, "from": "file"}
        for each in sorted(read_users(user_file(settings)).values(), key=lambda user: user.name)
    ]
    if settings.admin_password is not None:
        rows.insert(0, {"name": ADMIN, "role": "admin", "from": "GATEWAY_ADMIN_PASSWORD"})
    if as_json:
        typer.echo(json.dumps(rows))
    elif rows:
        table = Table("name", "role", "from")
        for row in rows:
            table.add_row(*row.values())
        Console(markup=False, highlight=False, emoji=False).print(table)
    else:
        typer.echo("nobody can sign in: `gateway users add NAME --role admin`")
    return 0


def run_add(name: str, role: UserRole, password_file: Path | None) -> int:
    """Adds somebody. Raises GatewayError, ConfigError for a file that cannot be read."""
    if fault := name_fault(name):
        raise GatewayError(fault)
    file = user_file(load_settings())
    if name in read_users(file):  # before anybody types a password for nothing
        raise _there(name)
    user = User(name, role, hashed(_password(password_file)))
    with changed_users(file) as users:
        if name in users:
            raise _there(name)
        users[name] = user
    typer.echo(f"{name} may sign in as {role}")
    return 0


def run_password(name: str, password_file: Path | None) -> int:
    """Changes somebody's password. Raises as :func:`run_add` does."""
    file = user_file(load_settings())
    if name not in read_users(file):
        raise _nobody(name)
    password = hashed(_password(password_file))
    with changed_users(file) as users:
        if name not in users:
            raise _nobody(name)
        users[name] = replace(users[name], password=password)
    typer.echo(f"{name} has another password; their sessions end")
    return 0


def run_remove(name: str) -> int:
    """Removes somebody. Raises as :func:`run_add` does."""
    with changed_users(user_file(load_settings())) as users:
        if users.pop(name, None) is None:
            raise _nobody(name)
    typer.echo(f"{name} may not sign in any more; their sessions end")
    return 0


def _there(name: str) -> GatewayError:
    return GatewayError(f"{name!r} is there already: `gateway users password {name}`, or remove")


def _nobody(name: str) -> GatewayError:
    if name == ADMIN:
        return GatewayError(f"{ADMIN!r} is the user of GATEWAY_ADMIN_PASSWORD: change it there")
    return GatewayError(f"there is no user {name!r}")


def _password(file: Path | None) -> str:
    """The password: typed twice, or the first line of a file or of stdin. Raises GatewayError."""
    if file is None and not sys.stdin.isatty():
        raise GatewayError("no terminal to ask for the password: --password-file FILE, or -")
    if file is None:
        password = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    else:
        password = _first_line(file)
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST:
        raise GatewayError(f"a password has {SHORTEST_PASSWORD} to {LONGEST} characters")
    return password


def _first_line(file: Path) -> str:
    try:
        text = sys.stdin.readline() if str(file) == "-" else file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise GatewayError(f"{file}: not UTF-8") from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise GatewayError(f"{file}: cannot be read: {reason}") from None
    return text.partition("\n")[0].removesuffix("\r")
