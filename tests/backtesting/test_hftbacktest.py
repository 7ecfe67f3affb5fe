"""Against hftbacktest itself: what we write is what its own converter writes, bit for bit; its validator accepts it.

It is heavy (numba, polars, plots: 900 MB), so it is an extra of its own: ``pip install 'hft[oracle]'``. Without it
these tests are skipped.
"""

import gzip
import json
import warnings

import numpy as np
import pytest

from hft.config import Config
from hft.data.npz import NpzFile
from hft.data.npz_rows import BUY, CLEAR, DEPTH, ROW, SELL, SNAPSHOT, TRADE
from hft.data.npz_writer import NpzWriter
from hft.data.sources import Data
from tests import data

pytestmark = pytest.mark.filterwarnings("ignore")       # of numba and polars

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    theirs = pytest.importorskip("hftbacktest.data", reason="hftbacktest is not installed: pip install 'hft[oracle]'")
    from hftbacktest.data.utils import binancefutures, tardis
    from hftbacktest.types import event_dtype


def written(folder, paths, **options):
    source = Data(paths, Config())
    with NpzWriter(folder / "ours.npz", source.specs[0], trades=source.trades, **options) as writer:
        for part in source.batches():
            writer.append(part)
    with np.load(folder / "ours.npz") as file:
        return file["data"]


def test_their_record_is_ours():
    assert event_dtype == ROW and event_dtype.itemsize == ROW.itemsize


@pytest.mark.parametrize(("opt", "base_latency"), [("", 0), ("t", 0), ("", 1_000_000)])
def test_the_usdm_capture_is_converted_as_by_themselves(tmp_path, capsys, opt, base_latency):
    path = data.find(data.USDM_BTC)
    ours = written(tmp_path, [path], book_tickers="t" in opt, base_latency_ns=base_latency)
    expected = binancefutures.convert(str(path), opt=opt, base_latency=base_latency, buffer_size=1_000_000)
    assert len(expected) > 400_000
    assert ours.dtype == expected.dtype
    assert ours.tobytes() == expected.tobytes()
    theirs.validate_event_order(ours)


def spot_rows(path):
    """The messages of a spot capture as rows, by the book: their package has no converter for spot streams."""
    rows = []
    with gzip.open(path) as file:
        for line in file:
            stamp, body = line.split(b" ", 1)
            message = json.loads(body)
            event = message.get("data", message)
            local = int(stamp) * (1000 if len(stamp) == 16 else 1)       # one is in microseconds
            if event.get("e") == "trade":
                side = SELL if event["m"] else BUY
                rows.append((TRADE | side, event["T"] * 10**6, local, float(event["p"]), float(event["q"])))
            elif event.get("e") == "depthUpdate":
                for side, levels in ((BUY, event["b"]), (SELL, event["a"])):
                    rows += [(DEPTH | side, event["E"] * 10**6, local, float(px), float(qty)) for px, qty in levels]
    return np.array([(*row, 0, 0, 0.0) for row in rows], ROW)


@pytest.mark.parametrize("name", [data.SPOT_BTC, data.SPOT_NEXO])
def test_a_spot_capture_is_put_in_order_as_by_themselves(tmp_path, capsys, name):
    """The books apart: spot's have no stamp of the venue's, so what is made of them is ours to say."""
    path = data.find(name)
    ours = written(tmp_path, [path])
    rows = theirs.correct_local_timestamp(spot_rows(path), 0)
    orders = (np.argsort(rows[stamp], kind="mergesort") for stamp in ("exch_ts", "local_ts"))
    expected = theirs.correct_event_order(rows, *orders)
    book = np.isin(ours["ev"] & (BUY - 1) & ~np.uint64(SELL), (CLEAR, SNAPSHOT))
    assert np.count_nonzero(book) > 1000
    assert ours[~book].tobytes() == expected.tobytes()
    theirs.validate_event_order(ours)


def test_tardis_files_hold_the_same_events_as_by_their_converter(tmp_path, capsys):
    """They write a message's rows as printed, we its bids first: the same rows otherwise."""
    stamp, lines = 1_640_995_200_000_000, []
    for n in range(300):
        t = stamp + 1000 * (n // 3)
        lines.append(f"binance-futures,BTCUSDT,{t},{t + 50},{'true' if n < 30 else 'false'},{'ask' if n % 3 else 'bid'},"
                     f"{50000 + (n % 3) * 7 + n % 5},{n % 4}.5")  # fmt: skip
    head = "exchange,symbol,timestamp,local_timestamp,"
    depth = tmp_path / "incremental_book_L2.csv"
    depth.write_text("\n".join([head + "is_snapshot,side,price,amount", *lines]) + "\n")
    trades = tmp_path / "trades.csv"
    rows = [f"binance-futures,BTCUSDT,{stamp + 777 * n},{stamp + 777 * n + 60},{n + 1},{'buy' if n % 3 else 'sell'},50000,0.25"
            for n in range(100)]  # fmt: skip
    trades.write_text("\n".join([head + "id,side,price,amount", *rows]) + "\n")
    ours = written(tmp_path, [trades, depth])
    expected = tardis.convert([str(trades), str(depth)], buffer_size=10_000, ss_buffer_size=1000)
    kind = ours["ev"] & (SELL - 1)
    other = expected["ev"] & (SELL - 1)
    for wanted in (DEPTH, TRADE):
        mine, yours = np.sort(ours[kind == wanted]), np.sort(expected[other == wanted])
        if wanted == TRADE:
            assert mine.tobytes() == yours.tobytes()
        else:       # what of a snapshot comes under later stamps is an update with us
            assert set(yours.tolist()) <= set(mine.tolist())
    theirs.validate_event_order(ours)


def test_what_they_write_is_read(tmp_path, capsys):
    path = data.find(data.USDM_BTC)
    out = tmp_path / "btcusdt.npz"
    binancefutures.convert(str(path), str(out), buffer_size=1_000_000)
    source = Data([out], Config(), ["BTCUSDT"])
    whole = np.concatenate(list(source.batches()))
    assert np.count_nonzero(whole["kind"] == 3) == 21_313
    assert NpzFile(out).probe(["BTCUSDT"]).printed["BTCUSDT"].price == 1
