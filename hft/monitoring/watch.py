"""The terminal view: a page's state, drawn."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from decimal import Decimal

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hft.errors import ExitCode
from hft.monitoring.health import assess
from hft.monitoring.page import Event, Level, PageReader, PageState, SymbolState

REDRAW_S = 0.25
LADDER_ROWS = 8
EVENT_ROWS = 8
BAR = 10
"""Characters of the longest bar in the ladder."""

_UNSCALED = {"mid": ".2f", "microprice": ".3f", "signed_volume": "+.3f", "ofi": "+.3f", "intensity": ".1f"}


def watch(page_path: str | os.PathLike[str], *, once: bool = False) -> int:
    """Draws the page until Ctrl-C (or one time); the exit code. Also draws what a dead engine left."""
    reader = PageReader(page_path)
    console = Console()
    if once:
        console.print(render(reader.read()))
        return int(ExitCode.OK)
    with contextlib.suppress(KeyboardInterrupt):
        _draw(reader, console, lambda: True)
    return int(ExitCode.OK)


def draw_while(page_path: str | os.PathLike[str], running: Callable[[], bool]) -> None:
    """Draws the page on the whole terminal for as long as `running` says so: the view that `hft live` opens itself."""
    _draw(PageReader(page_path), Console(), running)


def _draw(reader: PageReader, console: Console, running: Callable[[], bool]) -> None:
    with Live(render(reader.read()), console=console, screen=True, auto_refresh=False) as live:
        while running():
            time.sleep(REDRAW_S)
            live.update(render(reader.read()), refresh=True)


def render(state: PageState) -> RenderableType:
    """The whole view of one state; prints, goes live, or is exported as SVG."""
    return Group(
        _head(state),
        *(_symbol(symbol) for symbol in state.symbols),
        Columns([_latency(state), _activity(state), _rejects(state)], equal=False, expand=False),
        _events(state.recent),
    )


def _head(state: PageState) -> RenderableType:
    health = assess(state)
    colour = "green" if health.ok else "red"
    line = Text()
    line.append(f" {state.strategy or 'engine'} ", style="bold reverse")
    line.append(f"  {state.venue}  run {state.run_id or state.run}  up {_duration(state.uptime_ns)}  pid {state.pid}  ")
    line.append(state.life, style=colour)
    if state.life == "silent":
        line.append(f": no sign of life for {_duration(abs(state.heartbeat_age_ns))}; what follows is what it left", style="red")
    if state.torn:
        line.append(": stopped in the middle of a write, figures may not belong together", style="red")
    line.append(f"   P&L {_signed(state.pnl.total)}", style=_shade(state.pnl.total))
    line.append(f"   kill switch {'ON' if state.kill.on else 'off'}", style="bold red" if state.kill.on else "dim")
    why = Text("\n".join(health.reasons), style="red")
    return Group(line, why) if health.reasons else line


def _symbol(symbol: SymbolState) -> RenderableType:
    trust = symbol.trust if symbol.trust == "synced" else f"{symbol.trust} ({symbol.sync})"
    title = f"[b]{symbol.name}[/b]  {trust}" + ("" if symbol.connected else ", not connected")
    body = Columns([_ladder(symbol.bids, symbol.asks), _features(symbol), _standing(symbol)], expand=False)
    return Panel(body, title=title, title_align="left", border_style="green" if symbol.trust == "synced" else "red")


def _ladder(bids: Sequence[Level], asks: Sequence[Level]) -> RenderableType:
    table = _table("", "bid", "", "ask", "")
    shown = [*bids[:LADDER_ROWS], *asks[:LADDER_ROWS]]
    largest = max((level.qty for level in shown), default=Decimal(0)) or Decimal(1)
    for i in range(min(LADDER_ROWS, max(len(bids), len(asks)))):
        bid, ask = (side[i] if i < len(side) else None for side in (bids, asks))
        table.add_row(
            Text(f"{bid.qty} {_bar(bid.qty / largest)}" if bid else "", style="green"),
            Text(f"{bid.price:,}" if bid else "", style="bold green"),
            "",
            Text(f"{ask.price:,}" if ask else "", style="bold red"),
            Text(f"{_bar(ask.qty / largest)} {ask.qty}" if ask else "", style="red", justify="left"),
        )
    return table


def _features(symbol: SymbolState) -> RenderableType:
    table = _table("feature", "")
    for name, value in symbol.features.items():
        table.add_row(name, "·" if value is None else format(value, _UNSCALED.get(name, "+.4f")))
    return table


def _standing(symbol: SymbolState) -> RenderableType:
    table = _table("", symbol.quote)
    signal = symbol.signal
    table.add_row("signal", f"{signal.strength:+.2f} at {signal.confidence:.0%}" if signal else "·")
    table.add_row("position", Text(f"{symbol.position:+}" if symbol.position else "flat", style=_shade(symbol.position)))
    table.add_row("mark", f"{symbol.mark:,}{' (old)' if symbol.mark_stale else ''}" if symbol.mark else "·")
    for name, value in (("realised", symbol.pnl.realised), ("unrealised", symbol.pnl.unrealised), ("fees", -symbol.pnl.fees)):
        table.add_row(name, Text(_signed(value), style=_shade(value)))
    table.add_row("P&L", Text(_signed(symbol.pnl.total), style=f"bold {_shade(symbol.pnl.total)}"))
    table.add_row("open orders", str(symbol.open_orders))
    table.add_row("last update", "·" if symbol.update_age_ns is None else f"{_duration(max(0, symbol.update_age_ns))} ago")
    table.add_row("resyncs, gaps", f"{symbol.resyncs}, {symbol.gaps}")
    return table


def _latency(state: PageState) -> RenderableType:
    table = _table("latency", "p50", "p99", "p99.9", "max", "n")
    for label, key in (("tick to trade", "tick_to_trade"), ("tick", "tick"), ("features", "features")):
        h = state.histograms[key]
        figures = [_duration(h.percentile(q)) for q in (50, 99, 99.9)] + [_duration(h.max)] if h.count else ["·"] * 4
        table.add_row(label, *figures, f"{h.count:,}")
    return table


def _activity(state: PageState) -> RenderableType:
    counters = state.counters
    table = _table("activity", "")
    for label, value in (
        ("messages", sum(state.messages.values())),
        ("signals", counters["signals"]),
        ("orders", counters["orders"]),
        ("fills", counters["fills"]),
        ("reconnects", counters["reconnects"]),
    ):
        table.add_row(label, f"{value:,}")
    table.add_row("to the database", f"{state.journal_used:,} waiting")
    for channel in state.channels:
        table.add_row(f"{channel.name} channel", f"{channel.used / channel.capacity:.0%}")
    return table


def _rejects(state: PageState) -> RenderableType:
    table = _table("not taken, by reason", "")
    for name, n in sorted((state.rejects | state.faults).items(), key=lambda item: -item[1])[:8]:
        table.add_row(name, f"{n:,}")
    return table


def _events(events: Sequence[Event]) -> RenderableType:
    table = _table("order", "", "side", "qty", "price", "left", "")
    for event in events[:EVENT_ROWS]:
        what = ("maker fill" if event.maker else "taker fill") if event.kind == "fill" else event.status
        table.add_row(
            f"{event.order_id >> 32}.{event.order_id & 0xFFFFFFFF}",
            event.symbol,
            Text(event.side, style="green" if event.side == "buy" else "red"),
            str(event.qty),
            f"{event.price:,}",
            str(event.leaves),
            f"{what} {event.reason}".strip(),
        )
    return table


def _table(first: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first)
    for name in columns:
        table.add_column(name, justify="right")
    return table


def _bar(share: Decimal) -> str:
    return "█" * max(1, round(share * BAR))


def _signed(value: Decimal) -> str:
    return f"{value:+,.2f}"


def _shade(value: Decimal) -> str:
    return "green" if value > 0 else "red" if value < 0 else "default"


def _duration(ns: int) -> str:
    """Three digits and a unit.

    >>> [_duration(ns) for ns in (870, 4_200, 1_500_000, 12_000_000_000, 4_000_000_000_000)]
    ['870 ns', '4.2 µs', '1.5 ms', '12 s', '1 h 6 min']
    """
    for size, unit in ((10**9, "s"), (10**6, "ms"), (10**3, "µs")):
        if ns >= 3600 * 10**9:
            return f"{ns // (3600 * 10**9)} h {ns // (60 * 10**9) % 60} min"
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns} ns"
