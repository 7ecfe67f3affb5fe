"""Checks of what a backtest reads: any file is a session of whole messages, or one line that says what is wrong with it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

import hft
from hft._core.engine import events
from hft._core.engine.engine import Engine, replay_events
from hft._core.wire import decode
from hft.config import Config
from hft.data.events import EVENT, as_events
from hft.data.npz_rows import ROW
from hft.data.record import Kind
from hft.data.sources import Captures, Data, EventSource
from hft.errors import HftError
from tests.fuzz import seeds
from tests.fuzz.decoders import ambiguous
from tests.fuzz.packing import line, packed
from tests.oracle import decode as oracle
from tests.recorded import naive

SYMBOLS = ["BTCUSDT"]
NUMBERS = {name: number for number, name in decode.KINDS.items()}


class Sessions:
    """What a file gives as event records: whole messages in order; of a capture, those of the naive decoder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "BTCUSDT.data"

    def __call__(self, data: bytes) -> int:
        self.path.write_bytes(packed(data))
        try:
            session = Data([self.path], Config(), SYMBOLS)
            (source,) = session.sources
            found = [m for part in source.batches(session.specs) for m in self.messages(source, part)]
        except HftError as error:
            line(error)
            return 0
        times = [message.recv_ns for message in found]
        assert times == sorted(times)
        assert all(message.symbol < len(session.specs) for message in found)
        if isinstance(source, Captures):
            self.compare(source, session, found)
        return len(found)

    def messages(self, source, part) -> list[naive.Message]:
        """A part's messages. An event file's are looked at as they are run, not before."""
        assert part.dtype == EVENT
        return [] if isinstance(source, EventSource) else naive.messages(part)

    def compare(self, source, session, found) -> None:
        """The market data among them, against plain JSON, frame by frame."""
        text = [m for m in found if events.KINDS[m.kind] in decode.KINDS]
        want = []
        for record in source.session.inputs(SYMBOLS, opening=False):
            if ambiguous(record.data):
                return
            try:
                if record.kind in (Kind.SNAPSHOT, Kind.BOOK):
                    spec = next(spec for spec in session.specs if spec.name == record.symbol)
                    book = oracle.snapshot(record.data, spec, record.ns)
                    want.append(book if record.kind is Kind.SNAPSHOT else replace(book, kind="book"))
                elif record.kind is Kind.FRAME:
                    want.append(oracle.decode(record.data, session.specs, record.ns))
            except oracle.NotTaken:
                continue
        assert [(events.KINDS[m.kind], m.venue_ns) for m in text] == [(NUMBERS[m.kind], m.venue_ns) for m in want]
        for one, other in zip(text, want, strict=True):
            bids, asks = other.bids, other.asks
            if other.kind == "bookTicker":
                bids, asks = ((other.price, other.qty),), ((other.ask_price, other.ask_qty),)
            assert (one.bids, one.asks) == (bids, asks)
            if "trade" in other.kind:
                assert (one.price, one.qty, one.buyer_maker) == (other.price, other.qty, other.buyer_is_maker)


