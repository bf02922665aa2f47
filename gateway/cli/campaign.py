"""``gateway call --list``: rings the numbers of a list through the running gateway.

Owns the beginning and the end: the list is checked as a whole before anybody is rung, and what
became of it is written down however it ends. All that is known of it in between lies with the calls
of the gateway, so that the same command goes on after it was stopped, or killed.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from gateway.cli.call import interrupts, why_refused
from gateway.cli.calls_files import write_private
from gateway.cli.calls_text import take_everything
from gateway.cli.campaign_calls import Asked, CampaignCalls, attempts_of
from gateway.cli.campaign_list import Listed, read_list
from gateway.cli.campaign_progress import CampaignProgress, some
from gateway.cli.campaign_result import all_called, csv_of, rows_of
from gateway.cli.campaign_run import Run
from gateway.cli.gatewayapi import GatewayApi, Refused, Unreachable
from gateway.core.campaign import Campaign
from gateway.core.pace import Pace
from gateway.core.retries import Retry
from gateway.errors import GatewayError
from gateway.settings import load_settings


@dataclass(frozen=True)
class CampaignWish:
    """What was typed."""

    path: Path
    asked: Asked
    data: Mapping[str, str]
    """What every agent is told."""
    pace: Pace
    most: int
    """Calls at a time."""
    retries: Mapping[str, Retry]
    faults: int
    """So many in a row, and the campaign is stopped."""
    result: Path | None = None
    check: bool = False
    skip_invalid: bool = False
    as_json: bool = False
    gateway: str | None = None


def run_campaign(wish: CampaignWish) -> int:
    """Rings the numbers of a list. 0 when every one was called and has its outcome."""
    take_everything()
    listed = read_list(wish.path, wish.data)
    if wish.check:
        return _checked(listed, wish)
    if wish.result is not None and wish.result.resolve() == wish.path.resolve():
        raise GatewayError(f"{wish.result}: the result would replace the list")
    progress = CampaignProgress(quiet=wish.as_json)
    _insist(listed, wish, progress)
    begun_at = time.monotonic()
    with GatewayApi(load_settings(), wish.gateway) as api:
        calls = CampaignCalls(api, wish.asked)
        campaign = _resumed(listed, calls, wish)
        _write(listed, wish)
        with progress, interrupts() as hands:
            try:
                progress.begun(wish.asked.name, campaign)
                Run(campaign, calls, wish.pace, progress, hands).run()
                _refresh(listed, calls)
            except KeyboardInterrupt:
                campaign.stop("left by Ctrl-C")
            finally:
                _write(listed, wish)
    progress.ended(campaign, time.monotonic() - begun_at)
    if wish.as_json:
        said = {"campaign": wish.asked.name, "stopped": campaign.stopped or None}
        typer.echo(json.dumps(said | {"rows": rows_of(listed)}))
    return 0 if not campaign.stopped and all_called(listed) else 1


def _checked(listed: Listed, wish: CampaignWish) -> int:
    if wish.as_json:
        mistakes = [{"line": each.line, "text": each.text} for each in listed.mistakes]
        twice = [{"line": line, "first": first} for line, first in listed.twice]
        said = {"numbers": len(listed.contacts), "mistakes": mistakes, "twice": twice}
        typer.echo(json.dumps(said))
    else:
        for text in [*_mistakes(listed, wish), *_twice(listed, wish)]:
            typer.echo(text)
        wrong = f", {len(listed.mistakes)} lines are wrong" if listed.mistakes else ""
        typer.echo(f"{wish.path}: {len(listed.contacts)} numbers can be called{wrong}")
    return 1 if listed.mistakes else 0


def _insist(listed: Listed, wish: CampaignWish, progress: CampaignProgress) -> None:
    """Raises GatewayError, a line for each mistake, unless they are to be skipped."""
    for text in some(_twice(listed, wish)):
        progress.say(text)
    if not listed.mistakes:
        return
    lines = some(_mistakes(listed, wish))
    if not wish.skip_invalid:
        what = "nobody was called: mend the list, or leave these lines out with --skip-invalid"
        raise GatewayError("\n".join([what, *lines]))
    for text in lines:
        progress.say(f"{text}: left out")


def _mistakes(listed: Listed, wish: CampaignWish) -> list[str]:
    return [f"{wish.path}:{each.line}: {each.text}" for each in listed.mistakes]


def _twice(listed: Listed, wish: CampaignWish) -> list[str]:
    return [
        f"{wish.path}:{line}: the number of line {first} again, which counts: it is rung once"
        for line, first in listed.twice
    ]


def _resumed(listed: Listed, calls: CampaignCalls, wish: CampaignWish) -> Campaign:
    try:
        tried = calls.tried()
    except Unreachable as error:
        raise GatewayError(
            f"{error}: start `gateway serve`, or say where it is: --gateway"
        ) from None
    except Refused as error:
        raise GatewayError(why_refused(error)) from None
    for contact in listed.contacts:
        contact.attempts = attempts_of(contact, tried)
    return Campaign(listed.contacts, wish.retries, wish.most, wish.faults)


def _refresh(listed: Listed, calls: CampaignCalls) -> None:
    """The last figures of each call: what it cost is known a little later than that it is over, and
    one whose answer was lost may have been let in all the same.
    """
    try:
        tried = calls.tried()
    except GatewayError:
        return
    for contact in listed.contacts:
        newest = attempts_of(contact, tried)
        if newest and len(newest) >= len(contact.attempts):
            contact.attempts = newest
            contact.pending = contact.pending and newest[-1].over


def _write(listed: Listed, wish: CampaignWish) -> None:
    if wish.result is not None:
        write_private(wish.result, csv_of(rows_of(listed)))
