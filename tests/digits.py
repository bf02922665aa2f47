"""Digits that must not be somewhere."""

import re


def stand_in(text: str, digits: str) -> bool:
    """Whether they stand there by themselves: in a time or a random name they come by chance."""
    return re.search(rf"(?<![\w.]){digits}(?!\w)", text) is not None