def walk(data: bytes) -> int:
    """Event records, message by message up to the first that is none, as an engine takes them."""
    engine = Engine([seeds.USDM])
    with suppress(ValueError):      # the number of the record where no message begins
        replay_events(engine, as_events(data[: len(data) // EVENT.itemsize * EVENT.itemsize]))
    return sum(engine.counters()["messages"].values())


class Backtests:
    """A backtest over any file ends with a result, or with one line."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "BTCUSDT.data"

    def __call__(self, data: bytes) -> int:
        self.path.write_bytes(packed(data))
        try:
            result = hft.backtest(self.path, symbols=SYMBOLS, series_ms=1_000_000_000)
        except HftError as error:
            line(error)
            return 0
        return 1 + len(result.fills)


# -- where they begin --------------------------------------------------------------------------------------------------


def recordings() -> Iterator[bytes]:
    """Recordings of our own, whole and torn."""
    ours = [
        b'{"hft":{"recording":{"format":1,"version":"0","part":1,"session":"x"}}}', b'{"hft":{"connect":"BTCUSDT"}}',
        b'{"hft":{"rest":{"path":"depth","symbol":"BTCUSDT"}}}', b'{"lastUpdateId":832000,"bids":[["61800.20","1"]],"asks":[]}',
        *[frame for frame in seeds.frames() if b'"BTCUSDT"' in frame and b"\n" not in frame][:4], b'{"hft":{"timer":true}}',
        b'{"hft":{"raw":"bm90IGpzb24="}}', b'{"hft":{"kill":true}}', b'{"hft":{"kill":false}}', b'{"hft":{"journal_full":true}}',
        b'{"hft":{"resync":"BTCUSDT"}}', b'{"hft":{"state":{"BTCUSDT":{"book":"0123456789abcdef"}}}}',
        b'{"hft":{"broken":{"lost":3}}}', b'{"hft":{"disconnect":"BTCUSDT"}}', b'{"hft":{"stop":true}}', b'{"hft":{"end":true}}',
    ]  # fmt: skip
    content = b"".join(b"%d %s\n" % (seeds.NS + n, body) for n, body in enumerate(ours))
    yield from (how + content for how in (b"p", b"g", b"t\xc0", b"z"))
    yield b"p" + content[:-30]


def tardis() -> Iterator[bytes]:
    """CSV files of every layout."""
    head, row = b"exchange,symbol,timestamp,local_timestamp,", b"binance-futures,BTCUSDT,1723161256298000,172316125629900%d,"
    level = b"asks[0].price,asks[0].amount,bids[0].price,bids[0].amount"
    for columns, rows in (
        (b"is_snapshot,side,price,amount", [b"true,bid,61800.2,1.5", b"true,ask,61800.3,2", b"false,bid,61800.1,0"]),
        (b"id,side,price,amount", [b"1,buy,61800.3,0.006", b"2,sell,61800.2,1"]),
        (b"ask_amount,ask_price,bid_price,bid_amount", [b"1,61800.3,61800.2,2", b"1.5,61800.3,,"]),
        (level, [b"61800.3,1,61800.2,2", b"61800.4,1,61800.2,0.001"]),
    ):
        content = head + columns + b"\n" + b"".join(row % n + each + b"\n" for n, each in enumerate(rows))
        yield from (how + content for how in (b"p", b"g", b"t\xf0"))


def npz() -> Iterator[bytes]:
    """hftbacktest's events, in an archive and bare."""
    rows = np.zeros(8, ROW)
    rows["ev"] = [(3 << 30) | (1 + i % 2 << 28) | kind for i, kind in enumerate((3, 4, 4, 1, 1, 2, 5, 103))]
    rows["exch_ts"] = 1_723_161_256_298_000_000
    rows["local_ts"] = rows["exch_ts"] + 1000 * np.arange(8)
    rows["px"] = 61800.2
    rows["qty"] = [0, 1, 2, 0, 1.5, 0.006, 1, 1]
    file = io.BytesIO()
    np.save(file, rows)
    yield from (how + file.getvalue() for how in (b"p", b"n"))


def event_files() -> Iterator[bytes]:
    """Event files of what the others hold."""
    header = msgspec.json.encode({"protocol": "binance-usdm", "trades": "trade", "symbols": [
        {"name": "BTCUSDT", "tick": "0.10", "step": "0.001", "quantum": "0.001", "quote": "USDT"}]})  # fmt: skip
    yield b"e" + header + b"\0"
    yield b"e" + header + b"\0" + records()


def records() -> bytes:
    """Every kind of message, as records."""
    from hft._core.engine.events import EventEncoder

    encoder = EventEncoder([seeds.USDM])
    encoder.connect("BTCUSDT", seeds.NS)
    for n, (spec, frame) in enumerate(seeds.HOT.values()):
        if spec is seeds.USDM:
            encoder.frame(frame, seeds.NS + n)
    encoder.snapshot("BTCUSDT", 7, [("61800.2", "1")], [("61800.3", "1")], seeds.NS + 100)
    encoder.disconnect("BTCUSDT", seeds.NS + 200)
    return encoder.take()


def every() -> Iterator[bytes]:
    """Files of every kind."""
    for kind in (seeds.captures, recordings, tardis, npz, event_files):
        yield from kind()
