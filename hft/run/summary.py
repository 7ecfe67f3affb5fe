"""The summary of a run: printed by `--json`, stored in `runs`, and as text."""

from __future__ import annotations

import resource
import sys
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from hft._core.base import status
from hft.config.toml import toml_key
from hft.run import diagnosis
from hft.run.diagnosis import InSync

if TYPE_CHECKING:
    from hft._core.base.histogram import Histogram
    from hft._core.engine.engine import Engine

# Refused frames, without well-formed frames of no interest, and without rejects by sync and risk.
REJECTED_MESSAGES = frozenset(
    {"decode_fallback", "bad_json", "bad_shape", "bad_number", "unknown_event", "unknown_symbol", "too_large"}
)


LOST = (REJECTED_MESSAGES - {"decode_fallback"}) | {"level_dropped", "crossed_levels"}
"""Reasons for which received data is not in the book or the figures."""


class Pnl(msgspec.Struct, frozen=True):
    """Profit and loss, in the quote asset: total = realised + unrealised - fees."""

    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    total: Decimal


class Latency(msgspec.Struct, frozen=True):
    """A histogram's figures in nanoseconds; 0 if nothing was measured."""

    p50: int
    p99: int
    p999: int
    max: int
    count: int


class Recorded(msgspec.Struct, frozen=True):
    """The result of a recording."""

    path: str
    """Its first file."""
    parts: int
    bytes: int
    """Bytes on disk."""
    entries: int
    lost: int
    """Missing entries, because the disk or the compression could not keep up."""
    failed: str | None
    """Why it ended early."""

    def __str__(self) -> str:
        size = f"{self.path}: {self.entries:,} entries, {self.bytes / 1e6:.1f} MB"
        trouble = ([f"{self.lost:,} entries are missing"] if self.lost else []) + ([self.failed] if self.failed else [])
        return size + (f"; broken: {', '.join(trouble)}" if trouble else "")


class Summary(msgspec.Struct, frozen=True):
    """One run. Counts are of the whole run; `position` is in base units by symbol, money in `quote`."""

    run_id: str
    run: int
    venue: str
    strategy: str
    """The strategy's name, from `strategy_id`."""
    symbols: list[str]
    quote: str
    spec_sources: dict[str, str]
    duration_s: float
    messages: int
    messages_by_kind: dict[str, int]
    resyncs: int
    gaps: int
    reconnects: int
    missing_trades: int
    rejected_messages: int
    signals: int
    orders: int
    fills: int
    rejects: dict[str, int]
    skipped: dict[str, int]
    position: dict[str, Decimal]
    mark: dict[str, Decimal | None]
    """The mid at which positions are valued; null if no book was ever in sync."""
    pnl: Pnl
    tick_to_trade_ns: Latency
    tick_ns: Latency
    longest_pause_ms: float
    """Largest delay of the event loop's timer in a live run; 0 for a backtest."""
    rss_mb: float
    engine_memory_mb: float
    stopped_by: str
    kill_switch: str | None
    fault: str | None
    funding: str = "not modelled"
    strategy_kind: str = "imbalance"
    """The strategy, from `[strategy] kind`."""
    in_sync: dict[str, InSync] = {}
    """By symbol, the share of time in which the book was in sync, and the causes of the rest."""
    why_no_orders: list[str] = []
    """For a run without an order: the reasons."""
    why_no_fills: list[str] = []
    """For a run with orders but no fill: the reasons."""
    recording: Recorded | None = None
    """Null without a recording."""

    def to_json(self) -> str:
        """One line of JSON; decimals are numbers with all their digits."""
        return _encode(self).decode()


class RecordSummary(msgspec.Struct, frozen=True):
    """The summary of one `hft record`."""

    venue: str
    symbols: list[str]
    duration_s: float
    messages: int
    messages_by_kind: dict[str, int]
    resyncs: int
    gaps: int
    reconnects: int
    missing_trades: int
    rejected_messages: int
    rejects: dict[str, int]
    """Messages that were skipped, by reason."""
    in_sync: dict[str, InSync]
    recording: Recorded
    stopped_by: str


_encode = msgspec.json.Encoder(decimal_format="number").encode


def read_json(text: str | bytes) -> Summary:
    """The summary that `to_json` wrote."""
    return msgspec.json.decode(text, type=Summary)


def latency(histogram: Histogram) -> Latency:
    """The figures of a histogram."""
    p50, p99, p999 = (histogram.percentile(q) if histogram.count else 0 for q in (50, 99, 99.9))
    return Latency(p50, p99, p999, max=histogram.max, count=histogram.count)


