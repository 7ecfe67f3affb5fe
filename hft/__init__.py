"""From market data to risk-checked orders and simulated fills, in compiled Python.

Public names are imported on first use, so that importing one stage does not load all.
"""

from importlib import import_module
from typing import Any

from hft.version import VERSION

__version__ = VERSION

_HOME = {
    "Decoder": "hft._core.wire.decode",
    "Engine": "hft._core.engine.engine",
    "FeatureBuffer": "hft._core.market.features",
    "FeatureVector": "hft._core.market.features",
    "Fill": "hft._core.record.output",
    "Histogram": "hft._core.base.histogram",
    "ImbalanceSignal": "hft._core.trade.signal",
    "ImbalanceStrategy": "hft._core.trade.imbalance_strategy",
    "Journal": "hft._core.record.journal",
    "MarketSnapshot": "hft._core.market.snapshot",
    "MarketTrade": "hft._core.base.order_report",
    "OrderBook": "hft._core.market.book",
    "OrderManager": "hft._core.trade.orders",
    "PaperBroker": "hft._core.execution.broker",
    "PositionManager": "hft._core.trade.position",
    "QuoterStrategy": "hft._core.trade.quoter_strategy",
    "OrderReport": "hft._core.base.order_report",
    "Params": "hft.strategy",
    "RiskValidator": "hft._core.trade.risk",
    "Ring": "hft._core.base.ring",
    "Signal": "hft._core.trade.signal",
    "Spec": "hft._core.base.types",
    "StatePage": "hft._core.record.page",
    "Strategy": "hft.strategy",
    "StrategyContext": "hft._core.trade.strategy_context",
    "Synchronizer": "hft._core.market.sync",
    "VenueClock": "hft._core.market.clock",
    "Config": "hft.config",
    "HftError": "hft.errors",
    "RunDatabase": "hft.persistence.reader",
    "backtest": "hft.backtesting.run",
    "live": "hft.trading.launch",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'hft' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
