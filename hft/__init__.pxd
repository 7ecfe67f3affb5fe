# The door for `cimport hft`: the records and verbs that compiled strategies and tools build on.

from hft._core.base.types cimport Intent, Level, Message, Report, Side, Spec, SymbolSpec
from hft._core.engine.engine cimport Engine
from hft._core.market.book cimport Book, book_best, book_best_qty, book_mid2, book_next, book_qty, book_sum, book_top
from hft._core.market.features cimport FeatureValues
from hft._core.market.market_state cimport Market, market_book, market_ready
from hft._core.trade.signal cimport SignalRecord
