"""Whether the gateway runs: here, or at least under its public address."""

from collections.abc import Mapping
from typing import cast

import pytest

from gateway.ops.doctor.carrier import Answer, Carrier, NoAnswer
from gateway.ops.doctor.finding import Wrong
from gateway.ops.doctor.running import gateway_runs, json_object, local_base, readiness
from gateway.settings import load_settings

HERE, PUBLIC = "http://127.0.0.1:8000", "https://voice.example.com"


class Places:
    """A carrier that finds these answers, and nobody elsewhere."""

    base = PUBLIC

    def __init__(self, answers: Mapping[str, tuple[int, bytes]], **settings: str) -> None:
        self.settings = load_settings(_env_file=None, public_url=PUBLIC, **settings)
        self._answers = answers

    async def get(self, url: str) -> Answer:
        """What is there."""
        base = url.removesuffix("/readyz")
        if base not in self._answers:
            raise NoAnswer("Connection refused", connected=False)
        status, body = self._answers[base]
        return Answer(status, {"server": "somebody/1.0"}, body, 1.0)


async def runs(**answers: tuple[int, bytes]) -> str:
    """What the check says when these places answer so."""
    places = {"here": HERE, "public": PUBLIC}
    found = Places({places[name]: answer for name, answer in answers.items()})
    return await gateway_runs(cast(Carrier, found))


READY, DRAINING, FULL, OVERLOADED = (
    (200, b'{"status":"ready"}'),
    (503, b'{"status":"draining"}'),
    (503, b'{"status":"full"}'),
    (503, b'{"status":"overloaded"}'),
)
ELSE = (200, b"<h1>It works!</h1>")


@pytest.mark.asyncio
async def test_one_that_runs_here_is_found_here() -> None:
    """Whatever the public address says."""
    assert await runs(here=READY, public=ELSE) == f"ready at {HERE}"


@pytest.mark.asyncio
async def test_one_on_another_machine_is_found_by_its_public_address() -> None:
    """Even when something else has its port here."""
    assert await runs(public=READY) == f"ready at {PUBLIC}"
    assert await runs(here=ELSE, public=READY) == f"ready at {PUBLIC}"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("state", "says"),
    [(DRAINING, "is draining"), (FULL, "is full"), (OVERLOADED, "has more to do than it can")],
)
async def test_one_that_takes_no_calls_says_why(state: tuple[int, bytes], says: str) -> None:
    """Here or there."""
    for where in ("here", "public"):
        with pytest.raises(Wrong, match=says):
            await runs(**{where: state})


@pytest.mark.asyncio
async def test_none_at_all_is_told_with_what_was_found_instead() -> None:
    """At both places."""
    with pytest.raises(Wrong) as nobody:
        await runs(public=(502, b""))
    assert nobody.value.detail == f"nothing listens at {HERE}, and {PUBLIC}: answers HTTP 502"
    assert nobody.value.fix == "start `gateway serve`"
    with pytest.raises(Wrong, match=r"answered by something else \(somebody/1.0, HTTP 200\)"):
        await runs(here=ELSE)


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("10.0.0.5", "http://10.0.0.5:8000"),
        ("fd00::1", "http://[fd00::1]:8000"),
    ],
)
def test_where_it_listens_is_where_it_is_reached(host: str, base: str) -> None:
    """Every address of this machine is also loopback."""
    assert local_base(cast(Carrier, Places({}, host=host))) == base


@pytest.mark.parametrize("body", [b"", b"ready", b"[]", b'"ready"', b"\xff", b'{"status": 1}'])
def test_what_is_no_gateway_is_none(body: bytes) -> None:
    """Whatever it says."""
    assert readiness(Answer(200, {}, body, 1.0)) is None
    assert json_object(body) in ({}, {"status": 1})
