"""What a run says of itself adds up, and nothing in it stands for something that was never measured."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft.run.summary import as_text, in_cents, summarise

amounts = st.integers(-(10**15), 10**15).map(lambda e8: Decimal(e8).scaleb(-8))


@given(st.lists(amounts, min_size=1, max_size=5))
def test_printed_amounts_add_up_and_each_is_right_to_the_cent(parts):
    *printed, total = in_cents(*parts)
    assert sum(printed) == total
    assert all(amount == round(amount, 2) for amount in [*printed, total])
    assert all(abs(shown - exact) < Decimal("0.01") for shown, exact in zip(printed, parts, strict=True))
    assert abs(total - sum(parts)) <= Decimal("0.005")


def test_a_run_without_orders_has_no_latencies():
    engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001"))
    text = as_text(summarise(
        engine, run_id="x", run=1, venue="here", strategy="mine", spec_sources={}, duration_s=1.0, stopped_by="duration"
    ))
    assert "tick to trade  no orders" in text
    assert "strategy       imbalance, named mine" in text
