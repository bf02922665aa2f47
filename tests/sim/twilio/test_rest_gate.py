"""What stands before every REST request: the password, the record, the faults."""

import asyncio

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from gateway.sim.twilio import Callee, RestFault
from tests.sim.twilio.client import QUIET, async_client, in_thread, sync_client
from tests.sim.twilio.peer import CALLER, NUMBER, peer_and_twin

pytestmark = pytest.mark.filterwarnings(QUIET)

ORDER = {"to": CALLER, "from_": NUMBER, "twiml": "<Response/>"}


@pytest.mark.asyncio
async def test_a_wrong_password_is_20003() -> None:
    """And nothing happens."""
    async with peer_and_twin() as (_, twin):
        client = sync_client(twin, token="wrong")
        with pytest.raises(TwilioRestException) as refused:
            await in_thread(lambda: client.calls.create(**ORDER))
        for header in ("", "Basic !", "Bearer x"):
            answer = await in_thread(
                lambda h=header: requests.get(  # type: ignore[misc]
                    f"{twin.url}/2010-04-01/Accounts/AC1/Calls.json",
                    headers={"Authorization": h},
                    timeout=5,
                )
            )
            assert answer.status_code == 401
            assert answer.json()["code"] == 20003
    assert (refused.value.status, refused.value.code) == (401, 20003)
    assert not twin.calls


@pytest.mark.asyncio
async def test_a_fault_hits_one_matching_request() -> None:
    """429 once, for that method and path; then all is well, and no call was made in between."""
    callee = Callee(ring_ms=10)
    async with peer_and_twin(other_callees=callee) as (_, twin), async_client(twin) as client:
        twin.faults.append(
            RestFault(status=429, code=20429, message="Too Many", method="POST", path="/Calls")
        )
        assert await client.calls.list_async() == []
        with pytest.raises(TwilioRestException) as refused:
            await client.calls.create_async(**ORDER)
        assert (refused.value.status, refused.value.code) == (429, 20429)
        assert not twin.calls
        await client.calls.create_async(**ORDER)
        assert len(twin.calls) == 1


@pytest.mark.asyncio
async def test_an_answer_can_be_lost_after_the_work_was_done() -> None:
    """The connection is cut, and the call exists all the same: never repeat a create blindly."""
    async with peer_and_twin(other_callees=Callee(ring_ms=10)) as (_, twin):
        client = sync_client(twin)
        twin.faults.append(RestFault(cut=True, after=True))
        with pytest.raises(requests.exceptions.RequestException):
            await in_thread(lambda: client.calls.create(**ORDER))
        assert len(twin.calls) == 1
        twin.faults.append(RestFault(status=500, after=True))
        with pytest.raises(TwilioRestException):
            await in_thread(lambda: client.calls.create(**ORDER))
        assert len(twin.calls) == 2


@pytest.mark.asyncio
async def test_silence_can_be_had() -> None:
    """The answer comes after the delay, or not before the client's patience ends."""
    async with peer_and_twin() as (_, twin), async_client(twin) as client:
        twin.faults.append(RestFault(delay_s=0.05))
        assert await client.calls.list_async() == []
        twin.faults.append(RestFault(delay_s=15))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.calls.list_async()


@pytest.mark.asyncio
async def test_requests_are_recorded_without_the_password() -> None:
    """Method, path, query and form pairs in their order."""
    async with peer_and_twin(other_callees=Callee(ring_ms=10)) as (_, twin):
        async with async_client(twin) as client:
            await client.calls.list_async(to=CALLER)
            await client.calls.create_async(**ORDER)
        listed, made = twin.rest_requests
    assert (listed.method, listed.query[0]) == ("GET", ("To", CALLER))
    assert set(made.form) == {("To", CALLER), ("From", NUMBER), ("Twiml", "<Response/>")}
    assert made.path.endswith("/Calls.json")
    assert "authorization" not in made.headers
