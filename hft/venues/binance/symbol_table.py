"""The rules of a few symbols, shipped for recordings that hold no exchangeInfo (SEMANTICS 28: after it, before guessing).

A venue changes such rules a few times a year, so each row has the date it held on, and the date is part of the source that a
summary names. Live sessions never come here: they ask the venue.
"""

from __future__ import annotations

from hft.venues.protocol import SymbolRow

SPOT_SYMBOLS = {
    "BTCUSDT": SymbolRow("2024-08-08", "0.01", "0.00001", "USDT", "0.00001", "9000", "5"),
    "ETHUSDT": SymbolRow("2024-08-08", "0.01", "0.0001", "USDT", "0.0001", "9000", "5"),
    "NEXOUSDT": SymbolRow("2024-07-23", "0.001", "0.01", "USDT", "0.01", "92141578", "5"),
}
USDM_SYMBOLS = {
    "BTCUSDT": SymbolRow("2024-08-08", "0.1", "0.001", "USDT", "0.001", "1000", "100"),
    "ETHUSDT": SymbolRow("2024-08-08", "0.01", "0.001", "USDT", "0.001", "10000", "20"),
}
COINM_SYMBOLS = {
    "BTCUSD_PERP": SymbolRow("2024-08-08", "0.1", "1", "USD", "1", "60000", contract=100),
    "ETHUSD_PERP": SymbolRow("2024-08-08", "0.01", "1", "USD", "1", "60000", contract=10),
}
