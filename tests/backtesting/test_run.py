"""`hft.backtest`: the engine comes to the same over a session in whatever form it lies on the disk."""

import re
from bisect import bisect_right
from collections import defaultdict
from decimal import Decimal

import numpy as np
import pytest

import hft
from hft._core.engine.engine import Engine
from hft.backtesting import result as result_module
from hft.backtesting.settings import settled
from hft.config import Config, load
from hft.data.progress import Progress
from hft.data.record import Kind
from hft.data.sessions import RecordedSession
from hft.data.tape import batches
from hft.errors import ConfigError, UsageError
from hft.run.wiring import build_engine
from hft.venues.binance import messages
from hft.venues.binance.venues import PROTOCOLS
from tests import data
from tests.backtesting.sessions import converted, written

SINGLE = [data.SPOT_BTC, data.USDM_BTC, data.SPOT_NEXO, data.USDM_BTC_2026]
CAPTURES = [*SINGLE, data.SPOT_FOUR, data.USDM_FOUR]
EASY = {"imbalance_threshold": 0.2, "min_confidence": 0.3, "feature_window_ms": 200}

# Quoted in four currencies, they can't be traded in one run; what is shown here is that their books stand.
LISTED = {
    name: {"tick": Decimal(tick), "step": Decimal("0.1"), "quote": "USDT"}
    for name, tick in (("NKNUSDT", "0.00001"), ("BLZETH", "0.00000001"), ("LRCBTC", "0.00000001"), ("RUNEEUR", "0.001"))
}


def settings(name):
    """Of a session: quote assets where they differ, and limits of at least a step of each symbol."""
    if name == data.SPOT_FOUR:
        return {"feed.symbols": LISTED}
    if name == data.USDM_FOUR:
        return {"strategy.params.max_position_size": 200, "strategy.risk_limits.max_position_size": 200, "max_order_size": 100}
    return {}


def exact(fills):
    """All that a fill is, ids aside."""
    names = ("exch_ts_ns", "local_ts_ns", "symbol", "side", "price_ticks", "qty_quanta", "fee_e8", "maker", "book_status")
    return [tuple(fill[name] for name in names) for fill in fills]


def same(one, other):
    assert exact(one.fills) == exact(other.fills)
    assert (one.orders == other.orders)[~np.isnan(one.orders["price"])].all()
    assert one.summary.state_hash == other.summary.state_hash
    assert one.summary.messages_by_kind == other.summary.messages_by_kind
    assert one.summary.pnl == other.summary.pnl
    for name in one.series.dtype.names:
        np.testing.assert_array_equal(one.series[name], other.series[name])


# -- real sessions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CAPTURES)
def test_real_sessions_stay_in_sync_and_agree_as_event_files(name, tmp_path):
    """Every symbol at once: one snapshot each, no gap, no crossed book; and the event file does the same to the engine."""
    path = data.find(name)
    result = hft.backtest(path, **EASY, **settings(name))
    summary = result.summary
    assert summary.symbols == RecordedSession([path]).probe.symbols
    assert (summary.gaps, summary.resyncs) == (0, 0)
    assert summary.messages_by_kind["snapshot"] == len(summary.symbols)
    assert not {"crossed_book", "sequence_gap", "snapshot_too_old", "unknown_symbol", "bad_json"} & set(summary.skipped)
    at_the_end = result.series[-len(summary.symbols) :]
    assert set(at_the_end["symbol"]) == set(summary.symbols)
    assert at_the_end["synced"].all()
    config = settled(None, settings(name))
    same(hft.backtest(converted(tmp_path / "all.events", path, config=config), **EASY, **settings(name)), result)


def book_tickers_by_id(name):
    """Of each symbol the update ids of all bookTickers, sorted, and what each says of bid and ask."""
    seen = defaultdict(dict)
    for record in RecordedSession([data.find(name)]):
        found = messages.decode(record.data) if record.kind is Kind.FRAME else None
        if isinstance(found, messages.BookTicker):
            touch = tuple(map(Decimal, (found.bid, found.bid_qty, found.ask, found.ask_qty)))
            seen[found.symbol][found.update_id] = touch
    return {symbol: (sorted(touches), touches) for symbol, touches in seen.items()}


