"""An engine's settings: defaults, checks, and conversion to the parameters of the stages."""

from decimal import Decimal

from libc.string cimport memset

from hft._core.base.types cimport FEE_SCALE, MSG_AGG_TRADE, MSG_TRADE
from hft._core.market.sync cimport SyncRule, sync_rule
from hft._core.trade.position cimport position_scale
from hft._core.trade.strategy cimport STRATEGY_PARAMS
from hft._core.trade.units cimport limit_quanta

from hft._core.base.checks import DAY_MS, above, choice, power_of_two, shown, whole, within
from hft._core.market.sync import SyncRules
from hft._core.trade.imbalance_strategy import ImbalanceStrategy

MARKET_DEFAULTS = {
    # features
    "window_ms": 1000, "buffer_capacity": 10_000, "imbalance_levels": 5, "depth_levels": 20,
    # the only source of traded volume
    "trade_source": "trade",
    # capacities
    "book_window_ticks": 65_536, "far_levels": 8_192, "sync_buffer_levels": 65_536,
    # comparison of books in sync with a fresh snapshot; 0: none
    "compare_ms": 0,
    # whether the source of messages sends a REST book on request; files can't
    "snapshots": True,
    # the venue's synchronisation procedure
    "sync": SyncRules(),
}
ACCOUNT_DEFAULTS = {
    # risk; 0 disables a limit, and so does a limit beyond the engine's number range
    "max_position": "1.0", "max_order": "0.5", "max_notional": "100000", "max_orders_per_second": 10,
    "max_loss": 0, "max_drawdown": 0, "capital": 0, "price_collar_bps": 100, "stale_data_ms": 60_000,
    # broker
    "entry_latency_ms": 20, "response_latency_ms": 5, "max_feed_delay_ms": 50, "max_open_orders": 256,
    "order_channel_size": 1000,
    # number of fills kept in memory
    "fill_log": 4096,
}
DEFAULTS = {**MARKET_DEFAULTS, **ACCOUNT_DEFAULTS}

MOST_MONEY = 1 << 62
"""Money, in 1e-8 of the quote unit: 46 thousand million units. A higher limit can't be reached, and counts as none."""
MOST_CAPITAL = Decimal(MOST_MONEY) / FEE_SCALE

_TRADES = {"trade": MSG_TRADE, "aggTrade": MSG_AGG_TRADE}
_BIG = 10**30               # a larger number is a typing mistake
_WHOLE = {
    "buffer_capacity": (2, 1 << 24), "imbalance_levels": (1, 1000), "depth_levels": (1, 1000),
    "max_orders_per_second": (0, 1_000_000), "price_collar_bps": (0, 10_000), "max_open_orders": (1, 65_536),
    "order_channel_size": (1, 1_000_000), "far_levels": (2, 1 << 24), "sync_buffer_levels": (1024, 1 << 24),
    "fill_log": (1, 1 << 24),
}
_ABOVE = {"window_ms": DAY_MS}
_WITHIN = {
    "stale_data_ms": DAY_MS, "entry_latency_ms": DAY_MS, "response_latency_ms": DAY_MS,
    "max_feed_delay_ms": DAY_MS, "compare_ms": 100 * DAY_MS, "max_position": _BIG, "max_order": _BIG, "max_notional": _BIG,
    "max_loss": _BIG, "max_drawdown": _BIG, "capital": MOST_CAPITAL,
}
_OF_A_SYMBOL = ("max_position", "max_order")


