"""Passwords as they are kept: argon2id hashes.

Checking one takes some 40 ms of a processor and 19 MiB: meant so, and nothing for the calls' loop.
"""

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

# OWASP's least for argon2id. One lane: more would take processors from the calls.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

LONGEST = 1024
"""Characters of a password."""


def hashed(password: str) -> str:
    """What is kept of a password."""
    return _hasher.hash(_plain(password))


def is_right(password: str, kept: str) -> bool:
    """True when that password was hashed; of something that is no hash, none was."""
    try:
        return _hasher.verify(kept, _plain(password))
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False


def _plain(password: str) -> bytes:
    # An é may be typed as one character or as two. Half a surrogate pair is in nobody's password.
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
