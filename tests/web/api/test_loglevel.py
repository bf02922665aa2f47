"""``/api/log-level``: for admins, for a while, written down."""

from typing import Any

import pytest

from gateway.observe.loglevel import LogLevel
from tests.agents.folders import settings
from tests.web.api.desk import TOKEN, desk
from tests.web.api.test_agents import Trail

pytestmark = pytest.mark.asyncio

PATH = "/api/log-level"


def hand() -> LogLevel:
    """A level of nobody's log."""
    return LogLevel("info", lambda level: None)


async def test_it_is_shown_and_set() -> None:
    """With the moment it goes back; who did it is in the audit trail."""
    trail = Trail()
    async with desk(settings(api_token=TOKEN), log_level=hand(), audit=trail) as http:
        before = (await http.get(PATH)).json()
        answer = await http.put(PATH, json={"level": "debug", "minutes": 90})
        after = (await http.get(PATH)).json()
        back = (await http.put(PATH, json={"level": "info"})).json()
    assert before == back == {"level": "info", "usual": "info", "until": None}
    assert answer.status_code == 200
    assert answer.json() == after
    assert (after["level"], after["usual"]) == ("debug", "info")
    assert after["until"].endswith("Z")
    assert trail.noted == [("log_level", "debug for 90 minutes"), ("log_level", "info")]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"level": "trace"}, "$.level"),
        ({"level": "debug", "minutes": 0}, "$.minutes"),
        ({"level": "debug", "minutes": 1441}, "$.minutes"),
        ({"minutes": 5}, "level"),
        ({"level": "debug", "for": 5}, "for"),
    ],
)
async def test_a_wrong_wish_is_refused_by_name(body: dict[str, Any], named: str) -> None:
    """Nothing is changed, and it says what can be asked for."""
    level = hand()
    async with desk(settings(api_token=TOKEN), log_level=level) as http:
        answer = await http.put(PATH, json=body)
    assert answer.status_code == 400
    assert named in answer.json()["error"]
    assert "at most 1440" in answer.json()["error"]
    assert level.level == "info"


async def test_a_log_that_is_not_ours_is_left_alone() -> None:
    """503, and why."""
    async with desk(settings(api_token=TOKEN)) as http:
        assert (await http.get(PATH)).status_code == 503
