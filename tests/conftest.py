"""Settings of the whole suite."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests import data

# No deadline: the machine may be busy, and no test here is about time.
settings.register_profile("hft", deadline=None, max_examples=50)
settings.register_profile("quick", deadline=None, max_examples=25)     # --hypothesis-profile=quick
settings.load_profile("hft")


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated session of 3,000 messages."""
    from tests.backtesting.sessions import written

    return written(tmp_path_factory.mktemp("one") / "session")


def pytest_report_header() -> str:
    there = data.folder().is_dir()
    return f"captures: {data.folder()}" + ("" if there else " is not there: their first seconds in tests/data are used")
