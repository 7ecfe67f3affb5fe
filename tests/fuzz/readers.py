"""Checks of the readers of files: sound records in their order, or one line that says what is wrong and where.

A check takes any bytes. It returns how much of them was taken, and raises where something is wrong.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from hft.data.captures import Capture, stamp_ns
from hft.data.probe import probe
from hft.data.recording import is_recording
from hft.data.sessions import RecordedSession
from hft.errors import NOT_JSON, DamagedData, UsageError
from hft.run import specs
from hft.venues.binance.rules import listed
from tests.fuzz.packing import held, line, packed
from tests.oracle import captures as oracle

FEES = (Decimal("0.0002"), Decimal("0.0005"))


class Captures:
    """Every record of a capture is that of the naive reader, in its order; all that follows a tear is missing."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "capture"

    def __call__(self, data: bytes) -> int:
        content, torn = held(data), data[:1] == b"t"
        self.path.write_bytes(packed(data))
        capture = Capture(self.path)
        try:
            records = list(capture)
        except DamagedData as damage:
            line(damage)
            return 0
        session = RecordedSession([self.path])      # its books get their symbol
        assert [record[:3] for record in session] == [record[:3] for record in records]
        found = probe(records)
        try:
            specs.resolve(found.symbols, found.protocol or "binance-usdm", fees=FEES, exchange_info=found.exchange_info,
                          printed=found.printed)  # fmt: skip
        except UsageError as mistake:
            line(mistake)
        if data[:1] in (b"n", b"e") or content[:2] == b"\x1f\x8b" or content[:4] == b"\x28\xb5\x2f\xfd" or is_recording(content):
            return len(records)
        if capture.tears:               # a record in the middle of a line, after one that breaks off
            return len(records)
        if torn and capture.torn:       # somewhere: it holds a part of the lines
            content = b"\n".join(content.split(b"\n")[: capture.lines]) + b"\n"
        want = oracle.read(content, bool(capture.torn))
        got = [(r.ns, int(r.kind), oracle.value(r.data), r.symbol) for r in records]
        if capture.steps:               # a clock that was set, which the oracle does not follow: the same records, at other times
            got, want = (sorted(str(each[1:]) for each in these) for these in (got, want))
        assert got == want
        return len(records)


def rules(data: bytes) -> int:
    """An exchangeInfo body gives the rules of its symbols, or one of NOT_JSON; a command says one line."""
    try:
        known = listed(data)
    except NOT_JSON:
        known = {}
    for symbol in ["BTCUSDT", *list(known)[:3]]:
        for protocol in ("binance-spot", "binance-usdm", "binance-coinm"):
            try:
                found = specs.resolve([symbol], protocol, fees=FEES, exchange_info=[data])
            except UsageError as mistake:
                line(mistake)
                continue
            tick, step = known.get(symbol, {}).get("tick"), known.get(symbol, {}).get("step")
            if symbol in known:
                assert (found[0].spec.tick, found[0].spec.step) == (Decimal(tick), Decimal(step))
    return len(known)


def stamp(data: bytes) -> int:
    """A printed stamp is exact, or ValueError."""
    try:
        ns = stamp_ns(data)
    except ValueError:
        return 0
    assert ns == oracle.nanoseconds(data.decode())
    return 1
