"""Security headers: on every answer browsers could get, and strict."""

from pathlib import Path

import pytest

from gateway.web.headers import CONTENT_SECURITY_POLICY, SECURITY_HEADERS
from tests.web.carrier import new_call_sid
from tests.web.running import running

ADDRESSES = ["/", "/static/index.html", "/static/none", "/api/session", "/none", "/healthz"]
ADDRESSES += ["/api/audit?limit=0", "/metrics", "/readyz"]


def test_the_policy_lets_nothing_in() -> None:
    """Nothing inline, nothing from elsewhere, nothing evaluated, no frame, no form."""
    policy = dict(each.partition(" ")[::2] for each in CONTENT_SECURITY_POLICY.split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["frame-ancestors"] == policy["trusted-types"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http:" not in CONTENT_SECURITY_POLICY


@pytest.mark.asyncio
async def test_every_answer_has_them(tmp_path: Path) -> None:
    """Pages, answers of the API, refusals, what is not there; once each."""
    async with running(tmp_path) as gateway:
        for path in ADDRESSES:
            for headers in ({}, {"X-Forwarded-For": "9.9.9.9"}, {"Authorization": "Bearer x"}):
                answer = await gateway.http.get(path, headers=headers)
                for name, value in SECURITY_HEADERS.items():
                    assert answer.headers.get_list(name) == [value], (path, name)


@pytest.mark.asyncio
async def test_the_carrier_needs_none(tmp_path: Path) -> None:
    """Its answers are as they were."""
    async with running(tmp_path) as gateway:
        answer = await gateway.announce(new_call_sid())
        assert answer.status_code == 200
        assert not {name.lower() for name in SECURITY_HEADERS} & set(answer.headers)
