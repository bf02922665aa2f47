"""The REST application as a whole: what is not there."""

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.sim.twilio.client import QUIET, async_client
from tests.sim.twilio.peer import peer_and_twin

pytestmark = pytest.mark.filterwarnings(QUIET)


@pytest.mark.asyncio
async def test_what_is_not_modelled_is_not_found() -> None:
    """404 / 20404 in Twilio's shape, as for everything unknown."""
    async with peer_and_twin() as (_, twin), async_client(twin) as client:
        with pytest.raises(TwilioRestException) as missing:
            await client.messages("SM1").fetch_async()
        assert (missing.value.status, missing.value.code) == (404, 20404)
        with pytest.raises(TwilioRestException) as undeletable:
            await client.calls("CA1").delete_async()
        assert (undeletable.value.status, undeletable.value.code) == (405, 20004)
