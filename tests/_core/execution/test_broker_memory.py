"""The broker's verbs allocate nothing: allocator calls are counted in a process of its own, Python's allocator included."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNTER = Path(__file__).parents[1] / "malloc_count.c"

SCRIPT = """
import ctypes
from hft._core.market.book import OrderBook
from hft._core.execution.broker import PaperBroker
from hft._core.base.types import Spec

calls = ctypes.CDLL(None).malloc_calls
calls.restype = ctypes.c_ulong
spec = Spec("UNIT", tick=1, step=1)
book = OrderBook(spec, window_ticks=256)   # a debug build looks at all of it after every message
book.snapshot([(99, 10**6), (98, 9)], [(101, 10**6), (102, 9)], 1)
broker = PaperBroker(spec, book, entry_latency_ms=0, queue_model="log")
for _ in range(3):
    broker.submit("buy", 10**7, 99, sent_ns=0)
    broker.submit("sell", 10**7, 101, sent_ns=0)
broker.arrivals(1)
now, counts = 1, []
for n in (1_000, 1_000, 2_000_000):
    before = calls()
    reports = broker.drive_book_tickers(99, 101, 10**6, n, v_ns=now)
    reports += broker.drive_trades(99, 1, n, buyer_is_maker=True, v_ns=now + n)
    counts.append((calls() - before, reports))
    now += 2 * n
print(*counts[1], *counts[2])
"""


@pytest.mark.long
def test_events_allocate_nothing(tmp_path):
    library = tmp_path / "malloc_count.so"
    subprocess.run([*os.environ.get("CC", "cc").split(), "-shared", "-fPIC", "-O2", "-o", library, COUNTER], check=True)
    env = os.environ | {"LD_PRELOAD": str(library), "PYTHONMALLOC": "malloc"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, check=True, capture_output=True, text=True)
    few_calls, few_reports, many_calls, many_reports = map(int, done.stdout.split())
    assert many_reports > few_reports + 100_000  # the queue was served and orders filled
    assert many_calls - few_calls < 20  # parsing the arguments allocates; two million events do not
