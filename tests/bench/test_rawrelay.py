"""The floor refuses strangers like any other variant."""

from __future__ import annotations

import asyncio

import pytest

from bench.rawrelay import Switchboard
from bench.webhook import Account, WebhookRefused, request_stream
from tests.ports import free_port


@pytest.mark.asyncio
async def test_only_signed_webhooks_are_answered() -> None:
    """The account's signature gets a stream, another one 403."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "GATEWAY_PUBLIC_URL": url,
        "TWILIO_AUTH_TOKEN": "right",
        "GATEWAY_REALTIME_URL": "ws://127.0.0.1:1/v1/realtime",
        "OPENAI_API_KEY": "key",
    }
    serving = asyncio.create_task(Switchboard(environment).serve("127.0.0.1", port))
    try:
        stream = await until_answered(Account("AC1", "right", url))
        assert stream.endswith("/twilio/media")
        with pytest.raises(WebhookRefused, match="403"):
            await request_stream(Account("AC1", "wrong", url), "CA1", 1)
    finally:
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving


async def until_answered(account: Account) -> str:
    async with asyncio.timeout(10):
        while True:
            try:
                return (await request_stream(account, "CA1", 1)).url
            except ConnectionRefusedError:
                await asyncio.sleep(0)
