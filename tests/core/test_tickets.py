"""Stream tickets: who gets in with one, who does not, and why."""

import hashlib
import hmac
import string
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.tickets import (
    Ticket,
    UsedNonces,
    derive_secret,
    hkdf_sha256,
    issue,
    verify,
)
from gateway.errors import ConfigError, Rejected

_SECRET = derive_secret("an auth token", "tickets")
_CALL = "CA0123456789abcdef0123456789abcdef"
_ACCOUNT = "AC0123456789abcdef0123456789abcdef"
_NOW = 1_795_166_400.25
_NONCE = bytes(range(16))


def _issue(
    *,
    secret: bytes = _SECRET,
    call_sid: str = _CALL,
    called: str = "+15551234567",
    agent: str = "assistant",
    nonce: bytes = _NONCE,
    now: float = _NOW,
) -> str:
    return issue(
        secret,
        call_sid=call_sid,
        account_sid=_ACCOUNT,
        called=called,
        agent=agent,
        nonce=nonce,
        now=now,
    )


def _reason(
    text: str,
    *,
    secret: bytes = _SECRET,
    call_sid: str = _CALL,
    account_sid: str = _ACCOUNT,
    now: float = _NOW,
) -> str:
    """Why `verify` turns the ticket away."""
    with pytest.raises(Rejected) as caught:
        verify(secret, text, call_sid=call_sid, account_sid=account_sid, now=now)
    return caught.value.reason


def _sign(signed: str, secret: bytes = _SECRET) -> str:
    mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64url(mac)}"


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_fresh_ticket_opens_its_own_call() -> None:
    """Everything the webhook promised comes back, unchanged."""
    ticket = verify(_SECRET, _issue(), call_sid=_CALL, account_sid=_ACCOUNT, now=_NOW + 59.9)
    assert ticket == Ticket(_CALL, _ACCOUNT, "+15551234567", "assistant", _NONCE, _NOW + 60)


def test_a_ticket_fits_a_parameter_and_a_url() -> None:
    """A normal ticket is well under Twilio's limit and needs no escaping anywhere."""
    text = _issue(called="+123456789012345", agent="a" * 64, nonce=bytes(32))
    assert len(text) < 480
    assert set(text) <= set(string.ascii_letters + string.digits + "-_.")


@given(
    st.text(max_size=30),
    st.text(max_size=30),
    st.binary(min_size=16, max_size=32),
    st.floats(0, 4e9),
)
def test_any_fields_survive(called: str, agent: str, nonce: bytes, now: float) -> None:
    """Whatever an agent or a called address is named, the ticket says the same."""
    try:
        text = _issue(called=called, agent=agent, nonce=nonce, now=now)
    except (ConfigError, UnicodeEncodeError):
        return
    ticket = verify(_SECRET, text, call_sid=_CALL, account_sid=_ACCOUNT, now=now)
    assert (ticket.called, ticket.agent, ticket.nonce) == (called, agent, nonce)


@pytest.mark.parametrize(
    "text",
    [
        "v1",
        "v1.",
        "v1..",
        "v1.abc",
        "v1.abc.",
        "v1..abc",
        "v1.a.b.c",
        "v2." + _issue().partition(".")[2],
        "." + _issue().partition(".")[2],
        " " + _issue(),
        _issue() + "." + "A" * 40,
        _issue() + "\u00e9",
        "\ud800",
        "v1." + "A" * 490 + ".AAAA",
        "{}",
    ],
)
def test_what_is_no_ticket_is_malformed(text: str) -> None:
    """A text without the three parts of our version is turned away before any arithmetic."""
    assert _reason(text) == "ticket_malformed"


def test_no_ticket_at_all_is_missing() -> None:
    """A stream without the parameter is told apart from one with a bad one."""
    assert _reason("") == "ticket_missing"


def test_another_secret_forges() -> None:
    """A ticket signed by someone else, or with a secret for another purpose, is forged."""
    assert _reason(_issue(secret=b"guess")) == "ticket_forged"
    other = derive_secret("an auth token", "cookies")
    assert _reason(_issue(secret=other)) == "ticket_forged"


