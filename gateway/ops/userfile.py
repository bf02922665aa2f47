"""The file of those who may sign in: TOML, a table for each name with role and hashed password.

Owns its form, and that it is never seen half written.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from gateway.errors import ConfigError, GatewayError
from gateway.settings import ARGON2, Settings
from gateway.store.folders import alone_in, private_folder, settle
from gateway.store.tomlfile import read_table

UserRole = Literal["viewer", "operator", "admin"]
ADMIN: Final = "admin"
"""The user of GATEWAY_ADMIN_PASSWORD."""
RESERVED: Final = {ADMIN, "token", "cli", "local", "unknown"}
"""Who else stands in the audit trail."""
MOST_USERS: Final = 1000
_VARIABLE: Final = "GATEWAY_USERS"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in."""

    name: str
    role: UserRole
    password: str
    """Hashed."""


def user_file(settings: Settings) -> Path:
    """Where the file is, if there is one."""
    return settings.users or settings.data_dir / "users.toml"


def name_fault(name: str) -> str | None:
    """Why nobody can have that name; None when somebody can."""
    if name in RESERVED:
        return f"`{name}` is nobody's name (taken: {', '.join(sorted(RESERVED))})"
    if not _NAME.fullmatch(name):
        return "a name has up to 64 of a-z, 0-9 and . _ @ + -, and begins with a letter or digit"
    return None


def read_users(path: Path) -> dict[str, User]:
    """Everybody in the file by name; nobody when there is none.

    Raises ConfigError naming the file and what is wrong, never a password.
    """
    if not path.exists():
        return {}
    table = read_table(path, _VARIABLE)
    faults = [
        f"{name!r}: {fault}" for name, entry in table.items() if (fault := _fault(name, entry))
    ]
    if len(table) > MOST_USERS:
        faults.append(f"has over {MOST_USERS} users")
    if faults:
        raise ConfigError(f"{_VARIABLE}: {path}: {'; '.join(faults)}")
    return {name: User(name, entry["role"], entry["password"]) for name, entry in table.items()}


def _fault(name: str, entry: object) -> str | None:
    if fault := name_fault(name):
        return fault
    if not isinstance(entry, dict) or entry.keys() != {"role", "password"}:
        return "has `role` and `password`, and nothing else"
    if entry["role"] not in get_args(UserRole):
        return f"`role` is one of {', '.join(get_args(UserRole))}"
    password = entry["password"]
    if not isinstance(password, str) or not re.fullmatch(ARGON2, password, re.ASCII):
        return "`password` is an argon2 hash, as `gateway users add` makes it"
    return None


@contextmanager
def changed_users(path: Path) -> Iterator[dict[str, User]]:
    """The users to be changed; written at the end, whole or not at all, unless something is raised.

    One process at a time. Raises ConfigError for a file that cannot be read, GatewayError for one
    that cannot be written.
    """
    try:
        private_folder(path.parent)
        with alone_in(path.parent):
            users = read_users(path)
            before = dict(users)
            yield users
            if users != before:
                _write(path, users)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise GatewayError(f"{path}: cannot be written: {reason}") from None


def _write(path: Path, users: Mapping[str, User]) -> None:
    text = "# Who may sign in; `gateway users` changes it.\n" + "".join(
        f'\n["{each.name}"]\nrole = "{each.role}"\npassword = "{each.password}"\n'
        for each in sorted(users.values(), key=lambda user: user.name)
    )
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
    settle(path.parent)
