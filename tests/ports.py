"""Ports that stay free until somebody here takes them."""

import os
import random
import socket
from collections.abc import Iterator

RANGE = range(20_000, 32_000)
"""Below what Linux gives out by itself (32768 and up), which a neighbour gets within moments."""
PER_WORKER = 1_000


def free_port() -> int:
    """A port of the loopback nobody listens on, and that no other test is given soon."""
    while True:
        port = next(_ports)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def of_worker(name: str) -> range:
    """The ports of one of the processes the tests are shared among ("gw2")."""
    number = int(name.removeprefix("gw")) % (len(RANGE) // PER_WORKER)
    return RANGE[number * PER_WORKER :][:PER_WORKER]


def _round() -> Iterator[int]:
    ports = of_worker(os.environ.get("PYTEST_XDIST_WORKER", "gw0"))
    begin = random.randrange(PER_WORKER)  # two whole runs on one machine do not go side by side
    while True:
        yield from ports[begin:]
        yield from ports[:begin]


_ports = _round()
