"""Which of an agent's words were heard, when it is known how much of their audio was.

An estimate: words are taken to be spread evenly over their audio.
"""

import unicodedata
from typing import Final

NOT_SPOKEN: Final = frozenset({"gateway:filler", "gateway:hold", "gateway:tones"})
"""Items of the gateway's own audio that are nobody's words."""
_SPACELESS: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3000, 0x30FF),  # CJK punctuation, kana
    (0x3400, 0x9FFF),  # CJK
    (0xF900, 0xFAFF),
    (0xFF00, 0xFFEF),  # their punctuation in full width
    (0x20000, 0x3FFFF),
)
"""Scripts that put no space between words (code points, first and last)."""
_FIRST: Final = chr(_SPACELESS[0][0])


def split_heard(text: str, share: float) -> tuple[str, str]:
    """The words that were heard and those that were not, when this share of their audio was.

    A word counts as heard when all of it was. Where a script has no spaces, characters count.
    """
    if not share > 0:  # NaN is nothing heard, too
        return "", text.strip()
    cut = int(len(text) * min(share, 1.0))
    while not _between_words(text, cut):
        cut -= 1
    return text[:cut].strip(), text[cut:].strip()


def _between_words(text: str, place: int) -> bool:
    if place in (0, len(text)):
        return True
    before, after = text[place - 1], text[place]
    if before.isspace() or after.isspace():
        return True
    # What is no letter of its own (vowel signs, tone marks) stays with the one before it.
    spaceless = _is_spaceless(before) or _is_spaceless(after)
    return spaceless and not unicodedata.category(after).startswith("M")


def _is_spaceless(char: str) -> bool:
    return char >= _FIRST and any(first <= ord(char) <= last for first, last in _SPACELESS)
