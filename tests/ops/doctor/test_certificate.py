"""The certificate check; test_broken.py has the certificates that are wrong."""

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.ops.doctor.carrier import Carrier
from gateway.ops.doctor.certificate import certificate_good
from gateway.ops.doctor.finding import Skipped, Wrong
from gateway.settings import load_settings
from tests.ops.doctor.front import front
from tests.ops.doctor.world import trusting
from tests.store.certificates import Authority


async def looked(url: str) -> str:
    """What the check says of a public address."""
    async with Carrier(load_settings(_env_file=None, public_url=url)) as carrier:
        return await certificate_good(carrier)


@pytest.mark.asyncio
async def test_a_good_one_says_how_long_it_lasts(tmp_path: Path) -> None:
    """For whom, and who vouches for it."""
    authority = Authority(tmp_path)
    tls = authority.server("localhost", ends=timedelta(days=60, hours=1))
    with trusting(authority):
        async with front(tls, "http://127.0.0.1:1") as proxy:
            told = await looked(proxy.url)
    assert told == "valid for localhost, 60 days left, vouched for by CN=A test's authority"


@pytest.mark.asyncio
@pytest.mark.parametrize(("left", "right"), [(3, True), (1, False)])
async def test_one_that_lives_days_only_may_end_in_days(
    tmp_path: Path, left: int, right: bool
) -> None:
    """Less than a quarter of its life is too little, for those of six days as for any."""
    authority = Authority(tmp_path)
    begins, ends = timedelta(days=left - 6), timedelta(days=left)
    with trusting(authority):
        async with front(
            authority.server("localhost", begins=begins, ends=ends), "http://127.0.0.1:1"
        ) as proxy:
            if right:
                await looked(proxy.url)
            else:
                with pytest.raises(Wrong, match="lasts only"):
                    await looked(proxy.url)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("url", "says", "blocks"),
    [
        ("", "GATEWAY_PUBLIC_URL is not set", True),
        ("http://127.0.0.1:8000", "no https address", False),
        ("https://localhost:1", "no connection", False),
        ("https://nowhere.invalid", "no connection", False),
    ],
)
async def test_where_there_is_none_to_see_it_is_not_tried(
    url: str, says: str, blocks: bool
) -> None:
    """Who does not listen, or has no name, is told by `public-url`."""
    with pytest.raises(Skipped) as skipped:
        await looked(url)
    assert says in skipped.value.reason
    assert skipped.value.blocks is blocks


@pytest.mark.asyncio
async def test_a_server_that_wants_another_tls_is_named(tmp_path: Path) -> None:
    """And where to look."""
    authority = Authority(tmp_path)
    tls = authority.server("localhost")
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    with trusting(authority):
        async with front(tls, "http://127.0.0.1:1") as proxy:
            settings = load_settings(_env_file=None, public_url=proxy.url)
            async with Carrier(settings) as carrier:
                carrier.tls.maximum_version = ssl.TLSVersion.TLSv1_2
                with pytest.raises(Wrong, match="breaks the TLS handshake off"):
                    await certificate_good(carrier)
