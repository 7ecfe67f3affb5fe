"""Features: microstructure, order book and trade flow over a sliding window, at a cost independent of the window."""

from libc.string cimport memset

from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.types cimport BUYER_IS_MAKER, MAX_LEVELS, MSG_AGG_TRADE, MSG_TRADE, NOT_MARKET

from hft._core.base.checks import DAY_MS, nanoseconds, time_ns, whole

assert sizeof(TouchEntry) == 64 and sizeof(Features) == 256 and sizeof(Flow) == 128 and sizeof(FeatureValues) == 96

MAX_CAPACITY = 1 << 24


cdef FeatureUnits feature_units(Spec spec):
    cdef FeatureUnits units
    units.tick = float(spec.price(1))
    units.quantum = float(spec.qty(1))
    return units


cdef class FeatureVector:
    """Features at one time; NaN for a feature without a value.

    Attributes
    ----------
    timestamp_ns : int
        The time.
    mid, microprice : float
        (bid + ask) / 2, and the mid weighted by the opposite quantities, (b qa + a qb) / (qa + qb); quote units.
    spread_bps : float
        10⁴ (ask - bid) / mid.
    volatility : float
        10⁴ √Σ(Δmid)² / mid: basis points per window.
    momentum : float
        10⁴ (mid now / mid at the window's start - 1).
    imbalance : float
        (ΣB - ΣA) / (ΣB + ΣA) over the best 5 levels, -1 to 1.
    depth_ratio : float
        ΣB / ΣA over the best 20 levels, above 0.
    ofi : float
        Order-flow imbalance: Σ eₙ at the touch over the window (Cont, Kukanov and Stoikov 2014); base units.
    signed_volume : float
        Volume bought minus sold by takers over the window; base units.
    intensity : float
        Taker orders per second over the window; trades of equal venue time and side are one order.
    book_valid, flow_valid : bool
        Whether the first eight features, and the last two, have values.
    """

    FIELDS = ("mid", "microprice", "spread_bps", "volatility", "momentum", "imbalance", "depth_ratio", "ofi",
              "signed_volume", "intensity")

    @staticmethod
    cdef FeatureVector of(const FeatureValues* values, const FeatureUnits* units):
        cdef FeatureVector self = FeatureVector.__new__(FeatureVector)
        self.timestamp_ns = values.timestamp_ns
        self.mid, self.microprice = values.mid * units.tick, values.microprice * units.tick
        self.spread_bps, self.volatility, self.momentum = values.spread_bps, values.volatility, values.momentum
        self.imbalance, self.depth_ratio = values.imbalance, values.depth_ratio
        self.ofi, self.signed_volume = values.ofi * units.quantum, values.signed_volume * units.quantum
        self.intensity = values.intensity
        self.book_valid, self.flow_valid = values.valid & FEATURES_BOOK != 0, values.valid & FEATURES_FLOW != 0
        return self

    def as_dict(self) -> dict:
        """The features by name, in the order of `FIELDS`."""
        return {name: getattr(self, name) for name in self.FIELDS}

    def __repr__(self):
        fields = ", ".join(f"{name}={value:.6g}" for name, value in self.as_dict().items())
        return f"FeatureVector(timestamp_ns={self.timestamp_ns}, {fields})"


