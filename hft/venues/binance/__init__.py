"""Binance's spot, USD-M and COIN-M markets: messages, addresses, REST, rules of symbols."""

from decimal import Decimal

from hft.venues.entry import Entry

SPOT = Entry("binance-spot", "spot", (Decimal("0.001"), Decimal("0.001")), "spot", served=True)
USDM = Entry("binance-usdm", "linear", (Decimal("0.0002"), Decimal("0.0005")), "usdm", served=True)
COINM = Entry("binance-coinm", "inverse", (Decimal("0.0002"), Decimal("0.0005")), "coinm")

PROTOCOLS = (SPOT, USDM, COINM)
PLACES = {
    "binance-spot": SPOT.name,
    "binance-spot-data": SPOT.name,
    "binance-spot-testnet": SPOT.name,
    "binance-usdm": USDM.name,
    "binance-usdm-testnet": USDM.name,
    "binance-coinm": COINM.name,
}
