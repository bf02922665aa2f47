"""How webhooks are signed, and when they are tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.hooks import DELAYS_S, LONGEST_ASKED_S, asked_s, signature, verify, wait_s

SECRET = b"a made-up secret"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())


def test_a_signature_is_what_anybody_computes() -> None:
    """Made by `printf '1767225600.{}' | openssl dgst -sha256 -hmac 'a made-up secret'`."""
    assert signature(SECRET, 1767225600, b"{}") == (
        "v1=6180d89af7a166f17442d5ad95e14f5d186f1f045ef78831c6c907d9d7786393"
    )


@given(st.binary(min_size=1), st.binary(), st.integers(-300, 300))
def test_what_was_signed_just_now_is_genuine(secret: bytes, body: bytes, late_s: int) -> None:
    """Five minutes of difference between the clocks are allowed, either way."""
    assert verify(secret, str(AT), body, signature(secret, AT, body), AT + late_s)


@pytest.mark.parametrize(
    ("secret", "timestamp", "body", "now_s"),
    [
        (b"another", str(AT), b"{}", AT),
        (SECRET, str(AT + 1), b"{}", AT),
        (SECRET, str(AT), b"{} ", AT),
        (SECRET, str(AT), b"{}", AT + 301),
        (SECRET, str(AT), b"{}", AT - 301),
        (SECRET, "", b"{}", AT),
        (SECRET, f"{AT}.0", b"{}", AT),
        (SECRET, "٣" * 10, b"{}", AT),
        (SECRET, "9" * 5000, b"{}", AT),
    ],
)
def test_anything_else_is_not(secret: bytes, timestamp: str, body: bytes, now_s: float) -> None:
    """Another secret, moment or body, an old one, and a timestamp that is none."""
    assert not verify(secret, timestamp, body, signature(SECRET, AT, b"{}"), now_s)


@given(st.text(st.characters()))
def test_a_made_up_signature_is_not_genuine(given_: str) -> None:
    """Whatever it is made of, nothing is raised."""
    assert not verify(SECRET, str(AT), b"{}", given_, AT)


def test_waits_grow_from_a_second_to_four_hours() -> None:
    """In the middle of their jitter they are as documented; after the ninth attempt it is over."""
    waits = [wait_s(attempts, 0.5) for attempts in range(1, 10)]
    assert waits == [1, 4, 15, 60, 240, 900, 3600, 14400, None]


@given(st.integers(1, len(DELAYS_S)), st.floats(0, 1))
def test_chance_moves_a_wait_by_a_fifth(attempts: int, chance: float) -> None:
    """Never so far that a later attempt could come sooner than an earlier one."""
    wait = wait_s(attempts, chance)
    assert wait is not None
    assert abs(wait / DELAYS_S[attempts - 1] - 1) <= 0.2 + 1e-9


@given(st.integers(len(DELAYS_S) + 1), st.floats(0, 1))
def test_it_ends(attempts: int, chance: float) -> None:
    """However many attempts are counted, by however many gateways that died."""
    assert wait_s(attempts, chance) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("120", 120),
        ("3601", LONGEST_ASKED_S),
        ("9" * 5000, LONGEST_ASKED_S),
        ("-5", 0),
        ("1.5", 0),
        ("٣", 0),
        ("soon", 0),
        ("Sun, 01 Mar 2026 12:02:00 GMT", 120),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Mon, 02 Mar 2026 12:00:00 GMT", LONGEST_ASKED_S),
        ("Sun, 01 Mar 2026 12:02:00 +0100", 0),
    ],
)
def test_a_receiver_may_ask_for_a_wait(header: str, seconds: float) -> None:
    """In seconds or as a moment, an hour at most; what cannot be read asks for nothing."""
    assert asked_s(header, NOW) == seconds


@given(st.integers(0, 10**6))
def test_both_forms_mean_the_same(wait: int) -> None:
    """The moment `wait` seconds from now, and `wait` seconds."""
    moment = (NOW + timedelta(seconds=wait)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert asked_s(moment, NOW) == asked_s(str(wait), NOW)


@given(st.text())
def test_no_header_is_too_strange(header: str) -> None:
    """A bounded wait, and nothing raised."""
    assert 0 <= asked_s(header, NOW) <= LONGEST_ASKED_S
