"""No text in a venue's headers stops a run or blinds it; naive versions beside the guarded reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft.venues.numbers import LONGEST_STAY_S, STAY_S, stay_away_s, whole

NONSENSE = ["9" * 400, "9" * 5000, "²", "٣", "-1", "1e9", "inf", "nan", "0x10", "1_000", "+5", "",
            "Wed, 21 Oct 2026 07:28:00 GMT"]


@given(number=st.integers(-(10**20), 10**20), least=st.integers(0, 10), most=st.integers(10, 10**17))
def test_a_printed_number_is_read_if_it_lies_between_the_bounds(number, least, most):
    assert whole(str(number), least, most) == (number if least <= number <= most else None)


@given(st.text())
def test_any_text_is_a_number_or_none(text):
    found = whole(text, 0, 10**17)
    assert found is None or (text.strip(" \t").isascii() and int(text) == found)


@pytest.mark.parametrize("text", NONSENSE)
@pytest.mark.parametrize("status", sorted(STAY_S))
def test_nonsense_counts_as_no_retry_after(status, text):
    assert stay_away_s(status, text) == STAY_S[status]


def test_a_ban_as_long_as_any_is_obeyed_and_a_longer_one_is_a_mistake():
    assert stay_away_s(418, str(LONGEST_STAY_S)) == LONGEST_STAY_S
    assert stay_away_s(418, str(LONGEST_STAY_S + 1)) == STAY_S[418]


@pytest.mark.parametrize("status", [200, 302, 400, 404, 451])
def test_other_answers_ask_for_nothing(status):
    assert stay_away_s(status, "30") == 0.0
