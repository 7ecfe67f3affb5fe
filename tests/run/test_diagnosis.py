"""A run that did not trade says which condition kept it from trading; nothing is silent (rule 32)."""

import json
from pathlib import Path

import pytest

import hft
from hft import cli
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.trade.imbalance_strategy import ImbalanceStrategy
from hft.errors import ExitCode
from hft.exchange.generate import generate
from hft.run.diagnosis import Cause, InSync, lines, warnings
from hft.run.summary import Summary, as_text, summarise
from hft.venues.binance.venues import SPOT as SPOT_PROTOCOL
from tests._core.small_market import Market

BTC = Spec("BTCUSDT", tick="0.1", step="0.001", min_notional="5")


def reported(engine: Engine) -> Summary:
    return summarise(
        engine, run_id="x", run=1, venue="here", strategy="mine", spec_sources={}, duration_s=1, stopped_by="duration"
    )


def no_order(engine: Engine) -> str:
    found = reported(engine)
    assert found.orders == 0
    assert found.why_no_orders
    assert all(f"no order       {why}" in as_text(found) for why in found.why_no_orders)
    return "; ".join(found.why_no_orders)


def test_nothing_received() -> None:
    assert no_order(Engine(BTC)) == "no message was received"


def test_not_in_sync() -> None:
    engine = Engine(BTC)
    market = Market(engine)
    other = Engine([BTC, Spec("ETHUSDT", tick="0.1", step="0.001")])
    other.connect("BTCUSDT", 1)
    for pu in (5, 6):
        market.engine = other
        market.depth([["100.0", "1"]], [["100.1", "1"]], pu=pu)
    assert no_order(other) == "no book was ever in sync"


def test_threshold_never_reached() -> None:
    engine = Engine(BTC, window_ms=100, strategy=ImbalanceStrategy(threshold=0.5))
    Market(engine).lean("6", "5", 300)
    assert no_order(engine).startswith(
        "BTCUSDT: threshold never reached: the largest imbalance was 0.091, imbalance_threshold is 0.5"
    )


def test_min_confidence_never_reached() -> None:
    engine = Engine(BTC, window_ms=100, strategy=ImbalanceStrategy(threshold=0.5, min_confidence=0.99))
    market = Market(engine)
    market.lean("6", "5", 200)
    for _ in range(10):
        market.lean("50", "5", 50)
        market.lean("6", "5", 60)
    assert "BTCUSDT: min_confidence never reached: the largest confidence was 0." in no_order(engine)


def test_window_longer_than_the_data() -> None:
    engine = Engine(BTC, window_ms=60_000)
    Market(engine).lean("50", "5", 300)
    assert no_order(engine).startswith(
        "BTCUSDT: window longer than the data: feature_window_ms is 60,000, and the book was in sync for 300 ms at most"
    )


def test_no_trades_is_reported_beside_it() -> None:
    engine = Engine(BTC, window_ms=100)
    market = Market(engine)
    market.lean("6", "5", 200)
    assert "no trades were received" in no_order(engine)
    market.trade("100.0", "1", buyer_maker=True)
    assert "no trades were received" not in no_order(engine)


@pytest.mark.parametrize(
    ("spec", "settings", "why"),
    [
        (BTC, {"strategy": ImbalanceStrategy(min_confidence=0.5, entry_qty="0.01")},
         "below_min (under the venue's minimum quantity or notional)"),
        (BTC, {"max_notional": "1"}, "notional_limit (could take the exposure beyond max_notional_exposure)"),
        (BTC, {"max_order": "0.1"}, "order_size (above max_order_size)"),
    ],
)
def test_every_order_refused(spec: Spec, settings: dict[str, object], why: str) -> None:
    engine = Engine(spec, window_ms=100, **{"strategy": ImbalanceStrategy(min_confidence=0.5), **settings})
    Market(engine).lean("50", "5", 300)
    found = no_order(engine)
    assert "every order was refused: " in found
    assert why in found


def test_spot_can_t_be_sold_short() -> None:
    engine = Engine(
        Spec("BTCUSDT", tick="0.1", step="0.001", instrument="spot"), sync=SPOT_PROTOCOL.sync, window_ms=100,
        strategy=ImbalanceStrategy(min_confidence=0.5),
    )
    Market(engine).lean("5", "50", 300)
    assert "spot can't be sold short: " in no_order(engine)


def test_a_kill_switch_that_is_on_is_reported_first() -> None:
    engine = Engine(BTC, window_ms=100, strategy=ImbalanceStrategy(min_confidence=0.5))
    engine.kill(True, 1)
    Market(engine).lean("50", "5", 300)
    assert no_order(engine).startswith(
        "the kill switch is on: kill_requested (a user tripped the kill switch); every order was refused: "
    )
    assert "kill_switch (the kill switch is on)" in no_order(engine)


def test_time_in_which_the_venue_did_not_trade_is_reported_with_the_book_in_sync_and_without() -> None:
    at = 1_723_161_253_937_000_000
    closed = Cause(1, 2.0, at)
    found = {
        "A": InSync(1.0, 10.0, 10.0, {}, closed),
        "B": InSync(0.8, 8.0, 8.0, {"not_trading": closed}, closed),
        "C": InSync(1.0, 10.0, 10.0, {}),
    }
    text = "not traded by the venue (BREAK, HALT …) from 2024-08-08T23:54:13.937Z (once, 2.00 s)"
    assert lines(found) == ["C 100 %", f"A 100 %, {text}", f"B 80.0 %: {text}"]
    assert warnings(found) == [
        f"the book of B was in sync for 80.0 % of the time, and there are no orders without it: {text}",
        f"A was {text}; orders are refused meanwhile",
    ]


