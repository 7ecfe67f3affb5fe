# Features of the view and of the trades over the window (now - W, now] (SEMANTICS 23).
#
# Signatures; bodies follow.
from libc.stdint cimport int32_t, int64_t, uint64_t

from hft._core.book cimport Book
from hft._core.flow cimport Flow
from hft._core.types cimport Message

cdef struct FeatureParams:
    int64_t window_ns           # W
    int32_t capacity            # touch changes (and trade entries) that the window can hold
    int32_t imbalance_levels    # 5 by default
    int32_t depth_levels        # 20 by default
    int32_t reserved

cdef enum FeatureBit:
    FEATURES_BOOK = 1
    FEATURES_FLOW = 2

cdef struct FeatureValues:
    int64_t timestamp_ns
    double mid                  # ticks
    double microprice           # ticks
    double spread_bps
    double volatility           # bps per window
    double momentum             # bps over the window
    double imbalance            # -1 to 1
    double depth_ratio
    double ofi                  # quanta
    double signed_volume        # quanta
    double intensity            # taker orders per second
    int32_t valid               # FeatureBit
    int32_t reserved

# struct Features: fields `imbalance` (double, NaN without a two-sided book) and `imbalance_e9` of the last push, `shortened`.
# size_t features_size(const FeatureParams*)
# void features_init(Features*, const FeatureParams*)
# void features_on_sync(Features*, int64_t now)
# void features_on_desync(Features*)
# void features_on_book(Features*, const Book*, int64_t now)
# int features_on_trade(Features*, const Message*, int64_t now)     OK | DUPLICATE_TRADE | OTHER_TRADE_SOURCE
# void features_eval(Features*, const Book*, int64_t now, FeatureValues* out)
