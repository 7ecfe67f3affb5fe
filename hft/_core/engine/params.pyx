"""An engine's settings: their defaults, how they are checked, and how they become the parameters of the stages."""

from decimal import Decimal

from libc.string cimport memset

from hft._core.base.types cimport FEE_SCALE, MSG_AGG_TRADE, MSG_TRADE
from hft._core.execution.capacity cimport capacity_of
from hft._core.market.sync cimport SyncRule, sync_rule
from hft._core.trade.orders cimport MAX_LEAVES
from hft._core.trade.position cimport position_scale

from hft._core.base.checks import DAY_MS, above, choice, power_of_two, shown, whole, within
from hft._core.market.sync import SyncRules

DEFAULTS = {
    # features and signal
    "window_ms": 1000, "buffer_capacity": 10_000, "imbalance_levels": 5, "depth_levels": 20,
    "threshold": 0.3, "min_confidence": 0.7, "decay_ms": 500, "holding_ms": 1000, "entry_qty": "0.5",
    # risk; 0 switches a limit off, and so does one beyond what the engine can count
    "max_position": "1.0", "max_order": "0.5", "max_notional": "100000", "max_orders_per_second": 10,
    "max_loss": 0, "max_drawdown": 0, "capital": 0, "price_collar_bps": 100, "stale_data_ms": 60_000,
    # broker
    "entry_latency_ms": 20, "response_latency_ms": 5, "max_feed_delay_ms": 50, "max_open_orders": 256,
    "order_channel_size": 1000, "trade_source": "trade",
    # capacities
    "book_window_ticks": 65_536, "far_levels": 8_192, "sync_buffer_levels": 65_536, "fill_log": 4096,
    # comparison of books in sync with a fresh snapshot; 0: none
    "compare_ms": 0,
    # whether who sends the messages sends a REST book when asked; files can't
    "snapshots": True,
    # the venue's procedure for a correct book
    "sync": SyncRules(),
}

MOST_MONEY = 1 << 62
"""Money, in 1e-8 of the quote unit: 46 thousand million of them. A limit beyond it can't be reached, and is none."""
MOST_CAPITAL = Decimal(MOST_MONEY) / FEE_SCALE

_TRADES = {"trade": MSG_TRADE, "aggTrade": MSG_AGG_TRADE}
_BIG = 10**30               # a number beyond it is a slip of the pen
_WHOLE = {
    "buffer_capacity": (2, 1 << 24), "imbalance_levels": (1, 1000), "depth_levels": (1, 1000),
    "max_orders_per_second": (0, 1_000_000), "price_collar_bps": (0, 10_000), "max_open_orders": (1, 65_536),
    "order_channel_size": (1, 1_000_000), "far_levels": (2, 1 << 24), "sync_buffer_levels": (1024, 1 << 24),
    "fill_log": (1, 1 << 24),
}
_ABOVE = {"window_ms": DAY_MS, "decay_ms": DAY_MS, "holding_ms": DAY_MS, "threshold": 1, "entry_qty": _BIG}
_WITHIN = {
    "min_confidence": 1, "stale_data_ms": DAY_MS, "entry_latency_ms": DAY_MS, "response_latency_ms": DAY_MS,
    "max_feed_delay_ms": DAY_MS, "compare_ms": 100 * DAY_MS, "max_position": _BIG, "max_order": _BIG, "max_notional": _BIG,
    "max_loss": _BIG, "max_drawdown": _BIG, "capital": MOST_CAPITAL,
}
_OF_A_SYMBOL = ("max_position", "max_order")


def checked(given, symbols) -> dict:
    """All settings of an engine that trades these symbols, as plain numbers: those given, and the defaults.

    Raises TypeError for one that is unknown, ValueError, which names it, for a value that can't be honoured.

    >>> from hft._core.base.symbols import Symbols
    >>> from hft._core.base.types import Spec
    >>> symbols = Symbols(Spec("BTCUSDT", tick="0.1", step="0.001"))
    >>> checked({"threshold": 7}, symbols)
    Traceback (most recent call last):
    ValueError: threshold 7 must be above 0, at most 1
    """
    cdef SyncRule rule
    unknown = set(given) - set(DEFAULTS)
    if unknown:
        raise TypeError(f"unknown settings {', '.join(sorted(unknown))}; known: {', '.join(DEFAULTS)}")
    s = {**DEFAULTS, **given}
    for name, (least, most) in _WHOLE.items():
        s[name] = whole(name, s[name], least, most)
    for name, most in _ABOVE.items():
        s[name] = above(name, s[name], most)
    for name, most in _WITHIN.items():
        s[name] = within(name, s[name], 0, most)
    s["book_window_ticks"] = power_of_two("book_window_ticks", s["book_window_ticks"], 256, 1 << 18)
    choice("trade_source", s["trade_source"], _TRADES)
    sync_rule(s["sync"], &rule)
    if not isinstance(s["snapshots"], bool):
        raise ValueError(f"snapshots {shown(s['snapshots'])} must be True or False")
    for spec in symbols:        # below one step a limit would be 0, and 0 is no limit
        for name in _OF_A_SYMBOL:
            if 0 < s[name] < spec.step:
                raise ValueError(f"{name} {shown(given.get(name, s[name]))} is less than {spec.name}'s step {spec.step}")
    return s


