"""Books that are told whole, and one that crosses where nobody can be asked: as recorded data of every kind has them."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest

import hft
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft.backtesting.result import Result
from hft.config import Config
from hft.data.convert import convert
from hft.data.npz_rows import BUY, CLEAR, DEPTH, EXCH, LOCAL, ROW, SELL, SNAPSHOT, TRADE
from hft.data.tardis import TardisFile
from hft.venues.binance import messages
from tests import data

SETTINGS = {"series_ms": 100}


def run(path: Path, **settings: object) -> Result:
    return hft.backtest(path, **{**SETTINGS, **settings})


def alike(one: Result, other: Result) -> None:
    """The same orders and fills."""
    assert one.fills.tobytes() == other.fills.tobytes()
    assert one.orders.tobytes() == other.orders.tobytes()
    assert one.summary.pnl == other.summary.pnl


def converted(path: Path, folder: Path, name: str = "x.events", symbols: list[str] | None = None) -> Path:
    convert(Config(), [path], folder / name, symbols=symbols, json=True)
    return folder / name


def in_sync(result: Result) -> float:
    """Share of the intervals at whose end the book was in sync."""
    return float(result.series["synced"].mean())


# --- case 4


def test_tardis_rows_that_are_all_snapshots_are_the_books_that_book_snapshot_has(tmp_path: Path) -> None:
    folder = "cases/04_tardis_every_row_a_snapshot"
    rows, books = data.find(f"{folder}/incremental_book_L2.csv"), data.find(f"{folder}/same_as_book_snapshot_15.csv")
    one, other = run(rows), run(books)
    alike(one, other)
    assert one.summary.events == 80
    assert one.summary.resyncs == 0
    assert in_sync(one) == 1.0
    assert one.series["mid"].tolist() == other.series["mid"].tolist()
    alike(run(converted(rows, tmp_path)), one)


# --- case 5


def test_a_book_that_crosses_once_lives_on(tmp_path: Path) -> None:
    case = data.find("cases/05_crossed_once/one_delete_missing.npz")
    result = run(case, symbols=["BTCUSDT"])
    assert result.summary.skipped["crossed_levels"] >= 1
    assert result.summary.resyncs == 0
    assert in_sync(result) > 0.99           # all but the beginning, where the snapshot is awaited
    assert len(result.orders) == 29         # as many as where nothing is missing
    alike(run(converted(case, tmp_path, symbols=["BTCUSDT"])), result)


# --- case 6


def test_snapshots_alone_are_whole_books(tmp_path: Path) -> None:
    case = data.find("cases/06_snapshots_alone/snapshots_and_trades.npz")
    result = run(case, symbols=["BTCUSDT"])
    assert len(result.orders) > 0
    assert (result.summary.resyncs, in_sync(result)) == (0, 1.0)
    alike(run(converted(case, tmp_path, symbols=["BTCUSDT"])), result)
    alike(run(converted(case, tmp_path, "BTCUSDT.npz", symbols=["BTCUSDT"]), symbols=["BTCUSDT"]), result)


# --- case 7


@pytest.mark.parametrize("name", ["usdm_depth20_alone", "spot_depth20"])
def test_a_stream_of_whole_books_alone_trades(tmp_path: Path, name: str) -> None:
    case = data.find(f"cases/07_partial_depth_streams/{name}.txt.gz")
    result = run(case)
    assert len(result.orders) > 0
    assert result.summary.resyncs == 0
    assert in_sync(result) == 1.0
    assert "crossed_book" not in result.summary.skipped
    alike(run(converted(case, tmp_path)), result)


def test_whole_books_whose_stream_was_not_recorded_are_recognised_by_their_levels(tmp_path: Path) -> None:
    """Without the combined stream's envelope USD-M's whole book is printed like a change; all of them have 20 levels a side."""
    case = data.find("cases/07_partial_depth_streams/usdm_depth20_alone.txt.gz")
    lines = gzip.decompress(case.read_bytes()).splitlines(keepends=True)
    bare = [re.sub(rb'\{"stream":"[^"]*","data":(.*)\}$', rb"\1", line) for line in lines]
    (tmp_path / "bare.txt").write_bytes(b"".join(bare))
    found = run(tmp_path / "bare.txt")
    alike(found, run(case))
    assert found.notes == [
        f"{tmp_path / 'bare.txt'}: each depth update of BTCUSDT has 20 levels a side and deletes none; they are taken as the "
        "whole books of its stream depth20"
    ]
    # Nor does the order of the fields matter.
    turned = [re.sub(rb'\{"e":"depthUpdate","E":(\d+)', rb'{"E":\1,"e":"depthUpdate"', line) for line in bare]
    (tmp_path / "turned.txt").write_bytes(b"".join(turned))
    alike(run(tmp_path / "turned.txt"), found)
    # One of them in which a level goes: they are changes.
    change = next(n for n, line in enumerate(bare) if b"depthUpdate" in line)
    bare[change] = re.sub(rb'\["([^"]+)","[^"]+"\]', rb'["\1","0.000"]', bare[change], count=1)
    (tmp_path / "changes.txt").write_bytes(b"".join(bare))
    assert run(tmp_path / "changes.txt").notes == []


def test_beside_a_stream_of_updates_whole_books_are_passed_over(tmp_path: Path) -> None:
    """Of every update a message of `@depth20` with the same ids, right after it: nothing changes but a count."""
    plain = gzip.decompress(data.find(data.USDM_BTC).read_bytes()).splitlines(keepends=True)[:20_000]
    lines = []
    for line in plain:
        lines.append(line)
        if b"@depth@" in line or b"@depth\"" in line:
            lines.append(re.sub(rb'@depth(@\d+ms)?"', rb'@depth20@100ms"', line, count=1))
    assert len(lines) > len(plain) + 100
    one, other = tmp_path / "plain.txt", tmp_path / "beside.txt"
    one.write_bytes(b"".join(plain))
    other.write_bytes(b"".join(lines))
    expected, found = run(one), run(other)
    alike(found, expected)
    assert found.summary.skipped["other_book_source"] == len(lines) - len(plain)
    alike(run(converted(other, tmp_path)), expected)


# --- others of these kinds


def test_rest_books_again_and_again_without_updates_are_whole_books(tmp_path: Path) -> None:
    case = data.find("cases/07_partial_depth_streams/spot_depth20.txt.gz")
    plain = gzip.decompress(case.read_bytes()).splitlines(keepends=True)
    bare = [re.sub(rb'\{"stream":"ethusdt@depth20@100ms","data":(\{.*\})\}', rb"\1", line) for line in plain]
    path = tmp_path / "rest.txt"
    path.write_bytes(b"".join(bare))
    result = run(path)
    assert len(result.orders) > 0
    alike(run(converted(path, tmp_path)), result)


def row(kind: int, side: int, ms: int, px: float, qty: float) -> tuple[object, ...]:
    ns = 1_700_000_000_000_000_000 + ms * 1_000_000
    return (kind | side | EXCH | LOCAL, ns, ns, px, qty, 0, 0, 0.0)


def npz(path: Path, rows: list[tuple[object, ...]]) -> Path:
    np.savez_compressed(path, data=np.array(rows, ROW))
    return path


def test_a_snapshot_of_one_side_leaves_the_other(tmp_path: Path) -> None:
    rows = [row(CLEAR, BUY, 0, 100.0, 0), row(SNAPSHOT, BUY, 0, 100.0, 5)]
    rows += [row(CLEAR, SELL, 0, 100.5, 0), row(SNAPSHOT, SELL, 0, 100.5, 5)]
    rows += [row(DEPTH, BUY, ms, 99.5, ms) for ms in range(1, 50)]
    rows += [row(CLEAR, SELL, 60, 101.0, 0), row(SNAPSHOT, SELL, 60, 101.0, 2), row(DEPTH, BUY, 70, 99.0, 1)]
    rows += [row(CLEAR, BUY, 80, 99.0, 0), row(DEPTH, SELL, 90, 101.5, 1), row(TRADE, BUY, 150, 101.0, 1)]
    result = run(npz(tmp_path / "BTCUSDT.npz", rows), symbols=["BTCUSDT"], series_ms=10)
    assert result.summary.resyncs == 0
    mids = dict(zip(((result.series["ts_ns"] // 1_000_000) % 1000).tolist(), result.series["mid"].tolist(), strict=True))
    assert (mids[50], mids[70]) == (100.25, 100.5)
    assert mids[90] == 100.5        # no bid is left: the last mid stays
    assert in_sync(result) == 1.0


@pytest.mark.parametrize("kind", ["whole", "updates"])
def test_a_book_that_crosses_itself_is_none_until_the_next(tmp_path: Path, kind: str) -> None:
    def book(ms: int, bid: float, ask: float, level: int = SNAPSHOT) -> list[tuple[object, ...]]:
        sides = [(BUY, bid), (SELL, ask)]
        return [row(each, side, ms, px, 5) for side, px in sides for each in ([CLEAR, level] if level == SNAPSHOT else [level])]

    level = SNAPSHOT if kind == "whole" else DEPTH
    rows = book(0, 100.0, 100.5) + book(5, 100.0, 100.5, level) + book(20, 101.0, 99.5, level) + book(40, 100.0, 100.5, level)
    rows.append(row(TRADE, BUY, 60, 100.5, 1))
    result = run(npz(tmp_path / "BTCUSDT.npz", rows), symbols=["BTCUSDT"], series_ms=10)
    synced = dict(zip(((result.series["ts_ns"] // 1_000_000) % 1000).tolist(), result.series["synced"].tolist(), strict=True))
    assert (synced[10], synced[30], synced[50]) == (True, False, True)
    assert result.summary.skipped["crossed_book"] == 1


# --- more levels than a message holds

MOST = 8_192        # of a side


def large_csv(path: Path, bids: int, asks: int, books: int = 3) -> Path:
    """Whole books of so many levels, the worst first, one a second; the prices are one a tick, from 100.0 on."""
    lines = ["exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"]
    for n in range(books):
        stamp = 1_600_000_000_000_000 + n * 1_000_000
        key = f"binance-futures,BTCUSDT,{stamp},{stamp}"
        lines += [f"{key},true,bid,{(100_000 - level) / 10},1" for level in reversed(range(bids))]
        lines += [f"{key},true,ask,{(100_001 + level) / 10},{n + 1}" for level in reversed(range(asks))]
    path.write_text("\n".join(lines) + "\n")
    return path


def large_npz(path: Path, bids: int, asks: int, books: int = 3) -> Path:
    rows = []
    for n in range(books):
        rows += [row(CLEAR, BUY, n * 1000, 1.0, 0), row(CLEAR, SELL, n * 1000, 100_000.0, 0)]
        rows += [row(SNAPSHOT, BUY, n * 1000, (100_000 - level) / 10, 1) for level in reversed(range(bids))]
        rows += [row(SNAPSHOT, SELL, n * 1000, (100_001 + level) / 10, n + 1) for level in reversed(range(asks))]
    return npz(path, rows)


@pytest.mark.parametrize(("bids", "asks", "dropped"), [(MOST, MOST, 0), (MOST, MOST + 1, 3), (9_000, 9_000, 3 * 2 * 808)])
@pytest.mark.parametrize("make", [large_csv, large_npz])
def test_of_a_whole_book_too_large_for_a_message_the_worst_levels_go(tmp_path, make, bids: int, asks: int, dropped: int) -> None:
    path = make(tmp_path / ("BTCUSDT.npz" if make is large_npz else "l2.csv"), bids, asks)
    result = run(path, symbols=["BTCUSDT"])
    assert in_sync(result) == 1.0
    assert set(result.series["mid"].tolist()) == {10_000.05}
    assert result.summary.skipped.get("level_dropped", 0) == dropped
    assert "other_book_source" not in result.summary.skipped
    alike(run(converted(path, tmp_path, symbols=["BTCUSDT"])), result)


# --- a snapshot spread over stamps, and books whose sides have stamps of their own


def l2_csv(path: Path, rows: list[tuple[int, str, float, float]]) -> Path:
    """Rows that are all snapshots: microseconds, side, price, amount."""
    lines = ["exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"]
    for us, side, price, amount in rows:
        stamp = 1_600_000_000_000_000 + us
        lines.append(f"binance-futures,BTCUSDT,{stamp},{stamp},true,{side},{price},{amount}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("rows", [
    [(0, "bid", 100.0, 1), (0, "ask", 100.1, 1), (5, "bid", 99.9, 1), (5, "ask", 100.2, 1)],
    [(0, "ask", 100.2, 1), (0, "ask", 100.1, 1), (5, "bid", 100.0, 1), (5, "bid", 99.9, 1)],
    [(0, "ask", 100.2, 1), (5, "ask", 100.1, 1), (5, "bid", 100.0, 1), (9, "bid", 99.9, 1)],
])  # fmt: skip
def test_one_snapshot_that_is_spread_over_stamps_is_one_book(tmp_path: Path, rows: list) -> None:
    found = TardisFile(l2_csv(tmp_path / "l2.csv", rows))
    records = np.concatenate(list(found.batches([Spec("BTCUSDT", tick="0.1", step="1")])))
    assert set(records["kind"].tolist()) == {8, 5, 1}      # connected, a snapshot, and what comes later on top of it


@pytest.mark.parametrize("step", [0.0, 0.1, 1.0, -1.0])
def test_books_whose_sides_have_stamps_of_their_own_are_in_sync(tmp_path: Path, step: float) -> None:
    """Also where the touch moves through the other side's last one between the two: the newer side is right (rule 7b)."""
    rows = []
    for n in range(100):
        at, shift = n * 100_000, round(n % 7 * step, 1)
        rows += [(at, "bid", round(100.0 + shift - level / 10, 1), 2) for level in range(20)]
        rows += [(at + 1, "ask", round(100.1 + shift + level / 10, 1), 3) for level in range(20)]
    path = l2_csv(tmp_path / "l2.csv", rows)
    result = run(path)
    assert in_sync(result) > 0.98
    assert result.summary.resyncs == 0
    assert result.series["mid"][-1] == pytest.approx(100.05 + 99 % 7 * step)
    alike(run(converted(path, tmp_path)), result)


