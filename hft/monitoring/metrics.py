"""The page as Prometheus metrics. Every scrape reads the page; the engine is not involved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from hft._core.base.histogram import Histogram
from hft.monitoring.page import PageState, SymbolState

BUCKETS_S = (
    1e-7, 2e-7, 5e-7, 1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 1e-2, 1e-1, 1.0,
)  # fmt: skip
"""Upper bounds, seconds; each count is exact to the 3 % of a page's bucket."""

_COUNTERS = {
    "frames": "Frames received",
    "bytes": "Bytes received",
    "intents": "Orders the strategy requested, including refused ones",
    "cancels": "Cancels sent",
    "amends": "Amends sent",
    "suspect_fills": "Fills made while the book was out of sync",
    "connects": "Connections made",
    "disconnects": "Connections lost",
    "reconnects": "Connections made anew",
    "resyncs": "Books built anew",
    "gaps": "Gaps in a stream's update ids",
    "snapshots": "REST books requested",
    "python_errors": "Exceptions that the strategy raised",
    "journal_waits": "Times input was held because the journal was full",
    "shortened": "Feature windows that outgrew their ring",
    "levels_dropped": "Levels far from the touch beyond the book's capacity",
    "clock_outliers": "Stamps of the venue that were ignored; their messages were applied",
}


class PageCollector(Collector):
    """Metric families of one page; `read` gives its state at each scrape."""

    def __init__(self, read: Callable[[], PageState]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Returns nothing, since registering must not need an engine."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All families, from one read of the page."""
        state = self._read()
        yield from _activity(state)
        yield from _latencies(state)
        yield from _money(state)
        yield from _symbols(state)
        yield from _machinery(state)


def _activity(state: PageState) -> Iterator[Metric]:
    yield CounterMetricFamily("strategy_market_updates", "Market updates received", value=sum(state.messages.values()))
    yield _counter("strategy_messages", "Messages, by kind", "kind", state.messages)
    yield CounterMetricFamily("strategy_signals_generated", "Signals generated", value=state.counters["signals"])
    yield CounterMetricFamily("strategy_orders_submitted", "Orders submitted", value=state.counters["orders"])
    makers, fills = state.counters["maker_fills"], state.counters["fills"]
    yield _counter("strategy_fills", "Fills, by liquidity", "liquidity", {"maker": makers, "taker": fills - makers})
    yield _counter("strategy_rejects", "Rejects, skips and drops, by reason", "reason", state.rejects)
    yield _counter("strategy_faults", "Faults of the core, by kind", "fault", state.faults)
    for name, text in _COUNTERS.items():
        yield CounterMetricFamily(f"strategy_{name}", text, value=state.counters[name])


def _latencies(state: PageState) -> Iterator[Metric]:
    for name, key, text in (
        ("tick_to_trade", "tick_to_trade", "Read of the frame to the order accepted by the broker's entry"),
        ("tick", "tick", "Every message, from the read to the end of processing"),
        ("feature_calculation", "features", "One evaluation of the feature vector"),
    ):
        yield _histogram(f"strategy_{name}_duration_seconds", text, state.histograms[key])


def _money(state: PageState) -> Iterator[Metric]:
    yield GaugeMetricFamily("strategy_pnl_total", "Profit and loss after fees, quote asset", value=float(state.pnl.total))
    parts = {"realised": state.pnl.realised, "unrealised": state.pnl.unrealised, "fees": state.pnl.fees}
    yield _gauge("strategy_pnl", "Parts of profit and loss: realised and unrealised before fees, and fees", "part", parts)
    yield GaugeMetricFamily("strategy_exposure", "Worst-case notional of all symbols, quote asset", value=float(state.exposure))


_PER_SYMBOL: list[tuple[str, str, Callable[[SymbolState], float | Decimal | None]]] = [
    ("position_size", "Position, base asset, signed", lambda s: s.position),
    ("position_pnl", "Profit and loss after fees, quote asset", lambda s: s.pnl.total),
    ("open_orders", "Open orders", lambda s: s.open_orders),
    ("book_synced", "1: the book is in sync with the exchange", lambda s: s.synced),
    ("book_status_synced", "1: in sync with both sides quoted, so signals are possible", lambda s: s.book_status == "synced"),
    ("connected", "1: on a live connection", lambda s: s.connected),
    ("mid_price", "Middle of the touch", lambda s: s.mid),
    ("spread_bps", "Spread, basis points", lambda s: s.spread_bps),
    ("imbalance", "Order-book imbalance, -1 to 1", lambda s: s.features.get("imbalance")),
    ("signal_strength", "Strength of the signal, 0 without one", lambda s: s.signal.strength if s.signal else 0),
]


def _symbols(state: PageState) -> Iterator[Metric]:
    for name, text, of in _PER_SYMBOL:
        values = {symbol.name: of(symbol) for symbol in state.symbols}
        yield _gauge(f"strategy_{name}", text, "symbol", {key: value for key, value in values.items() if value is not None})


def _machinery(state: PageState) -> Iterator[Metric]:
    used = {c.name: c.used / c.capacity for c in state.channels}
    yield _gauge("strategy_channel_utilization_ratio", "Share of a channel's slots in use", "channel", used)
    yield _counter("strategy_channel_waits", "Times a channel was full", "channel", {c.name: c.waits for c in state.channels})
    for name, text, value in (
        ("up", "1: the engine runs and its heartbeat is fresh", state.life == "running"),
        ("heartbeat_age_seconds", "Age of the engine's last heartbeat", state.heartbeat_age_ns / 1e9),
        ("kill_switch", "1: on", state.kill.on),
        ("writer_lag_records", "Journal records not yet in the database", state.journal_used),
        ("writer_lag_seconds", "Age of the oldest record not yet in the database", state.writer_lag_ns / 1e9),
        ("risk_alert", "1: orders were refused by a limit within the last minute", state.risk_alert),
        (
            "longest_pause_seconds", "Largest delay of the engine loop's timer",
            state.counters["longest_pause_ns"] / 1e9,
        ),
        ("connections", "Live connections", state.connections),
        ("resident_memory_bytes", "Resident memory of the engine's process", state.rss_bytes),
    ):
        yield GaugeMetricFamily(f"strategy_{name}", text, value=float(value))


def _counter(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _gauge(name: str, text: str, label: str, values: Mapping[str, float | Decimal]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family


def _histogram(name: str, text: str, h: Histogram) -> Metric:
    buckets = [(str(bound), h.below(round(bound * 1e9))) for bound in BUCKETS_S]
    return HistogramMetricFamily(name, text, buckets=[*buckets, ("+Inf", h.count)], sum_value=h.sum / 1e9)
