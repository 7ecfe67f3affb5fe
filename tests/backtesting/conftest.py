"""Data that tests of backtests share."""

import pytest

from tests.backtesting.sessions import written


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """A generated session of 3,000 messages."""
    return written(tmp_path_factory.mktemp("one") / "session")
