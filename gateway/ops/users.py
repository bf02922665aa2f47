"""Who may sign in, as a running gateway knows them: the admin of the settings, and the file's.

The file is looked at again while the gateway runs. One that cannot be read any more lets nobody in
anew, and nobody is taken for signed out by it.
"""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from gateway.errors import ConfigError
from gateway.ops.passwords import hashed, is_right
from gateway.ops.userfile import ADMIN, User, read_users, user_file
from gateway.settings import Settings

LOOK_S = 1.0
"""How old what is known of the file may be."""
AT_ONCE = 2
"""Passwords that are checked at a time."""
MOST_WAIT = 16
"""And those that may wait for it."""

_Stamp = tuple[int, int, int, int, int] | None

_log = structlog.get_logger()


class Crowded(Exception):
    """So many passwords wait to be checked that one more will not be."""


class Users:
    """Everybody who may sign in."""

    def __init__(self, settings: Settings, file: Path | None = None) -> None:
        """``file`` = None: only the admin of the settings, if there is one."""
        self._file = file
        self._stamp: _Stamp = None
        self._looked = 0.0
        self._readable = True
        self._of_file: dict[str, User] = {}
        self._admin_secret = settings.admin_password
        self._admin: User | None = None
        self._decoy: str | None = None
        self._once = threading.Lock()
        self._checking = 0
        self._threads = ThreadPoolExecutor(AT_ONCE, "passwords")

    def __bool__(self) -> bool:
        """True when somebody may sign in, or could if the file were readable."""
        return self._admin_secret is not None or bool(self._of_file) or not self._readable

    def proof(self, name: str) -> object:
        """Anything that is equal as long as role and password of that user are; None for nobody."""
        if name == ADMIN:
            return self._admin_secret
        return self._of_file.get(name)

    def proof_of(self, user: User) -> object:
        """The same of a user as they were when their password was looked at."""
        return self._admin_secret if user.name == ADMIN else user

    def knows(self, name: str) -> bool:
        """True for the name of a user."""
        return self.proof(name) is not None

    def read(self) -> None:
        """Reads the file for the first time. Raises ConfigError when something is wrong in it."""
        if self._file is not None:
            self._stamp = _stamp(self._file)
            self._of_file = read_users(self._file)
            self._warn()

    async def look(self) -> None:
        """What is known of the file is no older than a second, afterwards."""
        if self._file is None or time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        await asyncio.to_thread(self._look)

    def _look(self) -> None:
        assert self._file is not None
        try:
            stamp = _stamp(self._file)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._of_file = read_users(self._file)
        except (ConfigError, OSError) as error:
            self._readable = False
            _log.error("users.unreadable", error=str(error))
        else:
            self._readable = True
            _log.info("users.read", users=len(self._of_file))
            self._warn()

    def _warn(self) -> None:
        if self._stamp is not None and self._stamp[3] & 0o077:
            _log.warning("users.readable_by_others", file=str(self._file))

    async def signed_in(self, name: str, password: str) -> User | None:
        """The user, if it is their password. Takes as long for a name nobody has.

        Raises Crowded when too many want to know such things at once.
        """
        if self._checking >= AT_ONCE + MOST_WAIT:
            raise Crowded
        self._checking += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._checked, name, password)
        finally:
            self._checking -= 1

    # In a thread

    def _checked(self, name: str, password: str) -> User | None:
        with self._once:
            if self._decoy is None:
                self._decoy = hashed("nobody's")
                self._admin = self._admins()
        user = self._admin if name == ADMIN else self._of_file.get(name) if self._readable else None
        right = is_right(password, self._decoy if user is None else user.password)
        return user if right and user is not None else None

    def _admins(self) -> User | None:
        if self._admin_secret is None:
            return None
        secret = self._admin_secret.get_secret_value()
        return User(ADMIN, "admin", secret if secret.startswith("$argon2") else hashed(secret))


def open_users(settings: Settings) -> Users:
    """Those of the settings. Raises ConfigError when something is wrong in their file."""
    users = Users(settings, user_file(settings))
    users.read()
    return users


def _stamp(file: Path) -> _Stamp:
    """Is another one when the file was changed; None while there is none."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    # The last one changes with the owner: a file that could not be read and now can.
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode, found.st_ctime_ns
