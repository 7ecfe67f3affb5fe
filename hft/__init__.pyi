from hft._core.base.histogram import Histogram as Histogram
from hft._core.base.order_report import MarketTrade as MarketTrade
from hft._core.base.order_report import OrderReport as OrderReport
from hft._core.base.ring import Ring as Ring
from hft._core.base.types import Spec as Spec
from hft._core.engine.engine import Engine as Engine
from hft._core.execution.broker import PaperBroker as PaperBroker
from hft._core.market.book import OrderBook as OrderBook
from hft._core.market.clock import VenueClock as VenueClock
from hft._core.market.features import FeatureBuffer as FeatureBuffer
from hft._core.market.features import FeatureVector as FeatureVector
from hft._core.market.snapshot import MarketSnapshot as MarketSnapshot
from hft._core.market.sync import Synchronizer as Synchronizer
from hft._core.record.journal import Journal as Journal
from hft._core.record.output import Fill as Fill
from hft._core.record.page import StatePage as StatePage
from hft._core.trade.imbalance_strategy import ImbalanceStrategy as ImbalanceStrategy
from hft._core.trade.orders import OrderManager as OrderManager
from hft._core.trade.position import PositionManager as PositionManager
from hft._core.trade.quoter_strategy import QuoterStrategy as QuoterStrategy
from hft._core.trade.risk import RiskValidator as RiskValidator
from hft._core.trade.signal import ImbalanceSignal as ImbalanceSignal
from hft._core.trade.signal import Signal as Signal
from hft._core.trade.strategy_context import StrategyContext as StrategyContext
from hft._core.wire.decode import Decoder as Decoder
from hft.backtesting.run import backtest as backtest
from hft.config import Config as Config
from hft.errors import HftError as HftError
from hft.persistence.reader import RunDatabase as RunDatabase
from hft.strategy import Params as Params
from hft.strategy import Strategy as Strategy
from hft.trading.launch import live as live

__version__: str

__all__ = [
    "Config", "Decoder", "Engine", "FeatureBuffer", "FeatureVector", "Fill", "HftError", "Histogram", "ImbalanceSignal",
    "ImbalanceStrategy", "Journal", "MarketSnapshot", "MarketTrade", "OrderBook", "OrderManager", "OrderReport",
    "PaperBroker", "Params", "PositionManager", "QuoterStrategy", "Ring", "RiskValidator", "RunDatabase", "Signal",
    "Spec", "StatePage", "Strategy", "StrategyContext", "Synchronizer", "VenueClock", "backtest", "live",
]