@pytest.mark.parametrize(
    ("name", "least"),
    [
        (data.SPOT_BTC, data.figure(data.SPOT_BTC, 3_440, 195)),
        (data.USDM_BTC, data.figure(data.USDM_BTC, 6_540, 240)),
        (data.SPOT_NEXO, 1_180),
        (data.SPOT_FOUR, 60),
        (data.USDM_FOUR, data.figure(data.USDM_FOUR, 700, 200)),
    ],
)
def test_the_books_touch_is_that_of_the_newest_book_ticker(name, least):
    """An oracle that nobody here wrote: the bookTicker with the greatest u at or below the event's, for each symbol."""
    session, book_tickers = RecordedSession([data.find(name)]), book_tickers_by_id(name)
    specs = [each.spec for each in session.specs(settled(None, settings(name)))]
    engine = Engine(specs, fallback=messages.load, sync=data.SYNC[name], max_order=100, max_position=200)
    seen = 0
    for tape in batches(session.inputs(), size=1):
        tape.advance(engine)
        if not tape.frames or b'"depthUpdate"' not in tape.frames[0]:
            continue
        event = messages.decode(tape.frames[0])
        ids, touches = book_tickers.get(event.symbol, ([], {}))
        at = bisect_right(ids, event.last_id)
        if at and engine.synced(event.symbol):
            assert engine.touch(event.symbol, base=True) == touches[ids[at - 1]]
            seen += 1
    assert seen >= least


@pytest.fixture(scope="module")
def overlapping(tmp_path_factory):
    """The four USD-M symbols as if they had been received in the middle of the USD-M session."""
    folder = tmp_path_factory.mktemp("shifted")
    rest, ws = data.find(data.USDM_FOUR_REST), data.find(data.USDM_FOUR)
    first = next(iter(RecordedSession([data.find(data.USDM_BTC)]))).ns
    shift = Decimal(first + data.figure(data.USDM_BTC, 120_000_000_000, 2_000_000_000)).scaleb(-9) - Decimal("1626992740")

    def later(match):
        return match[1] + str(Decimal(match[2].decode()) + shift).encode() + match[3]

    for path in (rest, ws):
        lines = path.read_bytes().splitlines(keepends=True)
        (folder / path.name).write_bytes(b"".join(re.sub(rb"^(https?://\S+ -> |)([\d.]+)(:)", later, line) for line in lines))
    return folder / ws.name


def test_the_same_fills_twice_through_the_event_file_and_beside_other_symbols(tmp_path, overlapping):
    """Must show 4. No limit across symbols binds."""
    path = data.find(data.USDM_BTC)
    free = {
        "strategy.params.max_position_size": 40, "strategy.risk_limits.max_position_size": 40, "max_order_size": 20,
        "max_notional_exposure": 10**9, "max_orders_per_second": 10_000, "max_loss": 0, "max_drawdown": 0,
        "initial_cash": 10**9, "trade_source": "trade", **EASY,
    }
    first = hft.backtest(path, **free)
    assert len(first.fills) > data.figure(data.USDM_BTC, 1_000, 20)
    same(hft.backtest(path, **free), first)
    events = converted(tmp_path / "btc.events", path)
    same(hft.backtest(events, **free), first)

    wanted = ["BTCUSDT", "SUSHIUSDT", "CTKUSDT"]
    for files in ([path, overlapping], [overlapping, events]):
        merged = hft.backtest(files, symbols=wanted, **free)
        others = merged.fills[merged.fills["symbol"] != "BTCUSDT"]
        assert len(others) > data.figure(data.USDM_FOUR, 30, 5)
        assert set(others["symbol"]) == {"SUSHIUSDT", "CTKUSDT"}
        found = exact(merged.fills[merged.fills["symbol"] == "BTCUSDT"])
        assert found[: len(first.fills)] == exact(first.fills)
        assert len(found) <= len(first.fills) + data.figure(data.USDM_BTC, 0, 1)     # left in time: the others go on
        assert (merged.summary.gaps, merged.summary.resyncs) == (0, 0)


