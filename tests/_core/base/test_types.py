"""Symbol specifications: decimals in and out, exactly; and the table of codes."""

import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft._core.base import status
from hft._core.base.types import Spec

UNITS = ["0.00000001", "0.01", "0.05", "0.10", "0.25", "1", "10"]


@given(st.sampled_from(UNITS), st.integers(0, 10**12))
def test_ticks_and_prices_are_each_others_inverse(tick, count):
    spec = Spec("X", tick=tick, step="1")
    assert spec.ticks(count * Decimal(tick)) == count
    assert spec.price(count) == count * Decimal(tick)
    assert spec.ticks(f"{spec.price(count):f}") == count


@given(st.integers(-(10**15), 10**15), st.sampled_from(UNITS), st.sampled_from(UNITS), st.integers(1, 100))
def test_gross_is_worth_ticks_times_quanta_times_contract(gross, tick, step, contract):
    spec = Spec("X", tick=tick, step=step, contract=contract)
    assert spec.value(gross) == gross * Decimal(tick) * Decimal(step)


def test_spot_keeps_book_quantities_finer_than_the_order_step():
    spec = Spec("BTCUSDT", tick="0.01", step="0.00001", instrument="spot")
    assert spec.lot == 1000
    assert spec.quantum == Decimal("0.00000001")
    assert spec.step == Decimal("0.00001")
    assert spec.quanta("25.42618900") == 2542618900
    assert Spec("BTCUSDT", tick="0.01", step="0.001").lot == 1


def test_the_venues_rules_for_orders_are_kept_exactly():
    spec = Spec("btcusdt", tick="0.1", step="0.001", min_qty="0.001", max_qty="120", min_notional="5.5",
                maker_fee="-0.00005", taker_fee="0.0004", fee_asset="received")  # fmt: skip
    assert (spec.name, spec.quote, spec.instrument, spec.fee_asset) == ("BTCUSDT", "USDT", "linear", "received")
    assert (spec.min_qty, spec.max_qty, spec.min_notional) == (Decimal("0.001"), 120, Decimal("5.5"))
    assert (spec.maker_fee, spec.taker_fee) == (Decimal("-0.00005"), Decimal("0.0004"))


def test_a_spec_survives_pickling():
    for spec in (
        Spec("BTCUSDT", tick="0.05", step="0.001", min_qty="0.002", min_notional="5", taker_fee="0.00045"),
        Spec("BTCUSD_PERP", tick="0.1", step="1", instrument="inverse", quote="USD", contract=100, quantum="0.5"),
    ):
        copy = pickle.loads(pickle.dumps(spec))
        for name in [
            "name", "quote", "instrument", "fee_asset", "contract", "tick", "step", "quantum", "lot",
            "min_qty", "max_qty", "min_notional", "maker_fee", "taker_fee",
        ]:  # fmt: skip
            assert getattr(copy, name) == getattr(spec, name)


@pytest.mark.parametrize(
    ("fields", "states"),
    [
        ({"name": ""}, "symbol '' must be text of 1 to 63 bytes"),
        ({"name": "X" * 64}, "has 64 bytes of UTF-8; 63 is the most"),
        ({"name": "币" * 22}, "has 66 bytes of UTF-8; 63 is the most"),
        ({"quote": "S" * 32}, "quote asset .* has 32 bytes of UTF-8; 31 is the most"),
        ({"instrument": "option"}, "instrument 'option' must be one of spot, linear, inverse"),
        ({"fee_asset": "BNB"}, "fee_asset 'BNB' must be 'quote' or 'received'"),
        ({"tick": "0"}, "tick '0' must be above zero"),
        ({"tick": "-0.1"}, "above zero"),
        ({"tick": "NaN"}, "tick 'NaN' is not a finite number"),
        ({"step": "a tenth"}, "step 'a tenth' is not a decimal number"),
        ({"step": "Infinity"}, "not a finite number"),
        ({"step": "0"}, "step '0' must be above zero"),
        ({"min_notional": "1e999999999"}, "min_notional 1e999999999"),
        ({"min_notional": "1e18"}, "min_notional 1e18 is too large"),
        ({"max_qty": "1e30"}, "quantity 1e30 is too large"),
        ({"maker_fee": "sNaN"}, "maker_fee 'sNaN' is not a finite number"),
        ({"contract": 2**40}, "must be a whole number from 1"),
        ({"tick": "0.1" + "0" * 40 + "1"}, "more than 18 digits"),
        ({"min_qty": "0.001" + "0" * 40 + "1"}, "not a multiple of the quantum"),
        ({"name": "BTC\0USDT"}, "must have no white space"),
        ({"name": "BTC USDT"}, "must have no white space"),
        ({"name": 'BTC"USDT'}, "must have no white space"),
        ({"name": "BTC\ud800"}, "must have no white space"),
        ({"tick": "a tenth"}, "not a decimal number"),
        ({"tick": "0.0000000000000000001"}, "more than 18 digits"),
        ({"step": "0.003", "quantum": "0.002"}, "step 0.003 is not a multiple of the quantum 0.002"),
        ({"min_qty": "0.0005"}, "quantity 0.0005 is not a multiple of the quantum"),
        ({"contract": 0}, "contract 0 must be a whole number"),
        ({"taker_fee": "0.0000000001"}, "more than eight decimals"),
    ],
)
def test_a_wrong_spec_is_refused_and_named(fields, states):
    with pytest.raises(ValueError, match=states):
        Spec(**{"name": "BTCUSDT", "tick": "0.1", "step": "0.001", **fields})


def test_a_decimal_off_the_unit_is_refused_and_named():
    spec = Spec("BTCUSDT", tick="0.05", step="0.001")
    with pytest.raises(ValueError, match=r"price 61800\.22 is not a multiple of the tick"):
        spec.ticks("61800.22")
    for text in ("inf", "NaN", "1,5"):
        with pytest.raises(ValueError, match=r"quantity"):
            spec.quanta(text)


def test_each_code_has_a_name_of_its_own_and_a_text():
    assert len(status.CODES) == len(status.NAMES)
    for code, name in status.NAMES.items():
        assert status.name(code) == name
        assert status.CODES[name] == code
        assert name == name.lower()
        assert status.text(code) != "no such code"
        assert code < status.CODE_COUNT
    assert status.name(95) == "code_95"
    assert status.text(95) == "no such code"
