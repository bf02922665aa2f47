"""Ids of the offline Realtime server look like the real ones."""

import json

import pytest

from gateway.sim.realtime.ids import IdMint, stamp
from tests.fixtures.realtime.check import ROOT


def test_stamp_counts_seconds_in_base62() -> None:
    """The golden ids begin with the second their session was created in."""
    session = json.loads((ROOT / "server" / "session.created.json").read_text())["session"]
    assert session["id"].startswith("sess_EmF4i")
    created = session["expires_at"] - 3600
    assert stamp(created) == "EmF4i"
    assert stamp(created + 1) == "EmF4j"


@pytest.mark.parametrize(("prefix", "length"), [("event", 21), ("item", 21), ("call", 16)])
def test_an_id_has_its_prefix_and_length(prefix: str, length: int) -> None:
    """Ids have 21 characters behind the prefix, call ids 16."""
    made = IdMint(clock=lambda: 1_795_166_400).new(prefix)
    head, _, rest = made.partition("_")
    assert head == prefix
    assert len(rest) == length
    assert rest.isalnum()
    assert rest.isascii()


def test_ids_do_not_repeat() -> None:
    """Two mints in the same second make different ids."""
    first, second = IdMint(clock=lambda: 0), IdMint(clock=lambda: 0)
    made = [mint.new("event") for mint in (first, second) for _ in range(1000)]
    assert len(set(made)) == len(made)
