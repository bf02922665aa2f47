"""The keys under which the calls of a list are let in: who has one is not rung for it again.

A key has the campaign, a digest of the number and which time it is rung. So the same list, given
again, finds what became of it, in whatever order it is and whatever else its rows say by now.
"""

import hashlib
import re
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST: Final = 32


def prefix_of(campaign: str) -> str:
    """What the keys of a campaign begin with. ASCII, whatever its name is."""
    plain = _PLAIN.fullmatch(campaign) is not None
    return f"campaign:{campaign if plain else '~' + _digest(campaign)}:"


def digest_of(number: str) -> str:
    """A number of the list (E.164) in a key."""
    return _digest(number)


def key_of(campaign: str, number: str, ordinal: int) -> str:
    """The key of a call; ``ordinal`` counts from 1."""
    return f"{prefix_of(campaign)}{digest_of(number)}:{ordinal}"


def read_key(key: str) -> tuple[str, int]:
    """The digest and the ordinal in a key. Raises ValueError when it is of another kind."""
    _, digest, ordinal = key.rsplit(":", 2)
    return digest, int(ordinal)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
