"""The keys of a campaign's calls."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.rowkeys import digest_of, key_of, prefix_of, read_key

NUMBER = "+12025550123"


def test_a_key_is_read_back() -> None:
    """Campaign, number and ordinal are in it, the number as a digest."""
    key = key_of("spring-2026", NUMBER, 3)
    assert key.startswith("campaign:spring-2026:")
    assert NUMBER[1:] not in key
    assert read_key(key) == (digest_of(NUMBER), 3)


@given(st.text(min_size=1, max_size=128), st.text(min_size=1, max_size=128))
def test_names_of_any_kind_have_their_own_keys(one: str, other: str) -> None:
    """Printable ASCII of at most 128 characters, and no prefix is the beginning of another."""
    key = key_of(one, NUMBER, 99)
    assert key.isascii()
    assert key.isprintable()
    assert len(key) <= 128
    assert one == other or not key.startswith(prefix_of(other))
