"""The account over REST, driven by Twilio's own package."""

import pytest

from gateway.sim.twilio import TwilioOptions, TwilioTwin
from tests.sim.twilio.client import QUIET, async_client
from tests.sim.twilio.peer import ACCOUNT, TOKEN

pytestmark = pytest.mark.filterwarnings(QUIET)


@pytest.mark.asyncio
async def test_the_account_says_what_it_is() -> None:
    """Its state and kind are the twin's options."""
    options = TwilioOptions(ACCOUNT, TOKEN, account_status="suspended", account_type="Trial")
    twin = TwilioTwin(options)
    await twin.start()
    async with async_client(twin) as client:
        account = await client.api.v2010.accounts(ACCOUNT).fetch_async()
    await twin.stop()
    assert (account.sid, account.status, account.type) == (ACCOUNT, "suspended", "Trial")
