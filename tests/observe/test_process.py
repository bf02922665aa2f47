"""What the process takes of its machine."""

from pathlib import Path

import pytest

from gateway.observe.process import CpuShare, cpu_s, rss_bytes


def test_a_process_has_used_some_cpu_and_memory() -> None:
    """In seconds and bytes: a Python interpreter has more than 5 MB."""
    assert cpu_s() > 0.01
    assert 5_000_000 < rss_bytes() < 100_000_000_000


def test_memory_without_proc_is_the_most_it_ever_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """On systems that have no such file."""
    monkeypatch.setattr("gateway.observe.process._STATM", Path("no such file"))
    assert rss_bytes() > 5_000_000


def test_the_share_is_of_the_time_between_two_looks() -> None:
    """Asked again too soon, it is that of the time before."""
    at, used = 10.0, 1.0
    share = CpuShare(lambda: at, lambda: used)
    assert share.now() == 0.0
    at, used = 12.0, 1.5
    assert share.now() == 0.25
    at, used = 12.1, 1.6
    assert share.now() == 0.25
    at, used = 14.0, 3.5
    assert share.now() == 1.0