def test_a_backtest_does_what_an_engine_does_that_is_given_the_frames(tmp_path):
    """By hand, frame after frame: no more and no less than the run does."""
    config = settled(None, EASY)
    session = RecordedSession([written(tmp_path / "s")])
    engine = build_engine(
        config, [each.spec for each in session.specs(config)], PROTOCOLS[session.probe.protocol], snapshots=False,
    )
    for tape in batches(session.inputs()):
        tape.advance(engine)
    engine.stop(engine.now_ns)
    result = hft.backtest(tmp_path / "s", **EASY)
    assert len(result.fills) == len(engine.trades) > 10
    for row, fill in zip(result.fills, engine.trades, strict=True):
        assert row["order_id"] == fill.order_id
        assert (row["exch_ts_ns"], row["local_ts_ns"], row["side"]) == (fill.exch_ts_ns, fill.local_ts_ns, fill.side)
        assert (row["price"], row["qty"], row["fee"]) == (float(fill.price), float(fill.qty), float(fill.fee))
        assert (row["maker"], row["symbol"]) == (fill.maker, fill.symbol)
    assert result.summary.state_hash == {"BTCUSDT": f"{engine.state_hash('BTCUSDT'):016x}"}
    assert result.summary.pnl.total == engine.pnl("BTCUSDT").total


# -- several files ---------------------------------------------------------------------------------------------------------


def test_a_session_in_two_files_is_one(tmp_path):
    whole = written(tmp_path / "whole")
    lines = whole.read_bytes().splitlines(keepends=True)
    halves = [tmp_path / "first", tmp_path / "second"]
    for path, part in zip(halves, (lines[:1_500], lines[1_500:]), strict=True):
        path.write_bytes(b"".join(part))
    expected = hft.backtest(whole, **EASY)
    same(hft.backtest(halves, **EASY), expected)
    same(hft.backtest([halves[0], converted(tmp_path / "second.events", halves[1])], **EASY), expected)
    assert len(expected.fills) > 10


def test_symbols_are_restricted(tmp_path):
    files = [written(tmp_path / "b"), written(tmp_path / "e", symbol="ETHUSDT", seed=4)]
    both = hft.backtest(files, **EASY)
    assert both.summary.symbols == ["BTCUSDT", "ETHUSDT"]
    alone = hft.backtest(files[1], **EASY)
    for paths in (files, converted(tmp_path / "both.events", *files)):
        chosen = hft.backtest(paths, symbols="ETHUSDT", **EASY)
        assert chosen.summary.symbols == ["ETHUSDT"]
        assert "unknown_symbol" not in chosen.summary.skipped
        same(chosen, alone)
    with pytest.raises(UsageError, match=r"XRPUSDT is not in the data; it holds BTCUSDT, ETHUSDT"):
        hft.backtest(files, symbols=["BTCUSDT", "XRPUSDT"])


def test_a_symbol_whose_messages_begin_late_is_found(tmp_path):
    """A file is looked at to its end."""
    sessions = written(tmp_path / "b", messages=10_500), written(tmp_path / "e", symbol="ETHUSDT", seed=4)
    bitcoin, ether = ([each for each in RecordedSession([path]) if each.kind is Kind.FRAME] for path in sessions)
    shift = bitcoin[-1].ns - ether[0].ns
    later = [each._replace(ns=each.ns + shift) for each in ether]
    lines = [b"%d %s\n" % (each.ns, each.data) for each in bitcoin + later]
    (tmp_path / "both").write_bytes(b"".join(lines))
    assert hft.backtest(tmp_path / "both").summary.symbols == ["BTCUSDT", "ETHUSDT"]
    for symbols in (["BTCUSDT", "ETHUSDT"], ["ETHUSDT"]):
        summary = hft.backtest(tmp_path / "both", symbols=symbols).summary
        assert summary.symbols == symbols
        assert "unknown_symbol" not in summary.skipped
        assert summary.skipped["buffered"] > 100            # without a snapshot it waits for one