def test_every_single_changed_character_is_noticed() -> None:
    """There is exactly one text for each ticket: not even a spare bit may differ."""
    text = _issue()
    for at, old in enumerate(text):
        new = "B" if old != "B" else "C"
        changed = text[:at] + new + text[at + 1 :]
        assert _reason(changed) in {"ticket_forged", "ticket_malformed"}, at
    assert _reason(text[:-1] + _neighbour(text[-1])) == "ticket_forged"
    for spaced in (text + "\n", text + "=", text[:9] + " " + text[9:]):
        assert _reason(spaced) == "ticket_forged"


def _neighbour(letter: str) -> str:
    """The base64 letter that differs in the lowest bit only, which a decoder would not see."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    return alphabet[alphabet.index(letter) ^ 1]


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b"null", b"[1,2,3,4,5,6]", b'["a","b","c","d","AAAA","soon"]', b"\xff", b"x"],
)
def test_something_else_we_signed_is_no_ticket(body: bytes) -> None:
    """A secret shared with another purpose does not turn that purpose's texts into tickets."""
    assert _reason(_sign(f"v1.{_base64url(body)}")) == "ticket_malformed"


def test_a_good_signature_over_a_bad_encoding_is_malformed() -> None:
    """Even signed text is decoded with care."""
    assert _reason(_sign("v1.A")) == "ticket_malformed"


@pytest.mark.parametrize(
    ("age_s", "good"), [(-5.0, True), (0.0, True), (59.99, True), (60.0, False), (86_400.0, False)]
)
def test_a_ticket_lives_for_a_minute(age_s: float, good: bool) -> None:
    """The last moment of the minute is already too late; a clock slightly behind is fine."""
    if good:
        verify(_SECRET, _issue(), call_sid=_CALL, account_sid=_ACCOUNT, now=_NOW + age_s)
    else:
        assert _reason(_issue(), now=_NOW + age_s) == "ticket_expired"


def test_a_ticket_of_another_call_or_account_does_not_open_this_one() -> None:
    """The ids of `start` must be those the webhook was about."""
    assert _reason(_issue(), call_sid="CA" + "f" * 32) == "ticket_other_call"
    assert _reason(_issue(), account_sid="AC" + "f" * 32) == "ticket_other_account"


def test_reasons_come_in_order() -> None:
    """Of several faults the first is told, so that counts mean one thing each."""
    late = _NOW + 61
    assert _reason(_issue(secret=b"x"), now=late, call_sid="CAx") == "ticket_forged"
    assert _reason(_issue(), now=late, call_sid="CAx") == "ticket_expired"
    assert _reason(_issue(), call_sid="CAx", account_sid="ACx") == "ticket_other_call"


def test_a_short_nonce_is_a_mistake() -> None:
    """Less than 128 bits of randomness is refused."""
    with pytest.raises(ValueError, match="nonce"):
        _issue(nonce=bytes(15))


def test_an_empty_secret_signs_nothing_and_opens_nothing() -> None:
    """A missing secret fails loudly on both sides, never open."""
    with pytest.raises(ValueError, match="secret"):
        _issue(secret=b"")
    with pytest.raises(ValueError, match="secret"):
        verify(b"", _issue(), call_sid=_CALL, account_sid=_ACCOUNT, now=_NOW)
    with pytest.raises(ValueError, match="empty"):
        derive_secret("", "tickets")


def test_a_ticket_too_long_for_twilio_is_refused_when_issued() -> None:
    """The message names what is too long."""
    with pytest.raises(ConfigError, match="agent name 'aaa"):
        _issue(agent="a" * 300)


def test_the_longest_ticket_that_is_issued_is_also_accepted() -> None:
    """Both sides agree on the limit, and with its name it is under Twilio's 500."""
    longest = ""
    for length in range(150, 320):
        try:
            longest = _issue(agent="a" * length)
        except ConfigError:
            break
    assert 480 < len(longest) <= 490
    assert len("ticket") + len(longest) < 500
    verify(_SECRET, longest, call_sid=_CALL, account_sid=_ACCOUNT, now=_NOW)


def test_the_representation_keeps_the_nonce() -> None:
    """A ticket in a log tells nothing that could be replayed."""
    ticket = verify(_SECRET, _issue(), call_sid=_CALL, account_sid=_ACCOUNT, now=_NOW)
    assert repr(_NONCE)[2:-1] not in repr(ticket)
    assert _CALL in repr(ticket)


