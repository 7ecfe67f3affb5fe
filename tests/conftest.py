"""Settings of the whole suite."""

from hypothesis import settings

from tests import data

# No deadline: the machine may be busy, and no test here is about time.
settings.register_profile("hft", deadline=None, max_examples=50)
settings.register_profile("quick", deadline=None, max_examples=25)     # --hypothesis-profile=quick
settings.load_profile("hft")


def pytest_report_header() -> str:
    there = data.folder().is_dir()
    return f"captures: {data.folder()}" + ("" if there else " is not there: their first seconds in tests/data are used")
