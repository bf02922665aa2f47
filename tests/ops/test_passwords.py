"""Passwords: what is kept of one, and what is taken for it."""

import re

import pytest

from gateway.ops.passwords import hashed, is_right
from gateway.settings import ARGON2

KEPT = hashed("correct horse")


def test_what_is_kept_says_nothing() -> None:
    """An argon2id hash, each time another one, as the settings and the file take it."""
    assert re.fullmatch(ARGON2, KEPT)
    assert KEPT.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hashed("correct horse") != KEPT
    assert "correct" not in KEPT


@pytest.mark.parametrize(
    ("password", "right"),
    [
        ("correct horse", True),
        ("correct hors", False),
        ("Correct horse", False),
        ("", False),
        ("correct horse ", False),
        ("\ud800", False),
        ("x" * 100_000, False),
    ],
)
def test_what_is_right(password: str, right: bool) -> None:
    """The password to the letter, and nothing breaks it."""
    assert is_right(password, KEPT) is right


def test_a_letter_is_a_letter() -> None:
    """However a keyboard writes it: é as one character or as e and its accent."""
    assert is_right("caf\u0065\u0301 au lait", hashed("caf\u00e9 au lait"))


def test_hashes_of_others_are_taken() -> None:
    """With whatever costs they were made."""
    made = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21l$"
    assert not is_right("correct horse", made + "A" * 43)
    from argon2 import PasswordHasher

    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse")
    assert is_right("correct horse", cheap)


@pytest.mark.parametrize("kept", ["", "correct horse", "$argon2id$", "$argon2id$v=19$m=8$x$y"])
def test_what_is_no_hash_opens_nothing(kept: str) -> None:
    """Not even to itself."""
    assert not is_right(kept, kept)
    assert not is_right("correct horse", kept)
