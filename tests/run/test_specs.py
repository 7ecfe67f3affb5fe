"""Where a symbol's tick and step come from, in the order of SEMANTICS 28."""

from decimal import Decimal

import msgspec
import pytest

from hft.config.sections import SymbolRules
from hft.data.probe import probe
from hft.data.record import Kind, Record
from hft.data.sessions import RecordedSession
from hft.errors import NOT_JSON, UsageError
from hft.run.specs import Printed, resolve
from hft.venues.binance.rules import listed
from tests import data
from tests.venues.infos import COINM_INFO, SPOT_INFO, USDM_INFO

FEES = (Decimal("0.0002"), Decimal("0.0005"))

NOT_TEXT = b'{"symbols":[{"symbol":"BTCUSDT","baseAsset":"\xae","quoteAsset":"USDT","filters":[]}]}'
DEEP = b'{"symbols":' + b'[{"filters":' * 5000


def one(symbol, protocol, **sources):
    found = resolve([symbol], protocol, fees=FEES, **sources)
    assert len(found) == 1
    return found[0].spec, found[0].source


def test_spot_exchange_info_gives_every_rule():
    spec, source = one("BTCUSDT", "binance-spot", exchange_info=[SPOT_INFO], fee_asset="received")
    assert source == "exchangeInfo"
    assert (spec.tick, spec.step, spec.quote, spec.min_notional) == (Decimal("0.01"), Decimal("0.00001"), "USDT", 5)
    assert (spec.min_qty, spec.max_qty, spec.fee_asset) == (Decimal("0.00001"), 9000, "received")
    assert spec.quantum == Decimal("0.00000001")        # books hold quantities off the step (rule 29)
    assert (spec.maker_fee, spec.taker_fee) == FEES


def test_usdm_names_its_minimum_notional_otherwise():
    spec, _ = one("BTCUSDT", "binance-usdm", exchange_info=[USDM_INFO])
    assert (spec.tick, spec.step, spec.quantum, spec.min_notional) == (Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), 100)


def test_coinm_has_a_contract_size():
    spec, _ = one("BTCUSD_PERP", "binance-coinm", exchange_info=[COINM_INFO])
    assert (spec.contract, spec.quote, spec.step) == (100, "USD", 1)


def test_each_source_yields_to_the_one_before_it():
    sources = {
        "settings": {"BTCUSDT": SymbolRules(tick=Decimal("0.5"), step=Decimal("0.2"))},
        "exchange_info": [USDM_INFO],
        "printed": {"BTCUSDT": Printed(price=1, qty=2)},
    }
    assert one("BTCUSDT", "binance-usdm", **sources)[1] == "settings"
    assert one("BTCUSDT", "binance-usdm", **sources)[0].tick == Decimal("0.5")
    del sources["settings"]
    assert one("BTCUSDT", "binance-usdm", **sources)[1] == "exchangeInfo"
    del sources["exchange_info"]
    spec, source = one("BTCUSDT", "binance-usdm", **sources)
    assert (source, spec.tick) == ("table of 2024-08-08", Decimal("0.1"))
    spec, source = one("NKNUSDT", "binance-usdm", printed={"NKNUSDT": Printed(price=4, qty=2)})
    assert source == "printed decimals"
    assert (spec.tick, spec.step, spec.quantum) == (Decimal("0.0001"), Decimal("0.01"), Decimal("0.01"))


def test_a_symbol_that_no_source_knows_is_named_with_the_way_out():
    with pytest.raises(UsageError) as mistake:
        one("NOPEUSDT", "binance-usdm", exchange_info=[USDM_INFO])
    assert str(mistake.value) == "NOPEUSDT: no source knows its tick and step; set [feed.symbols.NOPEUSDT] tick and step"


