"""Words are heard whole or not at all, and none gets lost between heard and unheard."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call.greeting import heard_words
from gateway.core.words import split_heard

TEXTS = st.text(max_size=60) | st.lists(
    st.sampled_from(["Hello", "there", "你好", "再见", "สวัสดี", "ที่นี่", " ", "\n", "café"])
).map("".join)
SHARES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("text", "share", "heard", "unheard"),
    [
        ("Your order is on its way.", 1.0, "Your order is on its way.", ""),
        ("Your order is on its way.", 0.0, "", "Your order is on its way."),
        ("Your order is on its way.", 0.5, "Your order", "is on its way."),
        ("Your order is on its way.", 0.44, "Your order", "is on its way."),
        ("Your order is on its way.", 0.39, "Your", "order is on its way."),
        ("Your order is on its way.", 0.99, "Your order is on its", "way."),
        ("Your order is on its way.", 2.0, "Your order is on its way.", ""),
        ("Your order is on its way.", -1.0, "", "Your order is on its way."),
        ("Your order is on its way.", math.nan, "", "Your order is on its way."),
        ("Hello", 0.9, "", "Hello"),
        ("", 0.5, "", ""),
        ("", 1.0, "", ""),
        ("  Hello there  ", 1.0, "Hello there", ""),
        ("One\ntwo\tthree", 0.7, "One\ntwo", "three"),
        ("您的订单已经在路上了", 0.5, "您的订单已", "经在路上了"),
        ("您的订单已经在路上了", 0.19, "您", "的订单已经在路上了"),
        ("ご注文は発送済みです。", 0.3, "ご注文", "は発送済みです。"),
        ("订单 4711 已发货", 0.5, "订单", "4711 已发货"),
        ("주문이 발송되었습니다", 0.8, "주문이", "발송되었습니다"),
        ("ที่นี่", 0.2, "", "ที่นี่"),
        ("ที่นี่", 0.5, "ที่", "นี่"),
    ],
)
def test_words_are_heard_whole(text: str, share: float, heard: str, unheard: str) -> None:
    """Where a script has no spaces, its characters are what is whole."""
    assert split_heard(text, share) == (heard, unheard)


@given(TEXTS, SHARES)
def test_no_word_is_lost(text: str, share: float) -> None:
    """Heard and unheard together are the text, but for spaces at the cut."""
    heard, unheard = split_heard(text, share)
    assert "".join((heard + unheard).split()) == "".join(text.split())
    assert text.strip().startswith(heard)
    assert text.strip().endswith(unheard)
    assert len(heard) <= len(text) * share


@given(TEXTS, SHARES, SHARES)
def test_more_audio_is_never_fewer_words(text: str, one: float, other: float) -> None:
    """What was heard at a smaller share is the beginning of what is heard at a larger one."""
    less, more = sorted((one, other))
    assert split_heard(text, more)[0].startswith(split_heard(text, less)[0])


@given(st.lists(st.text("abc", min_size=1, max_size=6), max_size=12).map(" ".join), SHARES)
def test_the_model_and_the_records_agree(text: str, share: float) -> None:
    """What the model is told was heard of a greeting is what its transcript says."""
    assert split_heard(text, share)[0] == heard_words(text, share).strip()
