"""The terminal view: a page's state as lines that fit the terminal, whatever its size."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

from rich.text import Text

from hft.monitoring.health import assess
from hft.monitoring.layout import GAP, Block, Lines, Page, beside, fitted, pages, shortened, table, wrapped
from hft.monitoring.orders import OrderRow, Orders
from hft.monitoring.page import Level, PageState, SymbolState
from hft.monitoring.warned import Warned
from hft.run.summary import in_cents

BAR = 10
"""Characters of the longest bar in the ladder."""
WIDE = 100
"""Width from which features are drawn beside the ladder."""
UNBOUNDED = 1000
"""Lines of a printed view that need not fit a terminal."""
SAMPLES = 4096
"""Most samples of P&L; one is taken each time the view is drawn."""

IMPORTANCE = ("symbols", "book", "orders", "latency", "activity", "features", "other symbols", "P&L over time")

_UNSCALED = {"mid": ".2f", "microprice": ".3f", "signed_volume": "+.3f", "ofi": "+.3f", "intensity": ".1f"}


class View:
    """The part of the state that is shown: symbol, page and first order. Keys change it."""

    def __init__(self) -> None:
        self.symbol = 0
        self.page = 0
        self.warned: Warned | None = None
        self._begin("")
        self._symbols = 1
        self._pages = 1

    def _begin(self, run_id: str) -> None:
        """Discards the orders and the P&L of an earlier run."""
        self._run_id = run_id
        self.first_order = 0
        self.orders = Orders()
        self._totals: deque[float] = deque(maxlen=SAMPLES)

    def press(self, key: str) -> bool:
        """Handles a key; False if it ends the view."""
        if key in ("q", "Q"):
            return False
        if key in ("tab", "n"):
            self.symbol += 1
        elif key == "p":
            self.symbol -= 1
        elif key.isdecimal() and key.isascii() and 0 < int(key) <= self._symbols:
            self.symbol = int(key) - 1
        elif key in ("right", "left"):
            self.page += 1 if key == "right" else -1
        elif key in ("down", "up", "page down", "page up"):
            step = 1 if key in ("down", "up") else 10
            self.first_order += step if "down" in key else -step
        self.symbol %= max(self._symbols, 1)
        self.page %= max(self._pages, 1)
        self.first_order = max(0, min(self.first_order, len(self.orders) - 1))
        return True

    def lines(self, state: PageState, width: int, height: int | None = None) -> Lines:
        """The whole view in `width` columns and at most `height` lines; None: unlimited."""
        if state.run_id != self._run_id:
            self._begin(state.run_id)
            self.warned = Warned(Path(state.path).with_suffix(".log"), state.start_ns) if state.path else None
        if self.warned is not None:
            self.warned.check()
        self.orders.add(state.recent)
        self._totals.append(float(state.pnl.total))
        self._symbols = len(state.symbols)
        self.symbol = min(self.symbol, self._symbols - 1)
        head = [*_head(state, width), *_warnings(self.warned)]
        if height is not None and height < len(head) + 4:      # too small for more
            return fitted(head, width)[:height]
        room = UNBOUNDED if height is None else height - len(head) - 1
        shown = pages(self._sections(state, width, bounded=height is not None), IMPORTANCE, room)
        self._pages = len(shown)
        self.page = min(self.page, self._pages - 1)
        page = shown[self.page]
        body = [line for section, lines in page.sections for line in section.draw(lines)[:lines]]
        foot = [] if height is None else [self._foot(page, width)]
        blank = [] if height is None else [Text()] * (height - len(head) - len(body) - 1)
        return fitted([*head, *body, *blank, *foot], width)

    def _foot(self, page: Page, width: int) -> Text:
        keys = ["q quits"]
        if self._pages > 1:
            others = ", ".join(dict.fromkeys(page.elsewhere)) or "shortened sections"
            keys.insert(0, f"page {self.page + 1} of {self._pages}, ←→: {others}")
        if self._symbols > 1:
            keys.append(f"1–{min(self._symbols, 9)}, tab: symbol")
        if len(self.orders) > 1:
            keys.append("↑↓ orders")
        return Text("  ".join(keys), style="dim")

    def _sections(self, state: PageState, width: int, *, bounded: bool) -> list[Block]:
        focus, others = state.symbols[self.symbol], [each for i, each in enumerate(state.symbols) if i != self.symbol]
        many = bool(others)
        activity: list[Text | str] = [*_counts(state), *_reasons(state)]
        sections = []
        if many:
            rows = _symbols(state.symbols, self.symbol)
            sections.append(
                Block("symbols", min(len(rows), 4), len(rows), lambda n: _around(rows, n, self.symbol), scrolls=True)
            )
        sections.append(_book("book", focus, width))
        if width < WIDE:
            features = wrapped(_feature_words(focus), width)
            sections.append(Block("features", len(features), len(features), lambda n: features[:n]))
        latency, flat = _latency(state), wrapped(activity, width)
        if width >= WIDE:
            rest = width - max(line.cell_len for line in latency) - GAP
            band = beside([latency, wrapped(activity, rest)])
            sections.append(Block("latency", min(4, len(band)), len(band), lambda n: shortened(band, n, "lines")))
        else:
            sections.append(Block("latency", 4, 4, lambda n: latency[:n]))
            sections.append(Block("activity", min(2, len(flat)), len(flat), lambda n: shortened(flat, n, "lines")))
        for one in others:
            panel = _book("other symbols", one, width)
            sections.append(panel._replace(least=panel.most, optional=True))
        if bounded and len(self._totals) > 1:
            sections.append(Block("P&L over time", 6, UNBOUNDED, partial(_chart, list(self._totals), width), optional=True))
        orders = _orders(list(self.orders), many=many)
        sections.append(Block("orders", min(4, len(orders)), len(orders), lambda n: self._scrolled(orders, n), scrolls=True))
        return sections

    def _scrolled(self, rows: Lines, room: int) -> Lines:
        header, rest = rows[:1], rows[1:]
        self.first_order = max(0, min(self.first_order, len(rest) - room + 1))
        shown = shortened(rest[self.first_order :], room - 1, "orders, ↓")
        return [*header, *shown]


# -- sections --------------------------------------------------------------------------------------------------------------


def _head(state: PageState, width: int) -> Lines:
    health = assess(state)
    name = Text(f" {state.strategy or 'engine'} ", style="bold reverse")
    life = Text(state.life, style="green" if health.ok else "red")
    words: list[Text | str] = [
        name, life, Text(f"P&L {_signed(state.pnl.total)}", style=_shade(state.pnl.total)),
        Text(f"kill switch {'ON' if state.kill.on else 'off'}", style="bold red" if state.kill.on else "dim"),
        state.venue, f"up {_duration(state.uptime_ns)}", f"pid {state.pid}", f"run {state.run_id or state.run}",
    ]
    lines = wrapped(words, width)
    trouble = list(health.reasons)
    if state.life == "silent":
        trouble.insert(0, f"no heartbeat for {_duration(abs(state.heartbeat_age_ns))}; its last figures follow")
    if state.torn:
        trouble.insert(0, "stopped during a write; figures may be inconsistent")
    reasons = [Text(each, style="red") for each in trouble]
    return [*lines, *shortened(reasons, 3, "reasons, see /health")]


def _warnings(warned: Warned | None) -> Lines:
    """The count and the last of the log's warnings, which are hidden while the view has the terminal."""
    if warned is None or not warned.count:
        return []
    times = "1 warning" if warned.count == 1 else f"{warned.count:,} warnings, the last"
    return [Text(f"{times} in {warned.path.name}: {warned.last}", style="yellow")]


