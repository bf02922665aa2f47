"""Free ports: free, below what the machine gives out, and never two for one."""

import socket
from pathlib import Path

from tests.ports import PER_WORKER, RANGE, free_port, of_worker


def test_none_is_one_the_machine_gives_out_by_itself() -> None:
    """Neither to a server that asks for any, nor to a client."""
    words = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    assert int(words[0]) >= RANGE.stop


def test_each_is_another_one_and_free() -> None:
    """Until all have been given out."""
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    for port in ports[:5]:
        socket.create_server(("127.0.0.1", port)).close()


def test_one_that_is_taken_is_passed_over() -> None:
    """A whole round of the ports, one of them in use."""
    taken = free_port()
    with socket.create_server(("127.0.0.1", taken)):
        assert taken not in {free_port() for _ in range(PER_WORKER)}
    assert taken in {free_port() for _ in range(PER_WORKER)}


def test_workers_have_ports_of_their_own() -> None:
    """As many workers as there are ports for; beyond, from the first again."""
    many = len(RANGE) // PER_WORKER
    found = [port for number in range(many) for port in of_worker(f"gw{number}")]
    assert found == list(RANGE)
    assert of_worker(f"gw{many}") == of_worker("gw0")
