"""The market at a glance: what it says, where it lies, and that no reader ever sees half a write."""

import math
import mmap
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from hft._core.base.types import Spec
from hft._core.market.book import OrderBook
from hft._core.market.snapshot import MarketSnapshot

HERE = Path(__file__).parent
UNIT = Spec("UNIT", tick=1, step=1)


def a_book(bids=((100, 3),), asks=((102, 1),), update_id=7):
    book = OrderBook(UNIT, window_ticks=256)
    book.snapshot(bids, asks, update_id)
    return book


def test_it_says_what_the_view_shows():
    snapshot, book = MarketSnapshot(), a_book()
    snapshot.publish(book, 1_000)
    view = snapshot.read()
    assert (view.sequence, view.timestamp_ns, view.best_bid, view.best_ask, view.mid2) == (2, 1_000, 100, 102, 202)
    assert (view.imbalance, view.update_id, view.synced) == (0.5, 7, True)
    assert view.spread_bps == pytest.approx(1e4 * 2 / 101, abs=0.0005)
    book.book_ticker(101, 1, 102, 3, 9)
    snapshot.publish(book, 2_000, synced=False)
    view = snapshot.read()
    assert (view.sequence, view.best_bid, view.update_id, view.synced) == (4, 101, 9, False)


def test_an_empty_side():
    snapshot = MarketSnapshot()
    snapshot.publish(a_book(asks=()), 1)
    view = snapshot.read()
    assert (view.best_bid, view.best_ask, view.mid2, view.spread_bps) == (100, 0, 0, 0)
    assert math.isnan(view.imbalance)


def test_a_spread_beyond_its_field_is_capped():
    snapshot = MarketSnapshot()
    snapshot.publish(a_book(bids=[(1, 1)], asks=[(10**17, 1)]), 1)
    assert snapshot.read().spread_bps == pytest.approx(2e4)  # the widest there is: 200 % of the mid


def test_the_layout_in_memory():
    memory = bytearray(128)
    snapshot = MarketSnapshot(memory, 64)
    snapshot.publish(a_book(), 1_000)
    assert memory[:64] == bytes(64)
    words = struct.unpack("<Q6qII", memory[64:])
    assert words == (2, 1_000, 100, 102, 202, 500_000_000, 7, round(1e7 * 2 / 101), 3)


@pytest.mark.parametrize(("size", "offset"), [(63, 0), (128, 65), (128, 72), (128, -8), (128, 4)])
def test_memory_that_does_not_hold_one(size, offset):
    with pytest.raises(ValueError, match=r"fit|multiple of 8"):
        MarketSnapshot(bytearray(size), offset)
    with pytest.raises((BufferError, TypeError)):
        MarketSnapshot(bytes(64))


def test_a_writer_that_died_in_the_middle_is_noticed():
    memory = bytearray(64)
    snapshot = MarketSnapshot(memory)
    snapshot.publish(a_book(), 1_000)
    memory[0] += 1
    with pytest.raises(RuntimeError, match="middle of a write"):
        snapshot.read()


def test_another_process_reads_it(tmp_path):
    path = tmp_path / "page"
    path.write_bytes(bytes(4096))
    with path.open("r+b") as file:
        snapshot = MarketSnapshot(mmap.mmap(file.fileno(), 4096), 1024)
    snapshot.publish(a_book(), 1_000)
    script = (
        "import mmap, sys; from hft._core.market.snapshot import MarketSnapshot\n"
        "with open(sys.argv[1], 'r+b') as file: page = mmap.mmap(file.fileno(), 4096)\n"
        "print(*MarketSnapshot(page, 1024).read()[:4])"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True, cwd=HERE.parents[2])
    assert done.stdout.split() == ["2", "1000", "100", "102"]


def test_no_reader_sees_half_a_write(tmp_path):
    """The seqlock's very text from snapshot.pxd, compiled between a writing and a reading thread."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        pytest.skip(f"no C compiler {compiler}")
    text = re.search(r'"""\n(.*?)"""', (HERE.parents[2] / "hft/_core/market/snapshot.pxd").read_text(), re.S)[1]
    (tmp_path / "seqlock.h").write_text(text)
    program = tmp_path / "race"
    subprocess.run([compiler, "-std=gnu11", "-O3", "-pthread", f'-DSEQLOCK="{tmp_path}/seqlock.h"', "-o", program,
                    HERE / "seqlock_race.c"], check=True)
    run = subprocess.run([program], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout
