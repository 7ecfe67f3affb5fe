"""`hft convert`: from every kind into both, there and back; what it prints, and that nothing half done is left behind."""

import itertools
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hft
from hft import cli
from hft._core.engine.events import KINDS
from hft.config import Config
from hft.data.events import EventFile, EventWriter
from hft.data.sources import Data
from hft.errors import ExitCode
from tests import data
from tests.backtesting.sessions import unwarned
from tests.recorded.naive import book, messages

ROOT = Path(__file__).parents[2]
STAMP = 1_700_000_000_000


@pytest.fixture
def run(capsys):
    def call(*argv):
        code = cli.run(["convert", *map(str, argv)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def capture(tmp_path):
    """A small USD-M session: a book, updates, bookTickers, trades, and a frame that is none of these."""
    lines = [f'{STAMP}000003 {{"lastUpdateId":100,"E":{STAMP},"T":{STAMP},"bids":[["49000.0","9"]],"asks":[["50009.1","1"]]}}']
    for u in range(101, 131):
        t, bid, ask = STAMP + u, 50_000 - u % 7, 50_000 + u % 5
        stream = f'"E":{t},"T":{t},"s":"BTCUSDT"'
        frames = [
            f'{{"e":"depthUpdate",{stream},"U":{u},"u":{u},"pu":{u - 1},"b":[["{bid}.0","{u}.5"]],"a":[["{ask}.1","1"]]}}',
            f'{{"e":"bookTicker","u":{u},"s":"BTCUSDT","b":"{bid}.0","B":"1","a":"{ask}.1","A":"2","T":{t},"E":{t}}}',
            f'{{"e":"trade",{stream},"t":{u},"p":"{bid}.0","q":"0.5","X":"MARKET","m":{"true" if u % 2 else "false"}}}',
        ]
        lines += [f"{t}00000{n} {frame}" for n, frame in enumerate(frames)]
    lines.append(f'{STAMP + 200}000000 {{"result":null,"id":1}}')
    path = tmp_path / "session"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def held(path, kinds=("depth", "snapshot", "trade"), symbols=("BTCUSDT",)):
    """What an .npz holds too: its messages, their ids aside."""
    found = messages(np.concatenate(list(Data([path], Config(), symbols).batches())))
    return [message for message in found if message.kind in kinds]


def test_a_capture_becomes_an_event_file_that_runs_as_it_does(run, capture, tmp_path):
    code, out, err = run(capture, tmp_path / "one.events", "--json")
    assert (code, unwarned(err)) == (ExitCode.OK, "")
    report = json.loads(out)
    assert report["messages"] == {"snapshot": 1, "depth": 30, "bookTicker": 30, "trade": 30}
    assert report["records"] == len(EventFile(tmp_path / "one.events").records) == 2 + 60 + 60 + 30
    assert report["rejects"] == {"ignored_event": 1}
    assert report["symbols"] == {"BTCUSDT": {"tick": "0.1", "quantum": "0.001", "source": "table of 2024-08-08"}}
    assert EventFile(tmp_path / "one.events").header.sources == ("session",)
    easy = {"imbalance_threshold": 0.2, "min_confidence": 0.2, "feature_window_ms": 1}
    first, second = (hft.backtest(path, **easy).summary for path in (capture, tmp_path / "one.events"))
    assert (first.messages, first.resyncs, first.gaps) == (second.messages, second.resyncs, second.gaps) == (91, 0, 0)


def test_what_npz_can_hold_comes_back_and_the_rest_is_lost(run, capture, tmp_path):
    names = ["session", "a.events", "btcusdt.npz", "b.events", "c.npz"]
    for source, target in itertools.pairwise(names):
        code, out, err = run(tmp_path / source, tmp_path / target, "--symbols", "BTCUSDT")
        assert (code, unwarned(err)) == (ExitCode.OK, "") and out.count("\n") == 2
    assert held(tmp_path / "b.events") == held(tmp_path / "a.events") == held(capture)
    assert held(tmp_path / "b.events", ["bookTicker"]) == []
    with np.load(tmp_path / "btcusdt.npz") as first, np.load(tmp_path / "c.npz") as second:
        assert first["data"].tobytes() == second["data"].tobytes()


def test_book_tickers_cross_over_when_they_are_requested(run, capture, tmp_path):
    run(capture, tmp_path / "btcusdt.npz", "--book-tickers")
    run(tmp_path / "btcusdt.npz", tmp_path / "b.events", "--symbols", "BTCUSDT")
    assert held(tmp_path / "b.events", ["bookTicker"]) == held(capture, ["bookTicker"])


def test_the_real_capture_there_and_back(run, tmp_path):
    """All of its depth updates and trades, on its own stamps put forward by one figure, since its local clock was behind."""
    path = data.find(data.USDM_BTC)
    for source, target in ((path, "a.events"), (tmp_path / "a.events", "btcusdt.npz"), (tmp_path / "btcusdt.npz", "b.events")):
        assert run(source, tmp_path / target, "--symbols", "BTCUSDT")[0] == ExitCode.OK
    there, back = (EventFile(tmp_path / name).records for name in ("a.events", "b.events"))
    assert len(back) > data.figure(data.USDM_BTC, 400_000, 15_000)
    fields = ["venue_ns", "price", "qty", "kind", "flags", "rest"]
    # The connection apart: before each snapshot of a format that has no other sign of a new book.
    lead = data.figure(data.USDM_BTC, 1_272_156_851, 1_270_406_148)     # as hftbacktest's converter tells it
    first, second = (part[~np.isin(part["kind"], (KINDS["connect"], KINDS["bookTicker"]))] for part in (there, back))
    assert np.array_equal(first[fields], second[fields])
    assert np.array_equal(first["recv_ns"] + lead, second["recv_ns"])
    first, second = hft.backtest(path), hft.backtest(tmp_path / "a.events")
    assert len(first.fills) > data.figure(data.USDM_BTC, 100, 2)
    assert first.fills.tobytes() == second.fills.tobytes()
    assert first.summary.pnl == second.summary.pnl


def tardis_files(folder, records, spec):
    """The files that Tardis would have made of a session."""
    head, files = "exchange,symbol,timestamp,local_timestamp,", {}
    for message in messages(records):
        stamps = f"binance-futures,BTCUSDT,{message.venue_ns // 1000},{message.recv_ns // 1000}"
        if message.kind in ("depth", "snapshot"):
            for side, levels in (("ask", message.asks), ("bid", message.bids)):
                rows = files.setdefault("incremental_book_L2", [head + "is_snapshot,side,price,amount"])
                snapshot = "true" if message.kind == "snapshot" else "false"
                rows += [f"{stamps},{snapshot},{side},{spec.price(price)},{spec.qty(qty)}" for price, qty in levels]
        elif message.kind == "bookTicker":
            (bid, bid_qty), (ask, ask_qty) = message.bids[0], message.asks[0]
            rows = files.setdefault("quotes", [head + "ask_amount,ask_price,bid_price,bid_amount"])
            rows.append(f"{stamps},{spec.qty(ask_qty)},{spec.price(ask)},{spec.price(bid)},{spec.qty(bid_qty)}")
        elif message.kind == "trade":
            side = "sell" if message.buyer_maker else "buy"
            rows = files.setdefault("trades", [head + "id,side,price,amount"])
            rows.append(f"{stamps},{len(rows)},{side},{spec.price(message.price)},{spec.qty(message.qty)}")
    for name, rows in files.items():
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    return [folder / f"{name}.csv" for name in files]


def test_files_of_tardis_are_one_session_and_its_book_is_the_captures(run, tmp_path):
    """A real session, taken apart into Tardis' three files and put together again: in sync, the same book and volume."""
    run(data.find(data.USDM_BTC), tmp_path / "whole.events")
    whole = EventFile(tmp_path / "whole.events")
    spec = whole.specs(fees=("0", "0"))[0]
    part = next(whole.batches(30_000))
    with EventWriter(tmp_path / "a.events", [spec], protocol="binance-usdm") as writer:
        writer.append(part)
    files = tardis_files(tmp_path, part, spec)
    assert len(files) == 3
    code, out, _ = run(*files, tmp_path / "t.events", "--json")
    assert code == ExitCode.OK
    counts = json.loads(out)["messages"]
    first, second = held(tmp_path / "a.events"), held(tmp_path / "t.events")
    for kind in ("trade", "snapshot"):
        assert counts[kind] == sum(message.kind == kind for message in first) > 0
    assert book(second) == book(first)
    trades = [[(m.price, m.qty, m.buyer_maker) for m in each if m.kind == "trade"] for each in (first, second)]
    assert trades[0] == trades[1]
    summary = hft.backtest(tmp_path / "t.events").summary
    assert (summary.gaps, summary.resyncs, summary.missing_trades) == (0, 0, 0)
    assert summary.messages_by_kind["bookTicker"] == counts["bookTicker"] > 100


def test_a_mistake_is_one_line_and_leaves_nothing_behind(run, capture, tmp_path):
    (tmp_path / "there.events").write_bytes(b"mine")
    torn = tmp_path / "bad.csv"
    torn.write_text("exchange,symbol,timestamp,local_timestamp,id,side,price,amount\nbinance,BTCUSDT,1,2,3,buy,1,1\n")
    before = sorted(tmp_path.iterdir())
    for argv, code, text in (
        ([capture, tmp_path / "x.csv"], ExitCode.USAGE, "name it .events or .npz"),
        ([capture, tmp_path / "there.events"], ExitCode.USAGE, "there.events: is there already"),
        ([capture, tmp_path / "none" / "x.events"], ExitCode.USAGE, "can't be written"),
        ([tmp_path / "nothing", tmp_path / "x.events"], ExitCode.USAGE, "can't be read"),
        ([capture, tmp_path / "x.events", "--symbols", "ETHUSDT"], ExitCode.USAGE, "ETHUSDT"),
        ([torn, tmp_path / "x.events"], ExitCode.DAMAGED, "bad.csv, line 2"),
        ([torn, tmp_path / "x.npz"], ExitCode.DAMAGED, "bad.csv, line 2"),
        ([tmp_path / "there.events", tmp_path / "there.events", "--force"], ExitCode.USAGE, "is read from"),
        ([tmp_path / "x.events"], ExitCode.USAGE, "Missing argument"),
    ):
        got, out, err = run(*argv)
        assert (got, out, err.count("\n")) == (code, "", 1) and text in err
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there.events").read_bytes() == b"mine"


def test_force_replaces_and_a_torn_capture_is_reported(run, capture, tmp_path):
    (tmp_path / "there.events").write_bytes(b"old")
    capture.write_bytes(capture.read_bytes()[:-40])
    code, _, err = run(capture, tmp_path / "there.events", "--force")
    assert (code, unwarned(err).count("\n"), "breaks off" in err) == (ExitCode.OK, 1, True)
    assert len(EventFile(tmp_path / "there.events").records) == 152


def test_npz_is_of_one_symbol(run, tmp_path):
    path = data.find(data.USDM_FOUR)
    code, _, err = run(path, tmp_path / "x.npz")
    assert (code, "choose one with --symbols" in err) == (ExitCode.USAGE, True)
    assert run(path, tmp_path / "x.npz", "--symbols", "CTKUSDT")[0] == ExitCode.OK


def test_scales_can_be_set(run, capture, tmp_path):
    """The settings come first; where numbers are finer, orders keep the tick that was set, and the book holds them (rule 28)."""
    run(capture, tmp_path / "btcusdt.npz")
    scales = ["--symbols", "BTCUSDT", "--set", "feed.symbols.BTCUSDT.step=0.0001", "--set", "feed.symbols.BTCUSDT.tick={}"]
    fine = [each.format("0.05") for each in scales]
    code, out, _ = run(tmp_path / "btcusdt.npz", tmp_path / "x.events", "--json", *fine)
    assert (code, json.loads(out)["symbols"]["BTCUSDT"]) == (0, {"tick": "0.05", "quantum": "0.0001", "source": "settings"})
    code, out, _ = run(tmp_path / "btcusdt.npz", tmp_path / "y.events", "--json", *[each.format("1") for each in scales])
    assert (code, float(json.loads(out)["symbols"]["BTCUSDT"]["tick"])) == (0, 1)


def test_a_table_of_another_year_gives_way_to_the_numbers_printed(run, tmp_path):
    path = data.find("tardis/binance-futures_book_snapshot_5_BTCUSDT.csv")        # 2020: tick 0.01
    _, out, _ = run(path, tmp_path / "x.events", "--json")
    assert json.loads(out)["symbols"]["BTCUSDT"] == {"tick": "0.01", "quantum": "0.001", "source": "printed decimals"}


def test_progress_is_for_a_terminal(capture, tmp_path):
    main, side = pty.openpty()
    command = [sys.executable, "-m", "hft", "convert", str(capture), str(tmp_path / "x.events")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=side, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    os.close(side)
    assert b"events" in os.read(main, 4096)
    os.close(main)
    assert done.stdout.startswith(str(tmp_path / "x.events").encode() + b": ")


def test_book_tickers_that_npz_leaves_out_are_counted_and_the_option_is_named(run, capture, tmp_path):
    code, out, _ = run(capture, tmp_path / "btcusdt.npz")
    assert code == ExitCode.OK
    assert "records from 30 depth, 1 snapshot, 30 trade; " in out
    assert "; left out: " in out
    assert "30 bookTicker (--book-tickers writes bookTickers)" in out
    _, out, _ = run(capture, tmp_path / "btcusdt.npz", "--json", "--force")
    assert json.loads(out)["left_out"] == {"bookTicker": 30}
    for arguments in (("btcusdt.npz", "--book-tickers"), ("a.events",)):
        _, out, _ = run(capture, tmp_path / arguments[0], *arguments[1:], "--force")
        assert "30 bookTicker, 30 depth" in out
        assert "--book-tickers" not in out