@pytest.mark.parametrize(("event", "reason"), [("disconnect", "not_connected"), ("resync", "buffered")])
def test_a_recording_says_what_became_of_its_streams(tmp_path, event, reason):
    """A book that was lost or given up then is so now, and commands of whoever traded then are not repeated."""
    lines = written(tmp_path / "plain").read_bytes().splitlines(keepends=True)
    first, middle = (int(line.split(b" ")[0]) for line in (lines[0], lines[2_000]))

    def line(ns, body):
        return b'%d {"hft":%s}\n' % (ns, body)

    kept = [
        line(first, b'{"recording":{"format":1}}'), line(first, b'{"connect":"BTCUSDT"}'), *lines[:2_000],
        line(middle, b'{"kill":true}'), line(middle, b'{"%s":"BTCUSDT"}' % event.encode()), *lines[2_000:],
        line(middle, b'{"end":true}'),
    ]
    (tmp_path / "recording").write_bytes(b"".join(kept))
    result = hft.backtest(tmp_path / "recording", **EASY)
    assert result.summary.kill_switch is None
    assert result.summary.skipped[reason] > 30
    assert not result.series["synced"][-1]
    same(hft.backtest(converted(tmp_path / "r.events", tmp_path / "recording"), **EASY), result)


def test_a_symbol_that_a_recording_never_requested_is_not_traded(tmp_path):
    """What is not wanted at all was refused then, and so it is now."""
    lines = written(tmp_path / "plain", messages=500).read_bytes().splitlines(keepends=True)
    first, stamp = lines[0].split(b" ")[0], lines[100].split(b" ")[0]
    kept = [
        first + b' {"hft":{"recording":{"format":1}}}\n', first + b' {"hft":{"connect":"BTCUSDT"}}\n', *lines[:100],
        stamp + b' {"e":"trade","E":1,"T":1,"s":"NOSUCHUSDT","t":1,"p":"1","q":"1","X":"MARKET","m":true}\n', *lines[100:],
    ]
    (tmp_path / "recording").write_bytes(b"".join(kept))
    summary = hft.backtest(tmp_path / "recording").summary
    assert (summary.symbols, summary.skipped["unknown_symbol"]) == (["BTCUSDT"], 1)


def test_frames_that_are_no_message_are_counted_in_either_way(tmp_path):
    lines = written(tmp_path / "plain", messages=500).read_bytes().splitlines(keepends=True)
    stamp = lines[100].split(b" ")[0]
    more = [b'{"e":"kline","s":"BTCUSDT"}', b'{"e":"new","s":"BTCUSDT"}', b'{"result":null,"id":1}']
    (tmp_path / "more").write_bytes(b"".join([*lines[:100], *(stamp + b" " + each + b"\n" for each in more), *lines[100:]]))
    frames = hft.backtest(tmp_path / "more").summary
    ether = converted(tmp_path / "e.events", written(tmp_path / "e", symbol="ETHUSDT", messages=500))
    records = hft.backtest([tmp_path / "more", ether]).summary
    for summary in (frames, records):
        assert (summary.skipped["ignored_event"], summary.skipped["unknown_event"]) == (2, 1)
        assert summary.rejected_messages == 1


# -- what is asked for -----------------------------------------------------------------------------------------------------


def test_settings_come_from_config_and_keywords(capture, tmp_path):
    expected = hft.backtest(capture, entry_latency_ms=5, **EASY)
    (tmp_path / "c.toml").write_text("[broker]\nentry_latency_ms = 5\n")
    for config in (tmp_path / "c.toml", str(tmp_path / "c.toml"), load(tmp_path / "c.toml")):
        same(hft.backtest(capture, config, **EASY), expected)
    assert exact(hft.backtest(capture, **EASY).fills) != exact(expected.fills)
    with pytest.raises(ConfigError, match="unknown key latency"):
        hft.backtest(capture, latency=5)
    with pytest.raises(ConfigError, match=r"\[strategy.params\] and in \[strategy.risk_limits\]"):
        hft.backtest(capture, max_position_size=1)


def test_a_config_keeps_everything_under_keywords():
    config = load(overrides={"feed.symbols": LISTED, "broker.maker_fee": Decimal("-0.00005"), "strategy.symbols": ["ETHUSDT"]})
    changed = settled(config, {"response_latency_ms": 7})
    assert changed.broker.response_latency_ms == 7
    assert settled(changed, {"response_latency_ms": config.broker.response_latency_ms}) == config
    assert settled(None, {}) == Config()


