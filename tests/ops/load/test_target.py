"""What a process uses."""

import os
import socket

from gateway.ops.load.target import listener_of, memory_free_mb, usage_of


def test_this_process_uses_something() -> None:
    """CPU time, memory, descriptors; and never less of the first than before."""
    before = usage_of(os.getpid())
    assert before is not None
    sum(range(1_000_000))
    after = usage_of(os.getpid())
    assert after is not None
    assert after.cpu_s >= before.cpu_s > 0
    assert after.at_s > before.at_s
    assert 5 < after.rss_mb < 100_000
    assert 0 < after.fds < after.fds_most
    assert memory_free_mb() > 0


def test_a_process_that_is_gone_uses_nothing() -> None:
    """None, which is not 0."""
    assert usage_of(2**22 + 1) is None


def test_who_listens_is_found_by_the_port() -> None:
    """And nobody once it is closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listener_of(port) == os.getpid()
    assert listener_of(port) is None
