"""The control of a standalone twin's REST API."""

import httpx2
import pytest

from gateway.sim.twilio import RestFault, TwilioOptions, TwilioTwin
from tests.sim.twilio.peer import ACCOUNT, TOKEN


@pytest.mark.asyncio
async def test_requests_are_read_and_faults_are_set_over_http() -> None:
    """What is asked below `/twin` is neither recorded nor meets a fault."""
    twin = TwilioTwin(TwilioOptions(ACCOUNT, TOKEN))
    await twin.start()
    path = f"/2010-04-01/Accounts/{ACCOUNT}.json"
    async with httpx2.AsyncClient(
        base_url=twin.url, auth=(ACCOUNT, TOKEN), trust_env=False
    ) as http:
        fault = {"status": 429, "code": 20429, "message": "Too Many Requests"}
        assert (await http.post("/twin/faults", json=fault)).status_code == 204
        assert twin.faults == [RestFault(**fault)]  # type: ignore[arg-type]
        (listed,) = (await http.get("/twin/faults")).json()
        assert listed["status"] == 429
        assert (await http.get(path)).status_code == 429
        assert (await http.get(path)).status_code == 200
        first, second = (await http.get("/twin/requests")).json()
        assert (first["method"], first["path"], first["user"]) == ("GET", path, ACCOUNT)
        assert "authorization" not in second["headers"]
        await http.post("/twin/faults", json=fault)
        assert (await http.delete("/twin/faults")).status_code == 204
        assert (await http.get(path)).status_code == 200
        wrong = await http.post("/twin/faults", json={"status": "no"})
        assert (wrong.status_code, wrong.json()["code"]) == (400, 20001)
    async with httpx2.AsyncClient(base_url=twin.url, trust_env=False) as stranger:
        assert (await stranger.get("/twin/requests")).status_code == 401
    await twin.stop()
