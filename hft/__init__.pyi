from hft._core.book import OrderBook as OrderBook
from hft._core.broker import PaperBroker as PaperBroker
from hft._core.clock import VenueClock as VenueClock
from hft._core.decode import Decoder as Decoder
from hft._core.engine import Engine as Engine
from hft._core.features import FeatureBuffer as FeatureBuffer
from hft._core.features import FeatureVector as FeatureVector
from hft._core.histogram import Histogram as Histogram
from hft._core.imbalance import ImbalanceStrategy as ImbalanceStrategy
from hft._core.journal import Journal as Journal
from hft._core.orders import OrderManager as OrderManager
from hft._core.outlet import Fill as Fill
from hft._core.page import StatePage as StatePage
from hft._core.position import PositionManager as PositionManager
from hft._core.ring import Ring as Ring
from hft._core.risk import RiskValidator as RiskValidator
from hft._core.signal import ImbalanceSignal as ImbalanceSignal
from hft._core.signal import Signal as Signal
from hft._core.snapshot import MarketSnapshot as MarketSnapshot
from hft._core.sync import Synchronizer as Synchronizer
from hft._core.types import Spec as Spec
from hft.backtesting.run import backtest as backtest
from hft.config import Config as Config
from hft.errors import HftError as HftError
from hft.launch import live as live
from hft.persistence.reader import RunDatabase as RunDatabase

__version__: str

__all__ = [
    "Config", "Decoder", "Engine", "FeatureBuffer", "FeatureVector", "Fill", "HftError", "Histogram", "ImbalanceSignal",
    "ImbalanceStrategy", "Journal", "MarketSnapshot", "OrderBook", "OrderManager", "PaperBroker", "PositionManager", "Ring",
    "RiskValidator", "RunDatabase", "Signal", "Spec", "StatePage", "Synchronizer", "VenueClock", "backtest",
    "live",
]
