"""The rows of every snapshot interval: figures of the run, and the state of each symbol."""

from __future__ import annotations

from typing import Any

from hft._core.engine.engine import Engine
from hft.persistence.writer import Writer
from hft.run.summary import rss_mb, totals

PAGE_COUNTERS = {"connected": "connects", "disconnected": "disconnects", "snapshot": "snapshots", "refresh": "snapshots"}
FEATURES = (
    "mid", "microprice", "spread_bps", "volatility", "momentum", "imbalance", "depth_ratio", "ofi", "signed_volume", "intensity",
)


class Links:
    """The events of connections that are counted on the state page."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def counters(self, kind: str, connection: str) -> list[str]:
        """The counters that an event of this kind raises; a connection seen before counts as a reconnect.

        >>> links = Links()
        >>> links.counters("connected", "public-1"), links.counters("connected", "public-1")
        (['connects'], ['connects', 'reconnects'])
        """
        found = [PAGE_COUNTERS[kind]] if kind in PAGE_COUNTERS else []
        if kind == "connected":
            found += ["reconnects"] if connection in self._seen else []
            self._seen.add(connection)
        return found


def put_rows(writer: Writer, engine: Engine, now_ns: int) -> None:
    """Queues a row per figure, and one per symbol, for this moment."""
    state = engine.page.read()
    writer.put_metrics(now_ns, figures(engine, engine.counters()))
    for symbol in state["symbols"]:
        name, view = symbol["name"], symbol["view"]
        vector = engine.features(name)
        signal = {key: view[key] for key in ("signal_strength", "signal_confidence", "holding_period_ns")}
        writer.put_snapshot(
            now_ns, name, features={feature: getattr(vector, feature) for feature in FEATURES},
            signal=signal if view["has_signal"] else None, position=engine.position(name), open_orders=view["open_orders"],
            state_hash=engine.state_hash(name),
        )


def figures(engine: Engine, counters: dict[str, Any]) -> dict[str, Any]:
    """Counters, rejects by reason, P&L, latency percentiles and memory, by name."""
    pnl = totals(engine)
    found = {
        **{name: value for name, value in counters.items() if isinstance(value, int)},
        **{f"rejects.{name}": count for name, count in counters["rejects"].items()},
        **{f"pnl.{name}": getattr(pnl, name) for name in ("realised", "unrealised", "fees", "total")},
        "rss_mb": rss_mb(),
    }
    for name in ("tick_to_trade", "tick"):
        histogram = engine.latency(name)
        if histogram.count:
            found |= {f"{name}.p{q}_ns": histogram.percentile(q) for q in (50, 99)} | {f"{name}.max_ns": histogram.max}
    return found