def in_cents(*parts: Decimal) -> list[Decimal]:
    """Amounts rounded to cents, followed by their sum, so that the printed figures add up. Each is less than a cent from its
    exact value.

    >>> [str(amount) for amount in in_cents(Decimal("0.004"), Decimal("0.004"), Decimal("-1"))]
    ['0.01', '0.00', '-1.00', '-0.99']
    """
    cent = Decimal("0.01")
    total = sum(parts, Decimal(0)).quantize(cent)
    rounded = [part.quantize(cent, ROUND_FLOOR) for part in parts]
    missing = int((total - sum(rounded, Decimal(0))) / cent)
    for i in sorted(range(len(parts)), key=lambda i: rounded[i] - parts[i])[:missing]:
        rounded[i] += cent
    return [*rounded, total]


def rss_mb() -> float:
    """Resident memory of this process, in MB of 10^6 bytes."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize() / 1e6
    except OSError:  # not Linux: only the peak is known, in KiB or, on macOS, bytes
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def totals(engine: Engine) -> Pnl:
    """Profit and loss over all symbols of an engine."""
    each = [engine.pnl(spec.name) for spec in engine.symbols]
    realised = sum((p.realised for p in each), Decimal(0))
    unrealised = sum((p.unrealised for p in each), Decimal(0))
    fees = sum((p.fees for p in each), Decimal(0))
    return Pnl(realised, unrealised, fees, realised + unrealised - fees)


def counted(engine: Engine) -> dict[str, Any]:
    """A summary's figures of the market data, by name."""
    counters = engine.counters()
    kinds: dict[str, int] = counters["messages"]
    return {
        "in_sync": diagnosis.in_sync(engine),
        "messages": sum(kinds.values()),
        "messages_by_kind": kinds,
        "resyncs": counters["resyncs"],
        "gaps": counters["gaps"],
        "missing_trades": engine.missing_trades,
        "rejected_messages": sum(count for name, count in counters["rejects"].items() if name in REJECTED_MESSAGES),
    }


def summarise(
    engine: Engine,
    *,
    run_id: str,
    run: int,
    venue: str,
    strategy: str,
    spec_sources: dict[str, str],
    duration_s: float,
    stopped_by: str,
    strategy_kind: str = "imbalance",
) -> Summary:
    """The summary of one engine's counters."""
    counters = engine.counters()
    by_reason: dict[str, int] = counters["rejects"]
    rejects = {name: count for name, count in by_reason.items() if status.CODES[name] >= status.FIRST_ORDER_CODE}
    market = counted(engine)
    kinds = market["messages_by_kind"]
    nothing = not counters["orders"]
    return Summary(
        run_id=run_id,
        run=run,
        venue=venue,
        strategy=strategy,
        strategy_kind=strategy_kind,
        symbols=[spec.name for spec in engine.symbols],
        quote=engine.symbols.all[0].quote,
        spec_sources=spec_sources,
        duration_s=round(duration_s, 3),
        **market,
        reconnects=counters["reconnects"],
        signals=counters["signals"],
        orders=counters["orders"],
        fills=counters["fills"],
        rejects=rejects,
        skipped=_of_messages(by_reason),
        position={spec.name: engine.position(spec.name) for spec in engine.symbols},
        mark={spec.name: engine.pnl(spec.name).mark for spec in engine.symbols},
        pnl=totals(engine),
        tick_to_trade_ns=latency(engine.latency("tick_to_trade")),
        tick_ns=latency(engine.latency("tick")),
        longest_pause_ms=round(counters["longest_pause_ns"] / 1e6, 3),
        rss_mb=round(rss_mb(), 1),
        engine_memory_mb=round(engine.memory_bytes / 1e6, 2),
        stopped_by=stopped_by,
        kill_switch=engine.kill_reason,
        fault=engine.fault,
        why_no_orders=diagnosis.why_no_orders(
            engine, messages=kinds, signals=counters["signals"], rejects=rejects, found=market["in_sync"]
        ) if nothing else [],
        why_no_fills=[] if nothing or counters["fills"] else diagnosis.why_no_fills(kinds, rejects),
    )


def way_out(fault: str | None, spec_sources: dict[str, str]) -> str:
    """Advice about a fault, for the end of its line; empty if the settings are not the cause.

    >>> way_out("overflow", {"BTCUSDT": "exchangeInfo", "SOLUSDT": "printed decimals"})
    "cash is counted in tick x quantum; set [feed.symbols.SOLUSDT] tick and step to the venue's"
    """
    if fault != "overflow":
        return ""
    guessed = [name for name, source in spec_sources.items() if source == "printed decimals"] or list(spec_sources)
    keys = " and ".join(f"[feed.symbols.{toml_key(name)}]" for name in guessed[:3])
    return f"cash is counted in tick x quantum; set {keys} tick and step to the venue's"


