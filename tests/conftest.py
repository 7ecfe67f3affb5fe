"""Settings of the whole suite."""

from tests import data


def pytest_report_header() -> str:
    there = data.folder().is_dir()
    return f"captures: {data.folder()}" + ("" if there else " is not there: tests on real captures are skipped")
