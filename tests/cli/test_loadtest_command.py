"""What can be typed after `gateway loadtest`."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command

pytestmark = pytest.mark.usefixtures("nothing_set")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--delay", "fast"), "--delay: 'fast'"),
        (("--jitter", "5%"), "--jitter: '5%'"),
        (("--loss", "3"), "--loss: '3'"),
        (("--arrivals", "poisson:1/s"), "--arrivals: callers who come by chance need a --duration"),
        (("--arrivals", "often"), "--arrivals: 'often'"),
        (
            ("--arrivals", "poisson:1/s", "--duration", "5", "--ramp", "1"),
            "--arrivals: goes neither",
        ),
        (("--fixtures", "nowhere"), "--fixtures: nowhere"),
        (("--fail-if", "turn_p95"), "--fail-if: 'turn_p95'"),
        (("--baseline", "old.json"), "--baseline: old.json"),
        (("--report", "nowhere/a.html"), "nowhere/a.html: there is no folder nowhere"),
        (("--model", "gpt"), "--model: it is 'offline' or an address"),
        (("--target", "https://a.example", "--model", "offline"), "--model: the gateway of"),
        (("--target", "http://a.example"), "--target: "),
        (("--target", "http://127.0.0.1:1"), "not set: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    command: Command, words: tuple[str, ...], said: str
) -> None:
    """In one line that names the option, with exit code 2, before anything is started."""
    done = command("loadtest", "--calls", "1", *words)
    assert done.code == 2
    assert done.err.startswith(f"gateway: {said}")
    assert len(done.err.splitlines()) == 1


def test_a_number_of_calls_is_needed(command: Command, tmp_path: Path) -> None:
    """Nobody guesses how many."""
    assert command("loadtest").code == 2
    assert command("loadtest", "--calls", "0").code == 2
    assert list(tmp_path.iterdir()) == []
