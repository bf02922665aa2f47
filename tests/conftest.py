"""What holds for every test."""

import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

# No test asserts how long something takes. CI proves that what passed once passes again; looking
# for new cases is what people's runs do.
settings.register_profile("people", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "people")


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """A test that sets up logging does so for itself alone."""
    yield
    structlog.reset_defaults()