def test_rules_that_make_no_sense_are_refused_with_their_source():
    with pytest.raises(UsageError, match="BTCUSDT: no tick is given: PRICE_FILTER is missing, or has none \\(exchangeInfo\\)"):
        one("BTCUSDT", "binance-usdm", exchange_info=[USDM_INFO.replace(b'"0.10"', b'"0"')])
    for body in (b'{"symbols":[{"symbol":"BTCUSDT"}]}', NOT_TEXT, DEEP):
        with pytest.raises(UsageError, match="exchangeInfo can't be read"):
            one("BTCUSDT", "binance-usdm", exchange_info=[body])
    for tick in (b"soon", b"1e999999999", b"NaN", b"-1"):
        with pytest.raises(UsageError, match=r"BTCUSDT: tick .* \(exchangeInfo\)"):
            one("BTCUSDT", "binance-usdm", exchange_info=[USDM_INFO.replace(b'"0.10"', b'"%s"' % tick)])
    for step in (b"soon", b"1e999999999", b"NaN", b"-1"):
        with pytest.raises(UsageError, match=r"BTCUSDT: step .* \(exchangeInfo\)"):
            one("BTCUSDT", "binance-usdm", exchange_info=[USDM_INFO.replace(b'"stepSize":"0.001"', b'"stepSize":"%s"' % step)])


def test_what_is_no_exchange_info_says_so_in_one_way():
    for body in (b"", b"[]", b'{"symbols":1}', NOT_TEXT, DEEP):
        with pytest.raises(NOT_JSON):
            listed(body)
        assert probe([Record(1, Kind.FRAME, body)]).symbols == []


@pytest.mark.parametrize(("later", "unit"), [("0.20", "0.1"), ("0.25", "0.05"), ("0.01", "0.01")])
def test_the_first_exchange_info_holds_from_the_beginning_in_units_that_fit_the_later_ones(later, unit):
    body = USDM_INFO.replace(b'"tickSize":"0.10"', b'"tickSize":"%s"' % later.encode())
    spec, source = one("BTCUSDT", "binance-usdm", exchange_info=[USDM_INFO, body])
    assert (spec.tick, spec.price_unit, source) == (Decimal("0.1"), Decimal(unit), "exchangeInfo")


def test_the_short_form_of_another_recorder_is_read():
    body = b'{"symbol":"BTCUSDT","tickSize":"0.10","stepSize":"0.001","baseAsset":"BTC","quoteAsset":"USDT","venue":"X"}'
    assert listed(body) == {"BTCUSDT": {"tick": "0.10", "step": "0.001", "quote": "USDT"}}


@pytest.mark.parametrize(
    "name", [data.SPOT_BTC, data.USDM_BTC, data.SPOT_NEXO, data.USDM_BTC_2026, data.SPOT_FOUR, data.USDM_FOUR]
)
def test_every_number_of_a_real_capture_is_on_the_tick_and_quantum_found_for_it(name):
    records = list(RecordedSession([data.find(name)]))
    found = probe(records)
    resolved = resolve(found.symbols, found.protocol, fees=FEES, exchange_info=found.exchange_info, printed=found.printed)
    specs = {each.spec.name: each.spec for each in resolved}
    levels = 0
    for record in records[:3000]:
        message = msgspec.json.decode(record.data)
        message = message.get("data", message)
        spec = specs.get(message.get("s") or record.symbol or found.symbols[0])
        pairs = [pair for key in ("b", "a", "bids", "asks") if isinstance(message.get(key), list) for pair in message[key]]
        if record.kind in (Kind.FRAME, Kind.SNAPSHOT):
            for price, qty in pairs:
                assert spec.price(spec.ticks(price)) == Decimal(price)
                assert spec.qty(spec.quanta(qty)) == Decimal(qty)
                levels += 1
    assert levels > 100


def test_the_table_gives_way_to_numbers_that_it_can_not_hold():
    """A recording of another year may be of another tick; zeros at the end say nothing."""
    def source(**used):
        seen = {"BTCUSDT": Printed(**used)}
        protocols = "binance-usdm", "binance-spot"
        found = [resolve(["BTCUSDT"], protocol, fees=("0", "0"), printed=seen)[0] for protocol in protocols]
        return [each.source.split(" of ")[0] for each in found]

    assert source(price=1, qty=3) == ["table", "table"]
    assert source(price=2, qty=3) == ["printed decimals", "table"]
    assert source(price=1, qty=8) == ["printed decimals", "table"]     # spot books hold a thousandth of the step
