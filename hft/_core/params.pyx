"""An engine's settings: their defaults, and how they become the parameters of the stages."""

from decimal import Decimal

from libc.string cimport memset

from hft._core.position cimport position_scale
from hft._core.types cimport FEE_SCALE, MSG_AGG_TRADE, MSG_TRADE

DEFAULTS = {
    # features and signal
    "window_ms": 1000, "buffer_capacity": 10_000, "imbalance_levels": 5, "depth_levels": 20,
    "threshold": 0.3, "min_confidence": 0.7, "decay_ms": 500, "holding_ms": 1000, "entry_qty": "0.5",
    # risk; 0 switches a limit off
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
}


cdef int64_t _ns(milliseconds) except? -1:
    return int(Decimal(str(milliseconds)) * 1_000_000)


cdef int64_t _money(amount) except? -1:
    return int(Decimal(str(amount)) * FEE_SCALE)


cdef int64_t lot_quanta(Spec spec, amount) except? -1:
    """A size in base units as quanta, down to the lot."""
    cdef int64_t quanta = int(Decimal(str(amount)) / spec.quantum)
    return quanta - quanta % spec.c.lot


cdef int fill_market(MarketParams* p, dict s) except -1:
    memset(p, 0, sizeof(p[0]))
    p.book.window_ticks = s["book_window_ticks"]
    p.book.far_levels = s["far_levels"]
    p.features.window_ns = _ns(s["window_ms"])
    p.features.capacity = s["buffer_capacity"]
    p.features.imbalance_levels = s["imbalance_levels"]
    p.features.depth_levels = s["depth_levels"]
    p.sync.capacity_levels = s["sync_buffer_levels"]
    p.compare_ns = _ns(s["compare_ms"])
    p.answers = bool(s["snapshots"])
    p.trade_kind = {"trade": MSG_TRADE, "aggTrade": MSG_AGG_TRADE}[s["trade_source"]]
    return 0


cdef int fill_lane(LaneParams* p, dict s, int64_t run, Symbols symbols) except -1:
    memset(p, 0, sizeof(p[0]))
    p.reports = 4 * (s["max_open_orders"] + s["order_channel_size"])
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
    p.signal.window_ns = _ns(s["window_ms"])
    p.signal.decay_ns = _ns(s["decay_ms"])
    p.signal.holding_ns = _ns(s["holding_ms"])
    p.signal.capacity = s["buffer_capacity"]
    return 0


cdef int fill_strategy(ImbalanceParams* p, dict s, Spec spec, int32_t symbol) except -1:
    memset(p, 0, sizeof(p[0]))
    p.entry_qty = lot_quanta(spec, s["entry_qty"])
    p.max_order = lot_quanta(spec, s["max_order"])
    p.holding_ns = _ns(s["holding_ms"])
    p.symbol = symbol
    return 0
