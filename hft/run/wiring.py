"""Builds an engine from a run's settings; the only place where a setting becomes an engine's parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hft._core.base.symbols import Symbols
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.execution.capacity import worst_cases
from hft._core.trade.strategy import StrategyPort
from hft.config import Config
from hft.errors import NotBuiltError, UsageError
from hft.venues.protocol import VenueProtocol
from hft.venues.registry import protocol_named


def engine_settings(config: Config) -> dict[str, Any]:
    """The configured settings as keyword arguments of `Engine`, but for its strategy."""
    strategy, broker, engine = config.strategy, config.broker, config.engine
    params, limits, capacity = strategy.params, strategy.risk_limits, strategy.performance
    return {
        "window_ms": params.feature_window_ms,
        "buffer_capacity": capacity.buffer_capacity,
        "imbalance_levels": params.imbalance_levels,
        "depth_levels": params.depth_levels,
        "max_position": limits.max_position_size,
        "max_order": limits.max_order_size,
        "max_notional": limits.max_notional_exposure,
        "max_orders_per_second": limits.max_orders_per_second,
        "max_loss": limits.max_loss,
        "max_drawdown": limits.max_drawdown,
        "capital": broker.initial_cash,
        "price_collar_bps": limits.price_collar_bps,
        "stale_data_ms": limits.stale_data_ms,
        "entry_latency_ms": broker.entry_latency_ms,
        "response_latency_ms": broker.response_latency_ms,
        "max_feed_delay_ms": broker.max_feed_delay_ms,
        "max_open_orders": engine.max_open_orders,
        "order_channel_size": capacity.order_channel_size,
        "trade_source": config.feed.trade_source or "trade",
        "book_window_ticks": engine.book_window_ticks,
        "far_levels": engine.far_levels,
        "sync_buffer_levels": engine.sync_buffer_levels,
        "compare_ms": config.feed.compare_ms,
    }


def capacities(config: Config, n_symbols: int, strategy: StrategyPort | None = None) -> dict[str, int]:
    """The capacities of fixed memory for these settings and this number of symbols; `strategy` replaces that of the settings."""
    return worst_cases(
        (strategy or config.strategy).most_intents(n_symbols),
        max_open_orders=config.engine.max_open_orders,
        order_channel_size=config.strategy.performance.order_channel_size,
    )


def journal_live(config: Config, n_symbols: int) -> int:
    """The size of a live run's journal, in records: that of the settings, but large enough that all orders allowed by the
    settings can be sent while the writer keeps up."""
    performance = config.strategy.performance
    return max(performance.persist_channel_size, capacities(config, n_symbols)["journal_orders"])


def journal_most(config: Config, n_symbols: int, strategy: StrategyPort | None = None) -> int:
    """The size of a journal, in records, that has room for every input, whatever is under way; `strategy` as for `capacities`."""
    return capacities(config, n_symbols, strategy)["journal_most"]


def tradable(protocol: str, where: str, do: str) -> None:
    """Raises `NotBuiltError` for a protocol whose symbols can be followed and recorded, but not yet traded (SEMANTICS 24)."""
    if protocol_named(protocol).instrument == "inverse":
        raise NotBuiltError("trading inverse contracts (COIN-M)", where=where, do=do)


def compatible(specs: Sequence[Spec]) -> Symbols:
    """The symbols of one run. Raises `UsageError` if they can't be traded together, for example in different currencies."""
    try:
        return Symbols(specs)
    except ValueError as error:
        raise UsageError(str(error), where="[strategy] symbols") from None


def untraded(spec: Spec) -> Spec:
    """The same symbol for an engine that does not trade: without a quote asset, since it adds no profits."""
    return Spec(spec.name, tick=spec.tick, step=spec.step, instrument=spec.instrument, quantum=spec.quantum,
                contract=spec.contract, price_unit=spec.price_unit, min_qty=spec.min_qty, max_qty=spec.max_qty,
                min_notional=spec.min_notional)


def build_engine(config: Config, specs: Sequence[Spec] | Symbols, protocol: VenueProtocol, **wiring: Any) -> Engine:
    """An engine with these settings, for symbols of that protocol; `wiring` is its page, journal and run number, if any.

    Raises `UsageError` for symbols whose money can't be added exactly, and for a setting that does not fit them.
    """
    if "strategy" not in wiring:
        wiring["strategy"] = config.strategy.build()
    try:
        return Engine(specs, fallback=protocol.load, sync=protocol.sync, **{**engine_settings(config), **wiring})
    except ValueError as error:
        name, _, why = str(error).partition(" ")
        where = KEYS.get(name.rstrip(":"))
        raise UsageError(why if where else str(error), where=where or "[strategy] symbols") from None
    except MemoryError:
        raise UsageError(
            "there is not enough memory for these settings", where="[engine]", do="lower the capacities, or trade fewer symbols"
        ) from None


KEYS = {
    "window_ms": "[strategy.params] feature_window_ms",
    "buffer_capacity": "[strategy.performance] buffer_capacity",
    "imbalance_levels": "[strategy.params] imbalance_levels",
    "depth_levels": "[strategy.params] depth_levels",
    "max_position": "[strategy.risk_limits] max_position_size",
    "max_order": "[strategy.risk_limits] max_order_size",
    "max_notional": "[strategy.risk_limits] max_notional_exposure",
    "max_orders_per_second": "[strategy.risk_limits] max_orders_per_second",
    "max_loss": "[strategy.risk_limits] max_loss",
    "max_drawdown": "[strategy.risk_limits] max_drawdown",
    "capital": "[broker] initial_cash",
    "price_collar_bps": "[strategy.risk_limits] price_collar_bps",
    "stale_data_ms": "[strategy.risk_limits] stale_data_ms",
    "entry_latency_ms": "[broker] entry_latency_ms",
    "response_latency_ms": "[broker] response_latency_ms",
    "max_feed_delay_ms": "[broker] max_feed_delay_ms",
    "max_open_orders": "[engine] max_open_orders",
    "order_channel_size": "[strategy.performance] order_channel_size",
    "trade_source": "[feed] trade_source",
    "book_window_ticks": "[engine] book_window_ticks",
    "far_levels": "[engine] far_levels",
    "sync_buffer_levels": "[engine] sync_buffer_levels",
    "compare_ms": "[feed] compare_ms",
    "journal": "[strategy.performance] persist_channel_size",
}
"""The setting that each parameter of an engine comes from."""