def test_orders_that_never_filled() -> None:
    engine = Engine(BTC, window_ms=100, strategy=ImbalanceStrategy(min_confidence=0.5))
    market = Market(engine)
    market.lean("50", "5", 110)
    assert engine.counters()["orders"] == 1
    market.depth([], [["100.1", "0"], ["100.2", "0"], ["105.0", "5"]])      # all that it could take is gone before it arrives
    market.depth([], [], after_ms=200)
    engine.stop(market.now)
    found = reported(engine)
    assert (found.orders, found.fills, found.why_no_orders) == (1, 0, [])
    assert found.why_no_fills[0].startswith("no order filled: 1 ")
    assert f"no fill        {found.why_no_fills[0]}" in as_text(found)


def test_a_book_that_crossed_is_counted_in_the_text() -> None:
    engine = Engine(BTC)
    market = Market(engine)
    market.depth([["99.0", "5"]], [])
    assert "crossed" not in as_text(reported(engine))
    market.depth([["200.0", "5"]], [])
    engine.stop(market.now)
    found = reported(engine)
    assert found.skipped["crossed_book"] == 1
    assert "0 missing trades, books crossed: 1" in as_text(found)


def test_a_run_that_traded_gives_no_excuses() -> None:
    engine = Engine(BTC, window_ms=100, strategy=ImbalanceStrategy(min_confidence=0.5))
    market = Market(engine)
    market.lean("50", "5", 400)
    engine.stop(market.now)
    found = reported(engine)
    assert found.fills > 0
    assert (found.why_no_orders, found.why_no_fills) == ([], [])


# -- in words


def test_in_sync_in_words() -> None:
    at = 1_723_161_253_937_000_000
    found = {
        "A": InSync(1.0, 10.0, 10.0, {"mismatch": Cause(1, 0.0, at)}),
        "B": InSync(0.99999, 10.0, 5.0, {"gap": Cause(2, 0.001, at)}),
        "C": InSync(0.5, 5.0, 5.0, {"no_rest_book": Cause(1, 1.0, at), "crossed": Cause(3, 4.0, at)}),
        "D": InSync(0.0, 0.0, 0.0, {"disconnected": Cause(0, 10.0, 0)}),
    }
    assert lines(found) == [
        "A 100 %",
        "B 99.9 %: gap at 2024-08-08T23:54:13.937Z (2 times, 0.00 s)",
        "C 50.0 %: crossed at 2024-08-08T23:54:13.937Z (3 times, 4.00 s), no snapshot of the book yet (once, 1.00 s)",
        "D never: not connected at first (10.00 s)",
    ]
    assert [line.partition(" was ")[0] for line in warnings(found)] == ["the book of C", "the book of D"]


# -- of whole commands


def session(path: Path, *, rest_book: bool = True, depth: bool = True) -> Path:
    """A capture of the embedded exchange with something missing."""
    frames = generate("BTCUSDT", "binance-usdm", seed=3, messages=3_000)
    kept = [
        b"%d %s\n" % (each.ns, each.data) for each in frames
        if (rest_book or b"lastUpdateId" not in each.data) and (depth or b"depthUpdate" not in each.data)
    ]
    path.write_bytes(b"".join(kept))
    return path


@pytest.mark.parametrize(
    ("lacks", "reported"),
    [
        ({"rest_book": False},
         "it has depth updates without a snapshot that they continue; `hft record` records one, and "
         "Tardis' files begin with one (is_snapshot true)"),
        ({"depth": False},
         "it has a snapshot of the book and no update after it; name the file that continues it too"),
        ({"depth": False, "rest_book": False}, "it has bookTicker and trade and no book; name the file with the book's updates "
         "too, or record them with `hft record`"),
    ],
)
def test_a_backtest_in_which_no_book_was_ever_in_sync_says_what_is_missing(tmp_path, capsys, lacks, reported) -> None:
    path = session(tmp_path / "a.txt", **lacks)
    code = cli.run(["backtest", str(path), "--json"])
    out, err = capsys.readouterr()
    assert code == ExitCode.DAMAGED
    assert f"hft: {path}: no book was ever in sync, so nothing was traded; {reported}\n" in err
    found = json.loads(out)
    assert found["in_sync"]["BTCUSDT"]["share"] == 0
    assert found["why_no_orders"][0] == "no book was ever in sync"


def test_backtest_and_convert_report_the_same_share(tmp_path, capsys) -> None:
    path, events = session(tmp_path / "a.txt"), tmp_path / "a.events"
    assert cli.run(["convert", str(path), str(events), "--json"]) == ExitCode.OK
    converted = json.loads(capsys.readouterr().out)["in_sync"]["BTCUSDT"]
    for each in (path, events):
        found = hft.backtest(each).summary.in_sync["BTCUSDT"]
        assert 0.9 < found.share < 1
        assert list(found.causes) == list(converted["causes"]) == ["no_rest_book"]
        assert found.causes["no_rest_book"].seconds == converted["causes"]["no_rest_book"]["seconds"]


def test_less_than_it_should_be_is_warned_about(tmp_path, capsys) -> None:
    path = session(tmp_path / "a.txt")
    whole = path.read_bytes().splitlines(keepends=True)
    book = next(line for line in whole if b"lastUpdateId" in line)
    gone = [line for line in whole if line is not book and b"depthUpdate" in line][: len(whole) // 4]
    path.write_bytes(b"".join(line for line in whole if line not in gone[20:21]))        # one update is missing: a gap
    code = cli.run(["backtest", str(path)])
    out, err = capsys.readouterr()
    assert code == ExitCode.OK
    assert "in sync        BTCUSDT " in out
    assert "gap at " in out
    assert err.startswith("hft: the book of BTCUSDT was in sync for ")
