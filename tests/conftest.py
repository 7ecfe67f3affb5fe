"""Settings of the whole suite."""

import compileall
from pathlib import Path

import pytest
from hypothesis import settings

import hft
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


def pytest_configure(config: pytest.Config) -> None:
    """The bytecode of hft, also where Python writes none by itself: each of the processes that tests start would make it anew."""
    if not hasattr(config, "workerinput"):      # once, not in each of pytest-xdist's workers
        compileall.compile_dir(Path(hft.__file__).parent, quiet=2)


def pytest_report_header() -> str:
    there = data.folder().is_dir()
    return f"captures: {data.folder()}" + ("" if there else " is not there: their first seconds in tests/data are used")
