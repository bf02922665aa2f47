"""Digits that must not be somewhere."""

import re


def stand_in(text: str, digits: str) -> bool:
    """Whether they stand there; within a longer number or a random name they come by chance."""
    return re.search(rf"(?<![0-9a-f])(?<!\d\.){digits}(?![0-9a-f])", text) is not None