@pytest.mark.parametrize("series_ms", [100, 1_000, 7_777])
def test_the_series_has_a_row_for_each_interval(capture, series_ms):
    result = hft.backtest(capture, series_ms=series_ms, **EASY)
    stamps = [record.ns for record in RecordedSession([capture])]
    intervals = {ns // (series_ms * 1_000_000) for ns in stamps}
    assert len(result.series) == len(intervals) - 1 + 1          # the last interval's row is the one at the end
    assert list(result.series["ts_ns"][:-1]) == sorted((n + 1) * series_ms * 1_000_000 for n in intervals)[:-1]
    assert result.series["ts_ns"][-1] >= stamps[-1]
    assert result.series["total"][-1] == float(result.summary.pnl.total)
    assert result.series["position"][-1] == float(result.summary.position["BTCUSDT"])
    same(hft.backtest(capture, series_ms=series_ms, **EASY), result)


def test_the_state_hash_is_taken_at_snapshot_intervals_and_at_the_end(capture):
    """It walks the whole book: too much for every row of a fine series."""
    series = hft.backtest(capture, series_ms=20, snapshot_interval_ms=100, **EASY).series
    taken = series["state_hash"] != 0
    intervals = series["ts_ns"] // 100_000_000
    first = np.concatenate(([True], intervals[1:] != intervals[:-1]))
    assert len(series) > 20
    assert taken[:-1].tolist() == first[:-1].tolist()
    assert taken[-1]


def test_a_long_series_is_one_array(capture, monkeypatch):
    whole = hft.backtest(capture, series_ms=5, **EASY).series
    monkeypatch.setattr(result_module, "SAMPLES", 7)
    assert hft.backtest(capture, series_ms=5, **EASY).series.tobytes() == whole.tobytes()
    assert len(whole) > 20


def test_polling_more_often_changes_nothing(capture):
    often, seldom = (hft.backtest(capture, series_ms=ms, **EASY) for ms in (1, 60_000))
    assert exact(often.fills) == exact(seldom.fills)
    assert often.summary.state_hash == seldom.summary.state_hash
    with pytest.raises(ValueError, match="series_ms 0 must be a whole number from 1"):
        hft.backtest(capture, series_ms=0)
    with pytest.raises(ValueError, match=r"series_ms 1\.5 must be a whole number"):
        hft.backtest(capture, series_ms=1.5)


def test_a_row_of_the_series_is_the_sum_of_the_fills_until_then(capture):
    result = hft.backtest(capture, series_ms=200, **EASY)
    assert len(result.series) > 20
    for row in result.series:
        reported = result.fills[result.fills["local_ts_ns"] < row["ts_ns"]]
        assert row["position"] == pytest.approx((reported["side"] * reported["qty"]).sum(), abs=1e-9)
        assert row["cash"] == pytest.approx(-(reported["side"] * reported["qty"] * reported["price"]).sum(), abs=1e-6)
        assert row["fees"] == pytest.approx(reported["fee"].sum(), abs=1e-9)
        assert row["total"] == pytest.approx(row["realised"] + row["unrealised"] - row["fees"], abs=1e-6)


def test_progress_is_reported_and_ends_with_all_of_it(capture, tmp_path):
    events = converted(tmp_path / "p.events", capture)
    for path in (capture, events):
        reported = []
        hft.backtest(path, progress=reported.append)
        assert reported
        assert all(isinstance(each, Progress) for each in reported)
        assert (reported[-1].done, reported[-1].events) == (reported[-1].total, 3_001)
        assert reported[-1].total == path.stat().st_size


# -- the end ---------------------------------------------------------------------------------------------------------------


def test_the_end_is_that_of_a_live_run(capture):
    """Nothing is open, nothing under way."""
    result = hft.backtest(capture, **EASY)
    final = {"filled", "canceled", "rejected", "expired"}
    assert set(result.orders["status"]) <= final
    assert len(np.unique(result.orders["order_id"])) == len(result.orders) == result.summary.orders
    assert result.summary.stopped_by == "end of data"


def test_a_torn_file_is_run_up_to_the_tear(capture, tmp_path):
    (tmp_path / "torn").write_bytes(capture.read_bytes()[:-30])
    result = hft.backtest(tmp_path / "torn")
    assert result.summary.messages == 3_000
    assert len(result.torn) == 1
    assert "breaks off within line 3001" in result.torn[0]
