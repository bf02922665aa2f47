"""The commands of ``gateway users``: their options."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="What they sign in with.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Where the password is; - = stdin [default: asks for it]."),
]
Role = Annotated[
    Literal["viewer", "operator", "admin"],
    typer.Option(help="viewer looks, operator acts on calls, admin changes the gateway."),
]


def add_commands(app: typer.Typer) -> None:
    """Adds the commands to their group."""
    app.command("list")(show)
    app.command("add")(add)
    app.command("password")(password)
    app.command("remove")(remove)


def show(as_json: Json = False) -> None:
    """Who may sign in, with their role."""
    from gateway.cli.users import run_list

    raise typer.Exit(run_list(as_json=as_json))


def add(name: Name, role: Role, password_file: PasswordFile = None) -> None:
    """Somebody may sign in; a running gateway knows it a moment later."""
    from gateway.cli.users import run_add

    raise typer.Exit(run_add(name, role, password_file))


def password(name: Name, password_file: PasswordFile = None) -> None:
    """Another password for somebody; their sessions end."""
    from gateway.cli.users import run_password

    raise typer.Exit(run_password(name, password_file))


def remove(name: Name) -> None:
    """Somebody may not sign in any more; their sessions end."""
    from gateway.cli.users import run_remove

    raise typer.Exit(run_remove(name))
