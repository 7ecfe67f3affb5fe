"""Numbers of any kind as arguments."""

from decimal import Decimal

import numpy as np
import pytest

from hft._core.checks import decimal


@pytest.mark.parametrize("given", [np.float32(0.1), np.float64(0.1), 0.1, "0.1"])
def test_a_float_is_the_number_that_it_prints(given):
    assert decimal("x", given) == Decimal("0.1")