def checked(given, symbols) -> dict:
    """All settings of an engine for these symbols, as plain numbers: the given ones, and the defaults.

    Raises TypeError for an unknown setting; ValueError, with its name, for an invalid value.

    >>> from hft._core.base.symbols import Symbols
    >>> from hft._core.base.types import Spec
    >>> symbols = Symbols(Spec("BTCUSDT", tick="0.1", step="0.001"))
    >>> checked({"price_collar_bps": 10_001}, symbols)
    Traceback (most recent call last):
    ValueError: price_collar_bps 10001 must be a whole number from 0 to 10000
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
    for spec in symbols:        # below one step a limit would become 0, and 0 means no limit
        for name in _OF_A_SYMBOL:
            if 0 < s[name] < spec.step:
                raise ValueError(f"{name} {shown(given.get(name, s[name]))} is less than {spec.name}'s step {spec.step}")
    return s


cdef int64_t _ns(milliseconds) except? -1:
    return int(milliseconds * 1_000_000)


cdef int64_t _money(amount) except? -1:
    """A limit; one beyond the number range is never reached."""
    return min(int(amount * FEE_SCALE), MOST_MONEY)


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


cdef class AccountSetup:
    """The setup of one account: its strategy, its settings, and the parameters computed from them.

    Parameters
    ----------
    strategy : StrategyPort
    settings : dict
        As returned by `checked`.
    """

    def __init__(self, StrategyPort strategy not None, dict settings not None):
        if strategy.ops == NULL:
            raise TypeError("strategy: StrategyPort is abstract; pass one of its subclasses")
        self.strategy = strategy
        self.settings = settings
        self.fill_log = settings["fill_log"]

    cdef int fill(self, int64_t run, Symbols symbols) except -1:
        """Computes the parameters of its stages."""
        cdef dict s = self.settings
        self.trader.intents = self.strategy.most_intents(symbols.count)
        self.capacity = capacity_of(self.trader.intents, s["max_open_orders"], s["order_channel_size"])
        self.execution.reports = self.capacity.delivery_reports
        self.execution.broker.entry_latency_ns = _ns(s["entry_latency_ms"])
        self.execution.broker.response_latency_ns = _ns(s["response_latency_ms"])
        self.execution.broker.max_feed_delay_ns = _ns(s["max_feed_delay_ms"])
        self.execution.broker.symbols = symbols.count
        self.execution.broker.max_orders = s["max_open_orders"]
        self.execution.broker.max_commands = s["order_channel_size"]
        self.trader.commands = s["order_channel_size"]
        self.trader.orders.n_symbols = symbols.count
        self.trader.orders.capacity = s["max_open_orders"]
        self.trader.orders.run = run
        self.trader.positions.n_symbols = symbols.count
        self.trader.positions.scale = position_scale(symbols.specs, symbols.count)
        self.trader.risk.n_symbols = symbols.count
        self.trader.risk.max_notional = _money(s["max_notional"])
        self.trader.risk.max_loss = _money(s["max_loss"])
        self.trader.risk.max_drawdown = _money(s["max_drawdown"])
        self.trader.risk.capital = _money(s["capital"])
        self.trader.risk.stale_ns = _ns(s["stale_data_ms"])
        self.trader.risk.max_orders_per_second = s["max_orders_per_second"]
        self.trader.risk.collar_bps = s["price_collar_bps"]
        return 0

    cdef int64_t most_position(self, Spec spec) except -1:
        """Position limit of a symbol, in quanta; 0: no limit."""
        return limit_quanta(spec, self.settings["max_position"])

    cdef int64_t most_order(self, Spec spec) except -1:
        return limit_quanta(spec, self.settings["max_order"])

    cdef int bind_strategy(self, const StrategyOps* ops, void* memory, int32_t symbol, Spec spec) except -1:
        """Sets the strategy's parameters of a symbol, in its present units."""
        cdef char params[STRATEGY_PARAMS]
        memset(params, 0, sizeof(params))
        self.strategy.fill(params, spec, self.settings)
        ops.bind(memory, symbol, params)
        return 0


def account_setups(strategy, accounts, dict given not None, symbols) -> list:
    """The accounts of an engine: one, or one for each table in `accounts`, with the settings that differ from the engine's. Each
    may have a strategy of its own.

    Raises TypeError and ValueError as `checked`, and for a setting of the market.
    """
    strategy = ImbalanceStrategy() if strategy is None else strategy
    setups = []
    for own in [{}] if accounts is None else accounts:
        own = dict(own)
        chosen = own.pop("strategy", strategy)
        if not isinstance(chosen, StrategyPort):
            raise TypeError(f"strategy {shown(chosen)} must be a strategy such as ImbalanceStrategy")
        if shared := set(own) & set(MARKET_DEFAULTS):
            raise ValueError(f"accounts: {', '.join(sorted(shared))} belongs to the market, which all accounts share")
        setups.append(AccountSetup(chosen, checked({**given, **own}, symbols)))
    if not setups:
        raise ValueError("accounts: an engine needs at least one")
    return setups
