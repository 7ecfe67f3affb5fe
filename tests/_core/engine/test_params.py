"""Settings of the engine, as they are checked whoever gives them."""

import pytest

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine


@pytest.mark.parametrize("given", ["no", 0, 1, None])
def test_whether_snapshots_come_is_true_or_false(given):
    with pytest.raises(ValueError, match=r"snapshots .* must be True or False"):
        Engine(Spec("BTCUSDT", tick="0.1", step="0.001"), snapshots=given)


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(TypeError, match="thresold"):
        Engine(Spec("BTCUSDT", tick="0.1", step="0.001"), thresold=0.3)
