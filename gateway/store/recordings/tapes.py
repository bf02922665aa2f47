"""Recordings being made: one disk thread for all calls.

A call hands on its audio and never waits; the thread writes what has come some ten times a
second, and has it on the disk about once a second: in one file for all recordings
(:mod:`gateway.store.recordings.ahead`), and every few seconds each in its own. A disk that fails
ends the recordings it fails, nothing else: what they hold is kept as a recording that is whole.
"""

import errno
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

import structlog

from gateway.call.tape import Closed
from gateway.store.recordings.ahead import Ahead
from gateway.store.recordings.tapefile import STEREO_BYTES_PER_MS, PartFile, form_of
from gateway.store.recordings.vault import Vault

TURN_S: Final = 0.1
"""How long audio waits at most before it is written: what a killed process loses."""
SYNC_S: Final = 1.0
"""How long audio waits before it is on the disk: what a power failure loses."""
CHECKPOINT_S: Final = 4.0
"""How long audio is on the disk ahead of its recording's own file. In memory, too, 16 KB a second,
for a disk that fails it; and whoever erases a call that has just ended waits as long.
"""
MAX_WAITING_BYTES: Final = 30_000 * STEREO_BYTES_PER_MS
"""Most of one recording that waits in memory for a slow disk."""
_FULL: Final = {errno.ENOSPC, errno.EDQUOT}

_log = structlog.get_logger()


