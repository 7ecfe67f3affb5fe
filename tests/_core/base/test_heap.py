"""What is due next, against the least of a dictionary."""

from hypothesis import given
from hypothesis import strategies as st

NEVER = 2**63 - 1


@given(st.lists(st.tuples(st.integers(0, 8), st.one_of(st.integers(1, 12), st.just(NEVER))), max_size=60))
def test_the_first_is_the_earliest_and_of_equal_ones_the_least_key(verbs, steps) -> None:
    times: dict[int, int] = {}
    expected = []
    for key, due in steps:
        times[key] = due
        waiting = [(due, key) for key, due in times.items() if due != NEVER]
        expected.append(min(waiting) if waiting else (-1, -1))
    assert verbs.due_times(9, steps) == expected
