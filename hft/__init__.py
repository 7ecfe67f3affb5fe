"""Market data to risk-checked orders to simulated fills, in compiled Python.

The public names are imported when they are first used, so that importing one stage does not load them all.
"""

from importlib import import_module
from typing import Any

from hft.version import VERSION

__version__ = VERSION

_HOME = {
    "Decoder": "hft._core.decode",
    "Engine": "hft._core.engine",
    "FeatureBuffer": "hft._core.features",
    "FeatureVector": "hft._core.features",
    "Fill": "hft._core.outlet",
    "Histogram": "hft._core.histogram",
    "ImbalanceSignal": "hft._core.signal",
    "ImbalanceStrategy": "hft._core.imbalance",
    "Journal": "hft._core.journal",
    "MarketSnapshot": "hft._core.snapshot",
    "OrderBook": "hft._core.book",
    "OrderManager": "hft._core.orders",
    "PaperBroker": "hft._core.broker",
    "PositionManager": "hft._core.position",
    "RiskValidator": "hft._core.risk",
    "Ring": "hft._core.ring",
    "Signal": "hft._core.signal",
    "Spec": "hft._core.types",
    "StatePage": "hft._core.page",
    "Synchronizer": "hft._core.sync",
    "VenueClock": "hft._core.clock",
    "Config": "hft.config",
    "HftError": "hft.errors",
    "RunDatabase": "hft.persistence.reader",
    "backtest": "hft.backtesting.run",
    "live": "hft.launch",
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