def test_convert_finds_a_book_in_sync_where_a_backtest_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rule 7b is for recorded data, whichever command reads it: a crossing ends no book, for none is sent when asked."""
    rows = [row(CLEAR, BUY, 0, 100.0, 0), row(SNAPSHOT, BUY, 0, 100.0, 5)]
    rows += [row(CLEAR, SELL, 0, 100.5, 0), row(SNAPSHOT, SELL, 0, 100.5, 5)]
    rows += [row(DEPTH, BUY, ms, 100.6 if ms == 30 else 99.5, ms) for ms in range(1, 100)]
    rows += [row(DEPTH, SELL, 100, 101.0, 1), row(DEPTH, SELL, 110, 101.0, 2)]
    path = npz(tmp_path / "BTCUSDT.npz", rows)
    convert(Config(), [path], tmp_path / "x.events", symbols=["BTCUSDT"], json=True)
    shown = json.loads(capsys.readouterr().out)["in_sync"]["BTCUSDT"]
    found = run(path, symbols=["BTCUSDT"]).summary.in_sync["BTCUSDT"]
    assert (shown["share"], shown["longest_s"], set(shown["causes"])) == (found.share, found.longest_s, set(found.causes))
    assert "crossed" not in found.causes


# --- updates that wait for their snapshot


def test_an_update_that_crosses_itself_before_its_snapshot_is_out_of_sync_until_the_next() -> None:
    engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001"), fallback=messages.load, snapshots=False)
    engine.connect("BTCUSDT", 1)

    def depth(u: int, bids: list, asks: list) -> None:
        frame = {"e": "depthUpdate", "E": 1, "T": 1, "s": "BTCUSDT", "U": u, "u": u, "pu": u - 1, "b": bids, "a": asks}
        engine.on_frame(json.dumps(frame).encode(), u)

    depth(11, [("100.5", "1")], [("100.3", "1")])
    depth(12, [("100.0", "2")], [])
    depth(13, [], [("100.4", "3")])
    engine.on_snapshot("BTCUSDT", 10, [("99", "5")], [("101", "5")], 14)
    assert engine.synced("BTCUSDT")
    assert [str(each) for each in engine.touch("BTCUSDT")] == ["100.0", "2.000", "100.4", "3.000"]
    for u in range(14, 24):
        depth(u, [("100.0", str(u))], [])
        assert engine.synced("BTCUSDT")