class Tape:
    """One recording: what its call sees of it, and what the disk thread does for it."""

    def __init__(
        self,
        call_sid: str,
        file: str,
        part: PartFile,
        on_fault: Callable[[str], None],
        ask: Callable[[Callable[[], None]], None],
        forget: Callable[[], None],
    ) -> None:
        self.file = file
        self.stem = file.partition(".")[0]
        self._call_sid = call_sid
        self._part = part
        self._on_fault = on_fault
        self._ask = ask
        self._forget = forget
        self._closed = _pending()
        self.over = False
        """Nothing is written any more; for the disk thread."""
        self._deaf = False
        self._fault = ""
        self._faulty = threading.Lock()
        # Two counters, each with one thread that counts: what was handed on, and what was written.
        self._given = 0
        self._stored = 0
        self._waiting: deque[bytes] = deque()

    # On the call's thread

    def write(self, stereo: bytes) -> None:
        """Hands on interleaved mu-law, the caller's byte first; half a frame at its end is none."""
        if self._deaf:
            return
        whole = stereo[: len(stereo) & ~1]
        if self._given - self._stored + len(whole) > MAX_WAITING_BYTES:
            self._deaf = True
            self._tell("disk_slow", "")
            return
        self._given += len(whole)
        self._waiting.append(whole)

    def close(self) -> "Future[Closed]":
        """Ends the recording; the result comes when it is whole on the disk.

        A recording without audio leaves no file. Whoever waits needs a limit: a disk may hang.
        """
        self._deaf = True
        self._ask(self.finish)
        return self._closed

    def discard(self) -> "Future[Closed]":
        """Deletes the recording, ended or not; the result comes when it is gone."""
        self._deaf = True
        gone = _pending()
        self._ask(lambda: self._remove(gone))
        return gone

    # On the disk thread

    def store(self) -> None:
        """Writes what has come."""
        if self.over:
            return
        try:
            if self._waiting:
                self._append()
        except OSError as error:
            self._fail(error)
        if self._fault:
            self._end()

    @property
    def unsynced(self) -> bool:
        """True when some of it may not be on the disk in its own file."""
        return self._part.unsynced and not self.over

    def hasten(self) -> None:
        """Has the disk begin with what :meth:`sync` will wait for."""
        self._part.hasten()

    def sync(self) -> None:
        """Waits until all that was written is on the disk."""
        try:
            self._part.sync(time.time_ns() // 1_000_000)
        except OSError as error:
            self._fail(error)
            self._end()

    def finish(self) -> None:
        """Writes the rest and makes a whole recording of it."""
        self.store()
        self._end()

    def _append(self) -> None:
        pieces = b"".join(self._waiting.popleft() for _ in range(len(self._waiting)))
        self._part.append(pieces)
        self._stored += len(pieces)

    def _end(self) -> None:
        if self.over:
            return
        self._deaf = True
        try:
            self._part.finish()
        except OSError as error:
            self._fail(error)
        self._resolve(Closed(self._part.audio_ms, self._fault))

    def _remove(self, gone: "Future[Closed]") -> None:
        fault = ""
        try:
            self._part.remove()
            self._forget()
        except OSError as error:
            fault = _word(error)
            self._log(fault, str(error.strerror))
        closed = Closed(self._part.audio_ms, fault)
        if not self.over:
            self._resolve(closed)
        gone.set_result(closed)

    def _resolve(self, closed: Closed) -> None:
        self.over = True
        self._waiting.clear()
        self._closed.set_result(closed)

    def _fail(self, error: OSError) -> None:
        self._tell(_word(error), str(error.strerror))

    def _tell(self, fault: str, detail: str) -> None:
        """The first fault is the one that counts, whichever thread meets it."""
        if not self._faulty.acquire(blocking=False):
            return
        self._fault = fault
        self._log(fault, detail)
        # The call it would be told may be over, and its loop closed.
        with suppress(RuntimeError):
            self._on_fault(fault)

    def _log(self, fault: str, detail: str) -> None:
        _log.warning("tape.fault", call_sid=self._call_sid, reason=fault, detail=detail)


class Tapes:
    """All recordings of the process that are being made."""

    def __init__(self, folder: Path, vault: Vault | None) -> None:
        self._folder = folder
        self._vault = vault
        self._ahead = Ahead(folder)
        self._ahead_ok = True
        self._sync_at = self._checkpoint_at = 0.0
        self._asked: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._tapes: list[Tape] = []
        self._thread = threading.Thread(target=self._turning, name="tapes", daemon=True)
        self._door = threading.Lock()
        self._ending = False
        self._over = False

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self, limit_s: float) -> None:
        """Finishes all recordings and ends the thread.

        What a disk that hangs does not take in time stays as it is, for the repair at next start.
        """
        self._ask(self._end)
        self._thread.join(limit_s)

    def open(self, call_sid: str, on_fault: Callable[[str], None]) -> Tape:
        """Begins a recording; nothing is on the disk before audio is.

        ``on_fault`` is called at most once, with ``disk_full`` or ``disk_error`` from the disk
        thread, with ``disk_slow`` from within ``write``.
        """
        stem = f"{datetime.now(UTC):%Y-%m}/{secrets.token_hex(16)}"
        form = form_of(self._vault)
        part = PartFile(self._folder / stem, form, told=partial(self._ahead.add, stem))
        file = stem + form.suffix
        tape = Tape(call_sid, file, part, on_fault, self._ask, self._checkpoint)
        self._ask(lambda: self._tapes.append(tape))
        return tape

    def _ask(self, wish: Callable[[], None]) -> None:
        with self._door:
            if not self._over:
                self._asked.put(wish)
                return
        wish()  # the thread is gone: whoever comes this late waits for the disk

    # On the disk thread

    def _turning(self) -> None:
        while not self._over:
            self._hear()
            for tape in self._tapes:
                tape.store()
            self._let_go()
            self._sync(time.monotonic())
            if self._ending:
                self._leave()

    def _hear(self) -> None:
        """Does one thing that was asked for, or waits a turn for it; so many calls that end at once
        do not keep the others' audio waiting.
        """
        with suppress(Empty):
            self._asked.get(timeout=TURN_S if self._tapes else None)()

    def _let_go(self) -> None:
        """Of what is over, nothing is written any more: who erases it relies on that."""
        if over := {tape.stem for tape in self._tapes if tape.over}:
            self._tapes = [tape for tape in self._tapes if not tape.over]
            self._ahead.drop(over)

    def _sync(self, now: float) -> None:
        """What was written is on the disk, if it has waited long enough; of a disk that does not
        take it in one file, every recording's own is asked.
        """
        if now < self._sync_at and self._tapes:
            return
        self._sync_at = now + SYNC_S
        try:
            if now < self._checkpoint_at and self._tapes:
                self._ahead.sync()
                if not self._ahead_ok:
                    self._ahead_ok = True
                    _log.info("tape.ahead")
                return
        except OSError as error:
            if self._ahead_ok:
                self._ahead_ok = False  # told once, not each second
                _log.warning("tape.not_ahead", reason=_word(error), detail=error.strerror)
        self._checkpoint_at = now + CHECKPOINT_S
        with suppress(OSError):  # it is empty then, and deleted at the next start
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Every recording is on the disk in its own file: the one ahead of them is deleted.

        All of them together: the disk takes them in one go, for half of what each costs.
        """
        due = [tape for tape in self._tapes if tape.unsynced]
        for tape in due:
            tape.hasten()
        for tape in due:
            tape.sync()
        self._ahead.renew()

    def _end(self) -> None:
        self._ending = True

    def _leave(self) -> None:
        for tape in self._tapes:
            tape.finish()
        with suppress(OSError):  # see _sync
            self._ahead.renew()
        with self._door:
            self._over = self._asked.empty()  # what was asked for meanwhile comes first


def _pending() -> "Future[Closed]":
    """A result that is to come, and that nobody who stops waiting can take back."""
    future: Future[Closed] = Future()
    future.set_running_or_notify_cancel()
    return future


def _word(error: OSError) -> str:
    return "disk_full" if error.errno in _FULL else "disk_error"
