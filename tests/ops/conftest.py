"""The carrier that the tests of this floor ask."""

from collections.abc import Iterator

import pytest

from tests.ops.twin import TwinServer, twin_server


@pytest.fixture
def twin() -> Iterator[TwinServer]:
    """A Twilio twin in a process of its own."""
    with twin_server() as running:
        yield running
