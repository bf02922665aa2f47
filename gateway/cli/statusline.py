"""Lines that stay, above one that changes: how a command shows what goes on for a while."""

from types import TracebackType
from typing import Self

from rich.console import Console

from gateway.cli.calls_text import inert


class StatusLine:
    """What is said, and what is going on. Used as a context."""

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        """``quiet``: nothing is shown."""
        self._console = console or Console(quiet=quiet, highlight=False)
        self._status = self._console.status("")

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._status.stop()

    def say(self, words: str) -> None:
        """One line that stays."""
        self._console.print(inert(words), markup=False, emoji=False, soft_wrap=True)

    def now(self, words: str) -> None:
        """What is going on, on a terminal alone."""
        if self._console.is_terminal:
            self._status.update(inert(words))
