# The door for `cimport hft`: the records and verbs that compiled strategies and tools build on.

from hft._core.book cimport Book, book_best, book_best_qty, book_mid2, book_next, book_qty, book_sum, book_top
from hft._core.engine cimport Engine
from hft._core.features cimport FeatureValues
from hft._core.market cimport Market, market_book, market_ready
from hft._core.signal cimport SignalRecord
from hft._core.types cimport Intent, Level, Message, Report, Side, Spec, SymbolSpec
