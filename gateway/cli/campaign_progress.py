"""How far a campaign is, on the terminal: a line for each number, and one that lives below them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console

from gateway.cli.statusline import StatusLine
from gateway.core.attempt import Attempt
from gateway.core.campaign import Campaign, Contact

_SOME = 20
"""Mistakes of a list that are shown at most, when it is to be rung."""


class CampaignProgress(StatusLine):
    """What is shown of one campaign."""

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        """``quiet``: nothing is shown."""
        super().__init__(quiet=quiet, console=console)
        self._said = ""

    def once(self, words: str) -> None:
        """One line, unless it was the last of this kind."""
        if words != self._said:
            self._said = words
            self.say(words)

    def begun(self, name: str, campaign: Campaign) -> None:
        """Where it begins, or goes on."""
        numbers = campaign.contacts
        done = sum(not (each.pending or _is_out(each)) for each in numbers)
        known = f", {counted(numbers)} before" if done else ""
        self.say(f"campaign {name}: {len(numbers)} {_numbers(len(numbers))}{known}")

    def over(self, contact: Contact) -> None:
        """One of its calls is over."""
        last = contact.attempts[-1]
        self.say(f"{contact.number}  {_words(last)}{_again(contact)}")

    def refused(self, contact: Contact) -> None:
        """A number was not let in."""
        assert contact.refusal is not None
        rule, text = contact.refusal.rule, contact.refusal.text
        self.say(f"{contact.number}  not called ({rule}): {text}")

    def show(self, campaign: Campaign) -> None:
        """How far it is."""
        self.now(standing(campaign))

    def ended(self, campaign: Campaign, lasted_s: float) -> None:
        """What it came to."""
        if campaign.stopped:
            self.say(f"stopped: {campaign.stopped}")
        self.say(f"{counted(campaign.contacts) or 'nobody was called'}; {_clock(lasted_s)}")


def standing(campaign: Campaign) -> str:
    """A campaign in one line."""
    parts = [f"{len(campaign.out)} on the line", f"{campaign.due} to go"]
    if campaign.again_at is not None:
        at = campaign.again_at.astimezone()
        parts.append(f"{campaign.later} to be rung again, the first at {at:%H:%M:%S}")
    return ", ".join(filter(None, (*parts, counted(campaign.contacts))))


def counted(contacts: Sequence[Contact]) -> str:
    """Numbers by what became of them: ``7 completed, 2 busy, 1 refused``."""
    counts = Counter(_came_to(each) for each in contacts)
    counts.pop("", None)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def some(lines: Sequence[str]) -> list[str]:
    """So many lines as somebody reads who wants something else."""
    more = len(lines) - _SOME
    return list(lines) if more <= 0 else [*lines[:_SOME], f"… and {more} more: see --check"]


def _came_to(contact: Contact) -> str:
    if contact.pending or _is_out(contact):
        return ""
    if contact.attempts:
        return contact.attempts[-1].outcome
    return "refused" if contact.refusal is not None else ""


def _is_out(contact: Contact) -> bool:
    return bool(contact.attempts) and not contact.attempts[-1].over


def _words(attempt: Attempt) -> str:
    words = attempt.words or attempt.outcome
    if not attempt.well and attempt.call_reason and attempt.reached:
        words += f" ({attempt.call_reason})"
    if attempt.duration_ms is not None:
        words += f"; {_clock(attempt.duration_ms / 1000)}"
    if attempt.cost_usd is not None:
        words += f", {attempt.cost_usd:.4f} USD"
    return words


def _again(contact: Contact) -> str:
    at: datetime | None = contact.again_at
    return "" if at is None else f"; again at {at.astimezone():%H:%M:%S}"


def _clock(seconds: float) -> str:
    whole = int(seconds)
    hours = f"{whole // 3600}:{whole // 60 % 60:02d}" if whole >= 3600 else f"{whole // 60}"
    return f"{hours}:{whole % 60:02d}"


def _numbers(count: int) -> str:
    return "number" if count == 1 else "numbers"