def _symbols(symbols: Sequence[SymbolState], chosen: int) -> Lines:
    rows: list[Sequence[Text | str]] = [("", "symbol", "book", "mid", "spread", "signal", "position", "P&L", "open")]
    for i, each in enumerate(symbols):
        signal = f"{each.signal.strength:+.2f}" if each.signal else "·"
        rows.append((
            f"{'▶' if i == chosen else ' '}{i + 1}", Text(each.name, style="bold" if i == chosen else ""), _book_status(each),
            "·" if each.mid is None else f"{each.mid:,f}", "·" if each.spread_bps is None else f"{each.spread_bps:.2f} bps",
            signal, Text(f"{each.position:+f}" if each.position else "flat", style=_shade(each.position)),
            Text(_signed(each.pnl.total), style=_shade(each.pnl.total)), str(each.open_orders),
        ))
    return table(rows, left=(0, 1, 2))


def _around(rows: Lines, room: int, chosen: int) -> Lines:
    """The header and the rows around the chosen one."""
    if len(rows) <= room:
        return rows
    first = max(1, min(chosen + 1 - (room - 2) // 2, len(rows) - room + 2))
    shown = rows[first : first + room - 2]
    return [rows[0], *shown, Text(f"… {len(rows) - 1 - len(shown)} more symbols", style="dim")]


def _book_status(symbol: SymbolState) -> Text:
    good = symbol.book_status == "synced"
    words = symbol.book_status if good else f"{symbol.book_status} ({symbol.sync})"
    words += "" if symbol.connected else ", not connected"
    return Text(words + ("" if symbol.trading else ", not traded"), style="green" if good and symbol.trading else "red")


def _book(name: str, symbol: SymbolState, width: int) -> Block:
    """Ladder, features if they fit, signal and position."""
    depth = max(len(symbol.bids), len(symbol.asks), 1)
    standing, features = _standing(symbol), _features(symbol)
    most = 1 + max(len(standing), min(depth, 10) + 1, len(features) if width >= WIDE else 0)

    def draw(room: int) -> Lines:
        title = Text(f"── {symbol.name} ", style="bold")
        title.append_text(_book_status(symbol))
        title.append(" " + "─" * max(0, width - title.cell_len - 1), style="dim")
        blocks = [shortened(features, room - 1, "features")] if width >= WIDE else []
        blocks += [shortened(standing, room - 1, "lines")]
        ladder: Lines = []
        for bar in range(BAR, -1, -1):              # bars are shortened first
            ladder = _ladder(symbol.bids, symbol.asks, room - 2, bar)
            if max(line.cell_len for line in beside([ladder, *blocks])) <= width:
                break
        return [title, *beside([ladder, *blocks])]

    return Block(name, min(8, most), most, draw)


def _ladder(bids: Sequence[Level], asks: Sequence[Level], rows: int, bar: int) -> Lines:
    shown = [*bids[:rows], *asks[:rows]]
    largest = max((level.qty for level in shown), default=Decimal(0)) or Decimal(1)
    cells: list[Sequence[Text | str]] = [(Text("bid"), "", "ask", Text(""))]
    for i in range(min(rows, max(len(bids), len(asks)))):
        bid, ask = (side[i] if i < len(side) else None for side in (bids, asks))
        cells.append((
            Text(f"{bid.qty:f} {_bar(bid.qty / largest, bar):>{bar}}" if bid else "", style="green"),
            Text(f"{bid.price:,f}" if bid else "", style="bold green"),
            Text(f"{ask.price:,f}" if ask else "", style="bold red"),
            Text(f"{_bar(ask.qty / largest, bar):<{bar}} {ask.qty:f}" if ask else "", style="red"),
        ))
    return table(cells, left=(3,))


def _feature_words(symbol: SymbolState) -> list[str]:
    return [f"{name} {_feature(name, value)}" for name, value in symbol.features.items()]


def _feature(name: str, value: float | None) -> str:
    return "·" if value is None else format(value, _UNSCALED.get(name, "+.4f"))


def _features(symbol: SymbolState) -> Lines:
    return table([("feature", ""), *((name, _feature(name, value)) for name, value in symbol.features.items())])


def _standing(symbol: SymbolState) -> Lines:
    signal, pnl = symbol.signal, symbol.pnl
    realised, unrealised, fees, total = in_cents(pnl.realised, pnl.unrealised, -pnl.fees)
    mark = f"{symbol.mark:,f}{' (old)' if symbol.mark_stale else ''}" if symbol.mark else "·"
    age = "·" if symbol.update_age_ns is None else f"{_duration(max(0, symbol.update_age_ns))} ago"
    money = [
        (name, Text(_signed(value), style=_shade(value)))
        for name, value in (("realised", realised), ("unrealised", unrealised), ("fees", fees))
    ]
    return table([
        ("", symbol.quote),
        ("signal", f"{signal.strength:+.2f} at {signal.confidence:.0%}" if signal else "·"),
        ("position", Text(f"{symbol.position:+f}" if symbol.position else "flat", style=_shade(symbol.position))),
        ("P&L", Text(_signed(total), style=f"bold {_shade(total)}")),
        *money,
        ("mark", mark),
        ("open orders", str(symbol.open_orders)),
        ("last update", age),
        ("resyncs, gaps", f"{symbol.resyncs}, {symbol.gaps}"),
    ])


def _latency(state: PageState) -> Lines:
    rows: list[Sequence[str]] = [("latency", "p50", "p99", "p99.9", "max", "n")]
    for label, key in (("tick to trade", "tick_to_trade"), ("tick", "tick"), ("features", "features")):
        h = state.histograms[key]
        figures = [_duration(h.percentile(q)) for q in (50, 99, 99.9)] + [_duration(h.max)] if h.count else ["·"] * 4
        rows.append((label, *figures, f"{h.count:,}"))
    return table(rows)


def _counts(state: PageState) -> list[str]:
    counters = state.counters
    counts = [f"{label} {value:,}" for label, value in (
        ("messages", sum(state.messages.values())), ("signals", counters["signals"]), ("orders", counters["orders"]),
        ("fills", counters["fills"]), ("reconnects", counters["reconnects"]), ("to the database", state.journal_used),
    )]
    counts.append(f"longest pause {_duration(counters['longest_pause_ns'])}")
    return counts + [f"{channel.name} channel {channel.used / channel.capacity:.0%}" for channel in state.channels]


def _reasons(state: PageState) -> list[Text]:
    """Rejects and faults by reason, the most frequent first."""
    found = sorted((state.rejects | state.faults).items(), key=lambda item: -item[1])
    return [Text(f"{name} {n:,}", style="yellow") for name, n in found if n]


def _orders(orders: Sequence[OrderRow], *, many: bool) -> Lines:
    symbol = ["symbol"] if many else []
    rows: list[Sequence[Text | str]] = [("time, UTC", "order", *symbol, "side", "qty", "price", "filled", "at", "")]
    for row in orders:
        average = row.average
        rows.append((
            _time(row.ts_ns), f"{row.order_id >> 32}.{row.order_id & 0xFFFFFFFF}", *([row.symbol] if many else []),
            Text(row.side, style="green" if row.side == "buy" else "red"), "?" if row.qty is None else f"{row.qty:f}",
            "market" if row.market else "?" if row.price is None else f"{row.price:,f}",
            f"{row.filled:f}" if row.filled else "·", "·" if average is None else f"{round(average, 8).normalize():,f}",
            f"{row.status.replace('_', ' ')} {'maker ' if row.maker else ''}{row.reason}".strip(),
        ))
    return table(rows, left=(0, 1, 2, 3, 8) if many else (0, 1, 2, 7))


def _chart(totals: Sequence[float], width: int, room: int) -> Lines:
    """The run's P&L since the view was opened, newest at the right."""
    low, high = min(totals), max(totals)
    rows = max(room - 1, 1)
    shown = totals[-width:] if len(totals) <= width else [totals[i * len(totals) // width] for i in range(width)]
    eighths = [round((value - low) / ((high - low) or 1) * (rows * 8 - 1)) + 1 for value in shown]
    title = Text(f"P&L since the view was opened, {low:+,.2f} to {high:+,.2f}", style="dim")
    return [title, *(Text("".join(_BLOCKS[max(0, min(8, n - 8 * row))] for n in eighths), style="cyan")
                     for row in range(rows - 1, -1, -1))]


_BLOCKS = " ▁▂▃▄▅▆▇█"


# -- words -----------------------------------------------------------------------------------------------------------------


def _time(ns: int) -> str:
    """Time of day, UTC."""
    at = datetime.fromtimestamp(ns // 10**9, UTC).strftime("%H:%M:%S")
    return f"{at}.{ns // 10**6 % 1000:03d}"


def _bar(share: Decimal, length: int) -> str:
    return "█" * min(length, max(1, round(share * length)))


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


def line(state: PageState) -> str:
    """A state in one line of plain text, for a pipe or a file."""
    health = assess(state)
    symbols = ", ".join(
        f"{each.name} {each.book_status} mid {'·' if each.mid is None else format(each.mid, 'f')} position {each.position:f}"
        for each in state.symbols
    )
    counters = state.counters
    return (
        f"{state.life}, up {_duration(state.uptime_ns)}: P&L {state.pnl.total:+.2f}, {counters['signals']} signals, "
        f"{counters['orders']} orders, {counters['fills']} fills; {symbols}; {'; '.join(health.reasons) or 'ok'}"
    )
