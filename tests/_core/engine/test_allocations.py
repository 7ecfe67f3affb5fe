"""No message in steady state allocates: the calls of C's allocator are counted, with Python's objects sent through it too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

PROGRAM = """
import ctypes, sys
from hft._core.engine.engine import Engine
from hft._core.engine.engine import replay
from hft.exchange.generate import generate
from hft.data.tape import Tape
from hft._core.base.types import Spec
from hft.venues.binance import messages

calls = ctypes.CDLL(None).malloc_calls
calls.restype = ctypes.c_ulong
tape = Tape(generate("BTCUSDT", "binance-usdm", seed=3, messages=40_000), "BTCUSDT")
engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001"), fallback=messages.load, compare_ms=1)     # always refreshing
engine.connect("BTCUSDT", tape.start_ns)
(before, symbol, ns, book), = tape.books
def part(first, last):
    frames, stamps = tape.frames[first:last], tape.stamps[first:last]
    start = calls()
    assert replay(engine, frames, stamps) == len(frames)
    return calls() - start
head = tape.frames[:before], tape.stamps[:before]
at = 0
while at < before:
    at = replay(engine, *head, start=at)
engine.on_snapshot(symbol, book.last_update_id, book.bids, book.asks, ns)
part(before, 10_000)
few, many = part(10_000, 10_500), part(10_500, 40_000)     # more than 256: counts that Python does not keep ready
counters = engine.counters()
assert engine.refreshing("BTCUSDT") or counters["rejects"]["refresh_dropped"]
print(few, many, counters["orders"], counters["fills"], counters["signals"])
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="preloads a library the way Linux does")
def test_no_message_allocates(tmp_path: Path) -> None:
    library = tmp_path / "malloc_count.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, HERE.parent / "malloc_count.c"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library), "PYTHONMALLOC": "malloc"}
    found = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    few, many, orders, fills, signals = map(int, found.stdout.split())
    assert orders > 10 and fills > 10 and signals > 100     # the whole chain was at work
    assert many == few                                      # 29,500 messages cost as many calls as 500: those of the call itself