def skipped(engine: Engine) -> dict[str, int]:
    """Messages that an engine did not apply, by reason."""
    return _of_messages(engine.counters()["rejects"])


def warn(s: Summary | RecordSummary) -> None:
    """Prints a line on stderr about each book that was in sync too little."""
    for line in diagnosis.warnings(s.in_sync):
        print(f"hft: {line}", file=sys.stderr)


def _of_messages(by_reason: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in by_reason.items() if status.CODES[name] < status.FIRST_ORDER_CODE}


def as_text(s: Summary | RecordSummary) -> str:
    """A summary as text, one figure per line."""
    lines = _traded(s) if isinstance(s, Summary) else _followed(s)
    return "\n".join(f"{name:<14} {text}" for name, text in lines)


def _followed(s: RecordSummary) -> list[tuple[str, str]]:
    return [
        ("venue", f"{s.venue}: {', '.join(s.symbols)}, {s.duration_s:.1f} s, stopped by {s.stopped_by}"),
        *_market(s),
        ("recording", str(s.recording)),
    ]


def _market(s: Summary | RecordSummary) -> list[tuple[str, str]]:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in s.messages_by_kind.items() if count)
    skipped = s.skipped if isinstance(s, Summary) else s.rejects
    lost = ", ".join(f"{count:,} {name}" for name, count in skipped.items() if name in LOST and count)
    labels = ["in sync", *[""] * 64]
    return [
        ("messages", f"{s.messages:,} ({kinds})"),
        ("feed", f"{s.resyncs} resyncs, {s.gaps} gaps, {s.reconnects} reconnects, {s.rejected_messages} refused messages, "
                 f"{s.missing_trades} missing trades"
                 + (f", books crossed: {skipped['crossed_book']}" if skipped.get("crossed_book") else "")),
        *([("left out", lost)] if lost else []),
        *zip(labels, diagnosis.lines(s.in_sync), strict=False),
    ]


def _sources(of: dict[str, str]) -> str:
    """The source of each symbol's rules (SEMANTICS 28).

    >>> _sources({"BTCUSDT": "exchangeInfo", "ETHUSDT": "exchangeInfo", "SOLUSDT": "printed decimals"})
    'BTCUSDT, ETHUSDT from exchangeInfo; SOLUSDT from printed decimals'
    """
    names: dict[str, list[str]] = {}
    for name, source in of.items():
        names.setdefault(source, []).append(name)
    return "; ".join(f"{', '.join(found)} from {source}" for source, found in names.items()) or "none"


def _traded(s: Summary) -> list[tuple[str, str]]:
    rejects = ", ".join(f"{count:,} {name}" for name, count in s.rejects.items()) or "none"
    position = ", ".join(f"{format(qty, 'f')} {name}" for name, qty in s.position.items())
    t = s.tick_to_trade_ns
    realised, unrealised, fees, total = in_cents(s.pnl.realised, s.pnl.unrealised, -s.pnl.fees)
    lines = [
        ("run", f"{s.run_id} on {s.venue}, {s.duration_s:.1f} s, stopped by {s.stopped_by}"),
        ("strategy", f"{s.strategy_kind}, named {s.strategy}"),
        ("tick and step", _sources(s.spec_sources)),
        *_market(s),
        ("signals", f"{s.signals:,}"),
        ("orders", f"{s.orders:,}, {s.fills:,} fills; rejects: {rejects}"),
        *[("no order", why) for why in s.why_no_orders], *[("no fill", why) for why in s.why_no_fills],
        ("position", position),
        ("P&L", f"{total:,.2f} {s.quote} = {realised:,.2f} realised {_signed(unrealised)} unrealised {_signed(fees)} fees "
                f"(funding: {s.funding})"),
        ("tick to trade", f"p50 {t.p50 / 1e3:.2f} µs, p99 {t.p99 / 1e3:.2f} µs, max {t.max / 1e3:.2f} µs, {t.count:,} orders"
                          if t.count else "no orders"),
        *([("longest pause", f"{s.longest_pause_ms:.1f} ms")] if s.longest_pause_ms else []),
        ("memory", f"{s.rss_mb:.1f} MB, {s.engine_memory_mb:.2f} MB of it the engine's own"),
    ]
    if s.recording:
        lines.append(("recording", str(s.recording)))
    if s.kill_switch:
        lines.append(("kill switch", f"on: {diagnosis.explained(s.kill_switch)}"))
    if s.fault:
        lines.append(("halted", "; ".join(filter(None, (s.fault, way_out(s.fault, s.spec_sources))))))
    return lines


def _signed(amount: Decimal) -> str:
    return f"{'-' if amount < 0 else '+'} {abs(amount):,.2f}"
