"""Addresses: which are this machine, which are inside a private network, which are wrong."""

import pytest

from gateway.urls import address_fault, is_loopback, is_private

PRIVATE = [
    "localhost",
    "127.0.0.1",
    "[::1]",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.178.20",
    "100.64.3.1",
    "[fd00::1]",
    "collector",
    "otel-collector",
    "tempo.observability.svc",
    "tempo.observability.svc.cluster.local",
    "printer.local",
    "host.docker.internal",
    "COLLECTOR",
]
PUBLIC = [
    "example.com",
    "8.8.8.8",
    "172.32.0.1",
    "169.254.169.254",
    "0.0.0.0",
    "[::]",
    "[2001:db8::1]",
    "[::ffff:8.8.8.8]",
    "local.example.com",
    "collector.",
    "134744072",
    "0x8080808",
    "",
]
"""Numbers are addresses to some resolvers: 134744072 is 8.8.8.8."""


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_network_is_known_by_its_addresses_and_names(host: str) -> None:
    """Addresses that are not routed, and names no public server answers for."""
    assert is_private(f"http://{host}:4318/v1/traces")


@pytest.mark.parametrize("host", PUBLIC)
def test_whatever_else_is_public(host: str) -> None:
    """In doubt an address is public."""
    assert not is_private(f"http://{host}/x")


def test_this_machine_is_private_and_loopback() -> None:
    """Loopback is the narrower of the two."""
    assert is_loopback("http://127.0.0.9")
    assert not is_loopback("http://10.0.0.1")


@pytest.mark.parametrize(
    ("url", "private", "fault"),
    [
        ("https://example.com", False, None),
        ("http://example.com", True, "must start with https:// (http:// is for private networks"),
        ("http://10.0.0.1", False, "must start with https:// (http:// is for loopback"),
        ("http://10.0.0.1", True, None),
        ("http://localhost", False, None),
        ("https://u:p@example.com", True, "user or password"),
        ("http://[1", True, "full address"),
        ("http://x:99999", True, "port"),
        ("https://x/#y", True, "fragment"),
        ("https://x/?y", True, "query"),
        ("https://x y", True, "spaces"),
        ("collector", True, "full address"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(url: str, private: bool, fault: str | None) -> None:
    """Plain addresses are for this machine, or for private networks where that is allowed."""
    said = address_fault(url, secure="https", plain="http", private=private)
    assert (said is None) if fault is None else (said is not None and fault in said)