@given(st.text(max_size=80))
def test_no_text_opens_a_call_by_chance(text: str) -> None:
    """Arbitrary text is rejected with one of the counted words, and nothing else is raised."""
    assert _reason(text) in {"ticket_missing", "ticket_malformed", "ticket_forged"}
    assert _reason(f"v1.{text}.x") in {"ticket_malformed", "ticket_forged"}


def _ticket(number: int, expires_at: float) -> Ticket:
    return Ticket(_CALL, _ACCOUNT, "", "", number.to_bytes(16, "big"), expires_at)


def test_a_ticket_is_good_once() -> None:
    """The second stream with the same ticket is turned away, another ticket is not."""
    used = UsedNonces()
    used.redeem(_ticket(1, 60.0), now=0.0)
    used.redeem(_ticket(2, 60.0), now=0.0)
    with pytest.raises(Rejected, match="ticket_reused"):
        used.redeem(_ticket(1, 60.0), now=1.0)


def test_expired_tickets_are_forgotten_but_never_come_back() -> None:
    """Memory is bounded by the life of a ticket; what may be forgotten is no longer good."""
    used = UsedNonces()
    for number in range(500):
        used.redeem(_ticket(number, number + 60.0), now=float(number))
    assert len(used) == 60
    with pytest.raises(Rejected, match="ticket_expired"):
        used.redeem(_ticket(3, 63.0), now=500.0)


def test_a_full_memory_closes_the_door() -> None:
    """Rather than forget a live ticket, a new one is refused until old ones expire."""
    used = UsedNonces(most=2)
    used.redeem(_ticket(1, 60.0), now=0.0)
    used.redeem(_ticket(2, 60.0), now=0.0)
    with pytest.raises(Rejected, match="ticket_overflow"):
        used.redeem(_ticket(3, 60.0), now=59.0)
    with pytest.raises(Rejected, match="ticket_reused"):
        used.redeem(_ticket(1, 60.0), now=59.0)
    used.redeem(_ticket(3, 70.0), now=60.0)
    assert len(used) == 1


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.floats(0, 90, width=16), st.floats(0, 40, width=16)),
        max_size=60,
    )
)
def test_no_order_of_redeeming_lets_a_nonce_in_twice(
    attempts: list[tuple[int, float, float]],
) -> None:
    """With any lifetimes and any waiting, each ticket is admitted at most once."""
    used = UsedNonces(most=4)
    now = 0.0
    expiry: dict[int, float] = {}
    admitted: list[int] = []
    for number, life_s, wait_s in attempts:
        now += wait_s
        expires_at = expiry.setdefault(number, now + life_s)
        try:
            used.redeem(_ticket(number, expires_at), now)
        except Rejected:
            continue
        assert now < expires_at
        admitted.append(number)
    assert len(admitted) == len(set(admitted))
    assert len(used) <= 4


@pytest.mark.parametrize(
    ("key", "salt", "info", "length", "okm"),
    [
        (
            "0b" * 22,
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            42,
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            bytes(range(0x00, 0x50)).hex(),
            bytes(range(0x60, 0xB0)).hex(),
            bytes(range(0xB0, 0x100)).hex(),
            82,
            (
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                "cc30c58179ec3e87c14c01d5c1f3434f1d87"
            ),
        ),
        (
            "0b" * 22,
            "",
            "",
            42,
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ],
)
def test_hkdf_agrees_with_rfc_5869(key: str, salt: str, info: str, length: int, okm: str) -> None:
    """The three SHA-256 test vectors of the RFC's appendix A."""
    derived = hkdf_sha256(
        bytes.fromhex(key), salt=bytes.fromhex(salt), info=bytes.fromhex(info), length=length
    )
    assert derived.hex() == okm


def test_hkdf_has_an_end() -> None:
    """More than 255 blocks are undefined."""
    with pytest.raises(ValueError, match="8160"):
        hkdf_sha256(b"k", salt=b"", info=b"", length=8161)
    assert len(hkdf_sha256(b"k", salt=b"", info=b"", length=8160)) == 8160


def test_secrets_differ_by_purpose_and_token() -> None:
    """A derived secret is 32 bytes, always the same, and no other purpose has it."""
    assert derive_secret("token", "tickets") == derive_secret("token", "tickets")
    different = {
        derive_secret(token, purpose)
        for token in ("token", "token2")
        for purpose in ("tickets", "cookies")
    }
    assert len(different) == 4
    assert {len(secret) for secret in different} == {32}
