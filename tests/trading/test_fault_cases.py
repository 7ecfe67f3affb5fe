"""The fault cases, each run on real sockets; docs/faults.md says what was seen (`-s` prints it)."""

import pytest

from tests.trading.fault_table import Case, load_cases, rows_of_page

CASES = load_cases()


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number}-{case.name.replace(' ', '-')}")
async def test_a_case_is_as_the_page_says(case: Case, tmp_path) -> None:
    row = case.row(await case.run(tmp_path))
    print(row)
    assert row in rows_of_page(), "run `python -m tests.trading.fault_table`"


def test_the_page_has_a_row_for_every_case_and_no_other():
    assert [int(row.split("|")[1]) for row in rows_of_page()] == [case.number for case in CASES]