cdef class FeatureBuffer:
    """A symbol's features over a sliding time window.

    Pass it the book's syncs, every change of the book and every trade; it can be evaluated at any time. Times are nanoseconds
    of one clock that never goes back.

    Parameters
    ----------
    spec : Spec
        The symbol's scales.
    window_ms : int
        The window W: features have no value until W of synced data since the last sync.
    capacity : int
        Changes of the touch, and trades, that the window can hold. If it needs more, the oldest leave early, counted by
        `shortened`.
    imbalance_levels, depth_levels : int
        Levels of each side that `imbalance` and `depth_ratio` sum over.

    >>> from hft._core.market.book import OrderBook
    >>> from hft._core.base.types import Spec
    >>> spec = Spec("BTCUSDT", tick="0.10", step="0.001")
    >>> book, features = OrderBook(spec), FeatureBuffer(spec, window_ms=1000)
    >>> book.snapshot([("61800.20", "3.000")], [("61800.30", "1.000")], 1)
    0
    >>> features.on_sync(book, 0)
    >>> book.book_ticker("61800.20", "5.000", "61800.30", "1.000", 2)
    0
    >>> features.on_book(book, 400_000_000)
    >>> features.on_trade("0.250", buyer_is_maker=False, trade_id=7, venue_ns=350_000_000, now_ns=500_000_000)
    0
    >>> features.vector(book, 999_999_999).book_valid        # less than a window of synced data
    False
    >>> vector = features.vector(book, 1_000_000_000)
    >>> vector.ofi, vector.signed_volume, vector.intensity
    (2.0, 0.25, 1.0)
    >>> round(vector.imbalance, 3), round(vector.microprice, 3), round(vector.spread_bps, 4)
    (0.667, 61800.283, 0.0162)
    """

    def __cinit__(self):
        self.features = NULL

    def __init__(self, Spec spec not None, *, window_ms=1000, capacity=10000, imbalance_levels=5, depth_levels=20):
        if self.features != NULL:
            raise RuntimeError("a FeatureBuffer is initialised once")
        cdef FeatureParams params
        memset(&params, 0, sizeof(FeatureParams))
        params.window_ns = nanoseconds("window_ms", window_ms, 1, DAY_MS)
        params.capacity = whole("capacity", capacity, 1, MAX_CAPACITY)
        params.imbalance_levels = whole("imbalance_levels", imbalance_levels, 1, MAX_LEVELS)
        params.depth_levels = whole("depth_levels", depth_levels, 1, MAX_LEVELS)
        self.features = <Features*>hft_alloc(features_size(&params))
        features_init(self.features, &params)
        self.spec = spec
        self.units = feature_units(spec)

    def __dealloc__(self):
        hft_free(self.features)

    def on_sync(self, OrderBook book not None, int64_t now_ns) -> None:
        """The book is in sync from now on: the window starts again."""
        features_on_sync(self.features, time_ns("now_ns", now_ns))
        features_on_book(self.features, book.book, now_ns)

    def on_desync(self) -> None:
        """The book is out of sync: no feature has a value until W after the next sync."""
        features_on_desync(self.features)

    def on_book(self, OrderBook book not None, int64_t now_ns) -> None:
        """A depth message or bookTicker was applied to the book."""
        features_on_book(self.features, book.book, time_ns("now_ns", now_ns))

    def on_trade(self, qty, *, bint buyer_is_maker, int64_t trade_id, int64_t venue_ns, int64_t now_ns,
                 bint market=True, bint aggregate=False) -> int:
        """A trade (or aggTrade: `aggregate`) of `qty`, decimal text or Decimal, at venue time `venue_ns`.

        `market` false: not a market trade, only its id counts. Returns 0, or the code of DUPLICATE_TRADE or
        OTHER_TRADE_SOURCE for a trade that was ignored. After a gap in the ids the flow features have no value for W.
        """
        cdef Message m
        memset(&m, 0, sizeof(Message))
        m.kind = MSG_AGG_TRADE if aggregate else MSG_TRADE
        m.first_id = m.last_id = trade_id
        m.venue_ns = time_ns("venue_ns", venue_ns)
        m.qty = self.spec.quanta(qty)
        if m.qty < 0:
            raise ValueError(f"quantity {qty} must not be negative")
        m.flags = (BUYER_IS_MAKER if buyer_is_maker else 0) | (0 if market else NOT_MARKET)
        return features_on_trade(self.features, &m, time_ns("now_ns", now_ns))

    def vector(self, OrderBook book not None, int64_t now_ns) -> FeatureVector:
        """All features at `now_ns`, which must not be before the time of the last call."""
        cdef FeatureValues values
        features_eval(self.features, book.book, time_ns("now_ns", now_ns), &values)
        return FeatureVector.of(&values, &self.units)

    @property
    def window_ns(self) -> int:
        return self.features.window_ns

    @property
    def capacity(self) -> int:
        return self.features.capacity

    @property
    def shortened(self) -> int:
        """Entries that left the window early because `capacity` was used up."""
        return self.features.shortened

    @property
    def trade_gaps(self) -> int:
        """Gaps in trade ids."""
        return features_flow(self.features).gaps

    def __len__(self):
        """Changes of the touch in the window, as of the last update."""
        return self.features.head - self.features.tail
