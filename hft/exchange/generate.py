"""The simulated exchange without sockets: makes at once the frames that a client would have received."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hft.data.record import Kind, Record
from hft.errors import UsageError
from hft.exchange.simulation import SimulatedSymbol
from hft.exchange.symbols import SYMBOLS
from hft.venues.binance.venues import PROTOCOLS, BinanceProtocol

if TYPE_CHECKING:
    from hft.exchange.hub import Hub

START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000
MILLISECOND = 1_000_000


class _Collector:
    """Replaces the hub, and keeps messages published on some channels."""

    def __init__(self, protocol: BinanceProtocol, channels: set[str]) -> None:
        self.protocol = protocol
        self.channels = channels
        self.now_ns = 0
        self.records: list[Record] = []

    def publish(self, channel: str, render: Callable[[int], str]) -> None:
        if channel in self.channels:
            frame = f'{{"stream":"{channel}","data":{render(MILLISECOND)}}}'
            self.records.append(Record(self.now_ns, Kind.FRAME, frame.encode()))


def generate(symbol: str, protocol: str, *, seed: int, messages: int, depth_ms: int = 100, trades: str = "trade") -> list[Record]:
    """A session of one symbol: its REST book after a second, and a number of frames of depth, bookTicker and trades.

    The same arguments give the same bytes. UsageError for a symbol that the embedded exchange does not trade.

    >>> records = generate("BTCUSDT", "binance-usdm", seed=1, messages=500)
    >>> len(records), records[-1].ns > records[0].ns
    (501, True)
    """
    if symbol not in SYMBOLS[protocol]:
        raise UsageError(f"the embedded exchange does not trade it in its {protocol} protocol", where=symbol,
                         do=f"use {', '.join(SYMBOLS[protocol])}")
    stem = symbol.lower()
    collector = _Collector(PROTOCOLS[protocol], {f"{stem}@depth@{depth_ms}ms", f"{stem}@bookTicker", f"{stem}@{trades}"})
    hub: Hub = collector  # type: ignore[assignment]  # a simulated symbol only uses `publish` and `protocol`
    simulated = SimulatedSymbol(hub, SYMBOLS[protocol][symbol], seed, START_NS)
    now = START_NS
    book: Record | None = None
    while len(collector.records) < messages:
        now += STEP_NS
        for event in simulated.market.advance(now):
            collector.now_ns = event.time_ns
            simulated.publish(event)
        if book is None and now >= START_NS + 1_000_000_000:
            body = simulated.wire.snapshot(simulated.market.snapshot(1000))
            book = Record(now, Kind.SNAPSHOT, body.encode(), symbol)
            collector.records.append(book)
    return collector.records[: messages + 1]