cdef int64_t _ns(milliseconds) except? -1:
    return int(milliseconds * 1_000_000)


cdef int64_t _money(amount) except? -1:
    """A limit; one that is larger than can be counted is never reached."""
    return min(int(amount * FEE_SCALE), MOST_MONEY)


cdef int64_t _quanta(Spec spec, amount) except? -1:
    """Down to the quantum; more than can ever be open as the most that can."""
    return min(int(amount / spec.quantum), MAX_LEAVES - 1)


cdef int64_t lot_quanta(Spec spec, amount) except? -1:
    """A size in base units as quanta, down to the lot."""
    cdef int64_t quanta = _quanta(spec, amount)
    return quanta - quanta % spec.c.lot


cdef int64_t limit_quanta(Spec spec, amount) except? -1:
    """A limit in base units as quanta; 0 for none. Not down to the lot, which may grow: below one lot it lets no order pass."""
    return 0 if amount == 0 else max(1, _quanta(spec, amount))


cdef int fill_market(MarketParams* p, dict s) except -1:
    memset(p, 0, sizeof(p[0]))
    p.book.window_ticks = s["book_window_ticks"]
    p.book.far_levels = s["far_levels"]
    p.features.window_ns = max(1, _ns(s["window_ms"]))
    p.features.capacity = s["buffer_capacity"]
    p.features.imbalance_levels = s["imbalance_levels"]
    p.features.depth_levels = s["depth_levels"]
    sync_rule(s["sync"], &p.sync.rule)
    p.sync.capacity_levels = s["sync_buffer_levels"]
    p.compare_ns = _ns(s["compare_ms"])
    p.answers = bool(s["snapshots"])
    p.trade_kind = _TRADES[s["trade_source"]]
    return 0


cdef int fill_account(AccountParams* p, dict s, int64_t run, Symbols symbols) except -1:
    memset(p, 0, sizeof(p[0]))
    p.reports = capacity_of(symbols.count, s["max_open_orders"], s["order_channel_size"]).delivery_reports
    p.broker.entry_latency_ns = _ns(s["entry_latency_ms"])
    p.broker.response_latency_ns = _ns(s["response_latency_ms"])
    p.broker.max_feed_delay_ns = _ns(s["max_feed_delay_ms"])
    p.broker.symbols = symbols.count
    p.broker.max_orders = s["max_open_orders"]
    p.broker.max_commands = s["order_channel_size"]
    p.orders.n_symbols = symbols.count
    p.orders.capacity = s["max_open_orders"]
    p.orders.run = run
    p.positions.n_symbols = symbols.count
    p.positions.scale = position_scale(symbols.specs, symbols.count)
    p.risk.n_symbols = symbols.count
    p.risk.max_notional = _money(s["max_notional"])
    p.risk.max_loss = _money(s["max_loss"])
    p.risk.max_drawdown = _money(s["max_drawdown"])
    p.risk.capital = _money(s["capital"])
    p.risk.stale_ns = _ns(s["stale_data_ms"])
    p.risk.max_orders_per_second = s["max_orders_per_second"]
    p.risk.collar_bps = s["price_collar_bps"]
    p.signal.threshold = s["threshold"]
    p.signal.min_confidence = s["min_confidence"]
    p.signal.window_ns = max(1, _ns(s["window_ms"]))
    p.signal.decay_ns = max(1, _ns(s["decay_ms"]))
    p.signal.holding_ns = max(1, _ns(s["holding_ms"]))
    p.signal.capacity = s["buffer_capacity"]
    return 0


cdef int fill_strategy(ImbalanceParams* p, dict s, Spec spec, int32_t symbol) except -1:
    memset(p, 0, sizeof(p[0]))
    p.entry_qty = lot_quanta(spec, s["entry_qty"])
    p.max_order = limit_quanta(spec, s["max_order"])
    p.holding_ns = max(1, _ns(s["holding_ms"]))
    p.symbol = symbol
    return 0
