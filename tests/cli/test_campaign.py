"""``gateway call --list``: its beginning and its end. What lies between is in test_campaign_run."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import campaign_run
from gateway.cli.campaign import CampaignWish, run_campaign
from gateway.cli.campaign_calls import Asked
from gateway.cli.gatewayapi import GatewayApi, Refused, Unreachable
from gateway.core.pace import Pace
from gateway.core.retries import DEFAULTS
from gateway.errors import GatewayError
from tests.cli.handgateway import HandGateway

ADA, BOB = "+12025550123", "+12025550147"


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> HandGateway:
    """The gateway that is asked."""
    hand = HandGateway()
    for name in ("QUICK_S", "LOOK_S"):
        monkeypatch.setattr(campaign_run, name, 0.001)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "made-up")
    for name in ("ask", "listed"):
        monkeypatch.setattr(
            GatewayApi, name, lambda _, *a, _to=name, **k: getattr(hand, _to)(*a, **k)
        )
    return hand


def wish(folder: Path, *rows: str, **more: Any) -> CampaignWish:
    """A list of these numbers."""
    path = folder / "numbers.csv"
    path.write_text("\n".join(["number", *rows]))
    return CampaignWish(
        **{
            "path": path,
            "asked": Asked("spring", {}),
            "data": {},
            "pace": Pace(1000, 0.001),
            "most": 5,
            "retries": DEFAULTS,
            "faults": 5,
            "result": folder / "out.csv",
            **more,
        }
    )


def test_the_result_is_written(
    tmp_path: Path, gateway: HandGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 when everybody was called; given again it is the same, and nobody is rung."""
    for _ in range(2):
        assert run_campaign(wish(tmp_path, ADA, BOB)) == 0
        assert (tmp_path / "out.csv").read_text().count(",completed,") == 2
    assert gateway.numbers() == [ADA, BOB]
    said = capsys.readouterr().out
    assert "campaign spring: 2 numbers\n" in said
    assert "campaign spring: 2 numbers, 2 completed before\n" in said


def test_json_is_all_that_is_printed(
    tmp_path: Path, gateway: HandGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows, and why it was stopped, if it was."""
    assert run_campaign(wish(tmp_path, ADA, ADA, as_json=True)) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["campaign"], said["stopped"]) == ("spring", None)
    assert [(row["number"], row["cost_usd"]) for row in said["rows"]] == [(ADA, 0.01)]


def test_mistakes_ring_nobody(
    tmp_path: Path, gateway: HandGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless the wrong lines are to be left out."""
    with pytest.raises(GatewayError, match=r"numbers\.csv:3: it is a short code"):
        run_campaign(wish(tmp_path, ADA, "911"))
    assert (gateway.asked, (tmp_path / "out.csv").exists()) == ([], False)
    assert run_campaign(wish(tmp_path, ADA, "911", skip_invalid=True)) == 0
    assert "numbers.csv:3: it is a short code, or an emergency number" in capsys.readouterr().out
    assert "invalid" in (tmp_path / "out.csv").read_text()


def test_checking_asks_nobody(
    tmp_path: Path, gateway: HandGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 when something is wrong."""
    assert run_campaign(wish(tmp_path, ADA, "911", ADA, check=True)) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.split("numbers.csv")[1].split(" ")[0] for line in said] == [":3:", ":4:", ":"]
    assert run_campaign(wish(tmp_path, ADA, check=True)) == 0
    assert gateway.asked == []


def test_the_list_is_not_overwritten(tmp_path: Path, gateway: HandGateway) -> None:
    """Not even by another spelling of its name."""
    mistaken = wish(tmp_path, ADA, result=tmp_path / "." / "numbers.csv")
    with pytest.raises(GatewayError, match="replace the list"):
        run_campaign(mistaken)


def test_a_result_that_cannot_be_written_rings_nobody(tmp_path: Path, gateway: HandGateway) -> None:
    """It is tried before."""
    (tmp_path / "file").write_text("")
    with pytest.raises(GatewayError, match="file"):
        run_campaign(wish(tmp_path, ADA, result=tmp_path / "file" / "out.csv"))
    assert gateway.asked == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Unreachable("no gateway answers", sent=False), "gateway serve"),
        (Refused(401, {"error": "who are you"}), "GATEWAY_API_TOKEN"),
    ],
)
def test_without_a_gateway_it_does_not_begin(
    tmp_path: Path, gateway: HandGateway, fault: Exception, words: str
) -> None:
    """One line that says what to do."""
    gateway.faults = [fault]
    with pytest.raises(GatewayError, match=words):
        run_campaign(wish(tmp_path, ADA))


def test_whatever_ends_it_the_result_is_written(
    tmp_path: Path, gateway: HandGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal in the middle, or somebody who leaves."""
    gateway.faults = [None, None, Refused(401, {"error": "who are you"})]
    with pytest.raises(GatewayError, match="who are you"):
        run_campaign(wish(tmp_path, ADA, BOB))
    assert "on_the_line" in (tmp_path / "out.csv").read_text()

    def leave(_run: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(campaign_run.Run, "run", leave)
    (tmp_path / "out.csv").unlink()
    assert run_campaign(wish(tmp_path, ADA, BOB)) == 1
    assert (tmp_path / "out.csv").exists()


def test_figures_that_are_known_later_are_in_the_result(
    tmp_path: Path, gateway: HandGateway
) -> None:
    """What a call cost is known when it is closed."""
    end = gateway.end

    def late(call: dict[str, Any], outcome: str) -> None:
        end(call, outcome)
        call["cost_usd"] = None

    gateway.end = late  # type: ignore[method-assign]
    said = gateway._page

    def page(name: str, after: str) -> dict[str, Any]:
        for call in gateway.calls.values():
            call["cost_usd"] = 0.5
        return said(name, after)

    gateway._page = page  # type: ignore[method-assign]
    assert run_campaign(wish(tmp_path, ADA)) == 0
    assert ",0.5," in (tmp_path / "out.csv").read_text()


def test_a_call_whose_answer_was_lost_is_in_the_result(
    tmp_path: Path, gateway: HandGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was let in, and somebody stopped the campaign before that was known."""
    gateway.stands_still = True
    run = campaign_run.Run.run

    def lose_and_stop(self: campaign_run.Run) -> None:
        gateway.faults = [Unreachable("cut off", sent=True)]
        bears = self._bears

        def stop(error: Unreachable | Refused) -> bool:
            self._hands.pressed = 1
            return bears(error)

        self._bears = stop  # type: ignore[method-assign]
        run(self)

    monkeypatch.setattr(campaign_run.Run, "run", lose_and_stop)
    assert run_campaign(wish(tmp_path, ADA)) == 1
    assert f"{ADA},on_the_line," in (tmp_path / "out.csv").read_text()
