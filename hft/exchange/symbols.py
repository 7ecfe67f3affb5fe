"""The symbols that the embedded exchange trades, and how each one's order flow behaves.

Distances are in ticks and quantities in quanta of the symbol, so two symbols that behave alike in money have different
numbers here. The BTCUSDT figures are fitted to the table "The embedded exchange looks like a real one"
(`tests/exchange/facts.py`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from hft.venues.binance.venues import SPOT, USDM

if TYPE_CHECKING:
    from hft.exchange.market import Market

#: Behaviour of USD-M BTCUSDT, fitted by `tests/exchange/facts.py`; the other symbols change distances, sizes and rates.
BTCUSDT_FLOW: dict[str, float] = {
    "max_levels": 3000,
    "max_qty": 20_000,
    "takers": 6.5,
    "touches": 120.0,
    "deeps": 700.0,
    "moves": 1.3,
    "bursts": 0.17,
    "burst_size": 7.0,
    "burst_seconds": 1.0,
    "taker_qty": 30.0,
    "taker_sigma": 2.33,
    "touch_qty": 3200.0,
    "touch_lean": 0.75,
    "order_qty": 100.0,
    "level_qty": 150.0,
    "move_ticks": 8.0,
    "move_sigma": 0.85,
    "move_lean": 0.7,
    "sweep": 0.25,
    "near_ticks": 100.0,
    "level_gap": 1.0,
    "deep_ticks": 400.0,
    "pressure_seconds": 1.1,
    "pressure_kick": 1.0,
    "move_revert": 0.35,
    "move_memory": 2.0,
    "lean_seconds": 8.0,
    "taker_lean": 0.8,
    "taker_chase": 0.4,
    "taker_repeat": 0.08,
    "book_ticker_first": 0.43,
}


class SymbolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol of one protocol: the values of its exchangeInfo, and the differences of its flow from USD-M BTCUSDT.

    `tick`, `step`, `start_price` are decimals as text; the book's quantum is the step.
    """

    name: str
    base: str
    tick: str
    step: str
    start_price: str
    min_notional: str
    quote: str = "USDT"
    flow: dict[str, float] = msgspec.field(default_factory=dict)


_FUTURES_SYMBOLS = (
    SymbolSettings(name="BTCUSDT", base="BTC", tick="0.10", step="0.001", start_price="61800.20", min_notional="100"),
    SymbolSettings(
        name="ETHUSDT", base="ETH", tick="0.01", step="0.001", start_price="2631.40", min_notional="20",
        flow={"max_qty": 400_000, "takers": 5.0, "touches": 80.0, "deeps": 500.0, "taker_qty": 500.0, "touch_qty": 50_000.0,
              "order_qty": 2000.0, "level_qty": 3000.0, "move_ticks": 3.0, "near_ticks": 50.0, "deep_ticks": 200.0},
    ),
    SymbolSettings(
        name="SOLUSDT", base="SOL", tick="0.010", step="1", start_price="153.210", min_notional="5",
        flow={"max_qty": 20_000, "takers": 4.0, "touches": 60.0, "deeps": 250.0, "moves": 0.5, "taker_qty": 20.0,
              "touch_qty": 3000.0, "order_qty": 80.0, "level_qty": 120.0, "move_ticks": 0.6, "move_sigma": 0.7,
              "near_ticks": 5.0, "deep_ticks": 60.0},
    ),
)

_SPOT_SYMBOLS = (
    SymbolSettings(
        name="BTCUSDT", base="BTC", tick="0.01000000", step="0.00001000", start_price="61837.63000000", min_notional="5",
        flow={"max_qty": 2_000_000, "takers": 4.0, "touches": 50.0, "deeps": 320.0, "level_gap": 40.0, "taker_qty": 1500.0,
              "taker_sigma": 2.42, "touch_qty": 170_000.0, "order_qty": 6000.0, "level_qty": 8000.0, "move_ticks": 60.0,
              "near_ticks": 1000.0, "deep_ticks": 4000.0, "book_ticker_first": 0.75},
    ),
    SymbolSettings(
        name="ETHUSDT", base="ETH", tick="0.01000000", step="0.00010000", start_price="2632.15000000", min_notional="5",
        flow={"max_qty": 4_000_000, "takers": 3.0, "touches": 40.0, "deeps": 200.0, "taker_qty": 3000.0,
              "touch_qty": 300_000.0, "order_qty": 12_000.0, "level_qty": 20_000.0, "move_ticks": 3.0, "near_ticks": 50.0,
              "deep_ticks": 200.0, "book_ticker_first": 0.75},
    ),
    SymbolSettings(
        name="SOLUSDT", base="SOL", tick="0.01000000", step="0.00100000", start_price="153.24000000", min_notional="5",
        flow={"max_qty": 20_000_000, "takers": 2.0, "touches": 30.0, "deeps": 120.0, "moves": 0.5, "taker_qty": 20_000.0,
              "touch_qty": 3_000_000.0, "order_qty": 80_000.0, "level_qty": 120_000.0, "move_ticks": 0.6, "move_sigma": 0.7,
              "near_ticks": 5.0, "deep_ticks": 60.0, "book_ticker_first": 0.75},
    ),
)

#: Symbols by protocol and name.
SYMBOLS: dict[str, dict[str, SymbolSettings]] = {
    USDM.name: {s.name: s for s in _FUTURES_SYMBOLS},
    SPOT.name: {s.name: s for s in _SPOT_SYMBOLS},
}


def market(name: str, *, protocol: str = USDM.name, seed: int = 1, start_ns: int = 0) -> Market:
    """The market of one symbol, ready to be stepped. KeyError when the protocol has no such symbol.

    Each symbol has its own generator, so it does not depend on the other symbols.

    >>> market("ETHUSDT", seed=3).snapshot(1).bids[0][0]
    263140
    """
    from hft.exchange.market import Market

    symbol = SYMBOLS[protocol][name]
    tick, start = Decimal(symbol.tick), Decimal(symbol.start_price)
    flow = BTCUSDT_FLOW | symbol.flow
    ints = {key: int(flow.pop(key)) for key in ("max_levels", "max_qty")}
    return Market(
        max_price=int(start / tick) * 21,
        seed=seed * 1_000_003 + int.from_bytes(name.encode()[:6], "big"),
        start_ns=start_ns,
        start_price=int(start / tick),
        cut_ns=50_000_000,
        id_gap=0 if protocol == SPOT.name else 120,
        **ints,
        **flow,
    )
