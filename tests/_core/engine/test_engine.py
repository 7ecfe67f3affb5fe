"""The engine: stages composed, one call per message."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base import status
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.execution.capacity import worst_cases
from hft._core.record import names
from hft._core.record.journal import Journal, records
from hft._core.record.page import StatePage
from hft._core.trade.imbalance_strategy import ImbalanceStrategy
from hft.data.captures import Capture
from hft.data.record import Kind
from hft.data.tape import Tape
from hft.venues.binance import messages
from tests import data
from tests._core.small_market import Market

MS = 1_000_000
SECOND = 1_000 * MS
RECORD_ORDER, RECORD_KILL = 1, 4
CAPTURES = [data.USDM_BTC, data.SPOT_BTC]


def run_capture(name: str, **settings_: object) -> Engine:
    engine = Engine(data.SPECS[name], fallback=messages.load, sync=data.SYNC[name], **settings_)
    Tape(Capture(data.find(name)), "BTCUSDT").run(engine)
    return engine


def fills(engine: Engine) -> list[tuple[object, ...]]:
    return [(f.order_id, f.exch_ts_ns, f.local_ts_ns, f.side, f.price, f.qty, f.fee, f.maker) for f in engine.trades]


@pytest.fixture
def engine() -> Engine:
    return Engine(Spec("BTCUSDT", tick="0.1", step="0.001"), fallback=messages.load)


# --- on real captures


@pytest.mark.parametrize(
    ("name", "events"),
    [(data.USDM_BTC, data.figure(data.USDM_BTC, 6547, 246)), (data.SPOT_BTC, data.figure(data.SPOT_BTC, 3449, 198))],
)
def test_the_base_has_the_touch_of_the_newest_book_ticker_after_every_depth_event(name: str, events: int) -> None:
    """An oracle that nobody here wrote: the bookTicker with the greatest u at or below the event's."""
    records = list(Capture(data.find(name)))
    engine = Engine(data.SPECS[name], fallback=messages.load, sync=data.SYNC[name])
    book_tickers = []
    for record in records:
        found = messages.decode(record.data)
        if isinstance(found, messages.BookTicker):
            book_tickers.append((found.update_id, tuple(map(Decimal, (found.bid, found.bid_qty, found.ask, found.ask_qty)))))
    book_tickers.sort()
    # The REST book first: every event that follows it is then applied by a call of its own, and can be looked at.
    records.sort(key=lambda record: record.kind is not Kind.SNAPSHOT)
    seen = misses = at = 0
    engine.connect("BTCUSDT", 1)
    for record in records:
        found = messages.decode(record.data)
        if isinstance(found, messages.DepthSnapshot):
            engine.on_snapshot("BTCUSDT", found.last_update_id, found.bids, found.asks, 1)
            continue
        engine.on_frame(record.data, record.ns)
        if not isinstance(found, messages.DepthUpdate) or not engine.synced("BTCUSDT"):
            continue
        while at < len(book_tickers) and book_tickers[at][0] <= found.last_id:
            at += 1
        if at:
            seen += 1
            misses += engine.touch("BTCUSDT", base=True) != book_tickers[at - 1][1]
    assert (seen, misses) == (events, 0)
    counters = engine.counters()
    assert (counters["gaps"], counters["resyncs"]) == (0, 0)


@pytest.mark.parametrize("name", CAPTURES)
def test_the_same_input_gives_the_same_fills_and_state(name: str) -> None:
    one, other = run_capture(name), run_capture(name)
    assert fills(one) == fills(other) != []
    assert one.state_hash("BTCUSDT") == other.state_hash("BTCUSDT")


@pytest.mark.parametrize("name", CAPTURES)
def test_position_and_cash_are_the_sum_of_the_fills(name: str) -> None:
    engine = run_capture(name)
    engine.stop(engine.now_ns)
    log = engine.trades
    pnl = engine.pnl("BTCUSDT")
    assert engine.position("BTCUSDT") == sum(f.side * f.qty for f in log)
    assert pnl.cash == -sum(f.side * f.qty * f.price for f in log)
    assert pnl.fees == sum(f.fee for f in log)
    assert pnl.total == pnl.cash + engine.position("BTCUSDT") * pnl.mark - pnl.fees


@pytest.mark.parametrize("name", CAPTURES)
def test_splitting_time_anywhere_changes_nothing(name: str) -> None:
    """`advance` between any two messages: what was due happens at its own time, whoever asks."""
    whole = run_capture(name)
    split = Engine(data.SPECS[name], fallback=messages.load, sync=data.SYNC[name])
    split.connect("BTCUSDT", 1)
    last = 0
    for n, record in enumerate(Capture(data.find(name))):
        if last and n % 7 == 0:
            split.advance((last + record.ns) // 2)
        if record.kind is Kind.SNAPSHOT:
            book = messages.decode(record.data)
            split.on_snapshot("BTCUSDT", book.last_update_id, book.bids, book.asks, record.ns, book.transaction_time or 0)
        elif record.kind is Kind.FRAME:
            split.on_frame(record.data, record.ns)
        last = record.ns
    assert fills(split) == fills(whole)


@pytest.mark.parametrize("name", CAPTURES)
def test_memory_is_had_at_start(name: str) -> None:
    engine = run_capture(name)
    assert engine.memory_bytes == Engine(data.SPECS[name]).memory_bytes <= 10_500_000


# --- the chain, by hand


def test_an_imbalance_that_lasts_is_bought_and_sold_when_the_hold_ends(engine: Engine) -> None:
    market = Market(engine)
    market.lean("9", "1", 1100)
    assert [f.side for f in engine.trades] == [1]
    entry = engine.trades[0]
    assert (entry.qty, entry.price, entry.maker) == (Decimal("0.5"), Decimal("100.1"), False)
    assert entry.fee == entry.qty * entry.price * Decimal("0.0005")
    market.lean("5", "5", 1200)
    assert [f.side for f in engine.trades] == [1, -1]
    assert engine.position("BTCUSDT") == 0


def test_an_order_takes_effect_after_the_entry_latency_and_is_reported_after_the_response(engine: Engine) -> None:
    market = Market(engine)
    market.lean("9", "1", 1100)
    order, *_, = (r for r in records(engine.journal.drain(1000)) if r["kind"] == RECORD_ORDER)
    fill = engine.trades[0]
    assert order["due_ns"] == order["sent_ns"] + 20 * MS
    assert fill.exch_ts_ns == order["due_ns"]
    assert fill.local_ts_ns == fill.exch_ts_ns + 5 * MS


def test_a_hold_ends_on_time_although_the_market_is_silent(engine: Engine) -> None:
    market = Market(engine)
    market.lean("9", "1", 1100)
    assert engine.position("BTCUSDT") == Decimal("0.5")
    engine.advance(market.now + 3 * SECOND)
    assert engine.position("BTCUSDT") == 0
    # due at the hold's end + entry latency, and by timer max_feed_delay later, for there was no event
    assert engine.trades[-1].local_ts_ns < market.now + 2 * SECOND


def test_a_gap_loses_the_book_and_asks_for_a_snapshot(engine: Engine) -> None:
    market = Market(engine)
    market.lean("9", "1", 10)
    market.depth([], [], pu=5)
    assert not engine.synced("BTCUSDT")
    assert engine.wants_snapshot() == ["BTCUSDT"]
    assert engine.touch("BTCUSDT") == (None, None, None, None)
    assert engine.on_snapshot("BTCUSDT", market.u, [("100.0", "5")], [("100.1", "5")], market.now) == 0
    market.depth([], [])
    assert engine.synced("BTCUSDT")
    counters = engine.counters()
    assert (counters["gaps"], counters["rejects"]["sequence_gap"]) == (1, 1)


def test_a_crossed_book_is_thrown_away(engine: Engine) -> None:
    market = Market(engine)
    market.depth([["100.5", "1"]], [])
    assert not engine.synced("BTCUSDT")
    assert engine.counters()["rejects"] == {"crossed_book": 1}


def test_a_level_beyond_the_book_s_capacity_is_counted_under_its_reason() -> None:
    engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001"), fallback=messages.load, book_window_ticks=1024, far_levels=64)
    market = Market(engine)
    market.depth([], [[f"{300 + n}.0", "1"] for n in range(100)])
    counters = engine.counters()
    assert counters["rejects"]["level_dropped"] == counters["levels_dropped"] == 100 - 64


def test_a_frame_that_is_not_understood_is_counted_and_changes_nothing(engine: Engine) -> None:
    market = Market(engine)
    before = engine.state_hash("BTCUSDT")
    for frame in (b"", b"{", b"\xff\xfe", b'{"e":"depthUpdate","s":"BTCUSDT"}', b'{"e":"trade","s":"XRPUSDT"}', b"[" * 10_000):
        engine.on_frame(frame, market.now)
    assert engine.state_hash("BTCUSDT") == before
    assert sum(engine.counters()["rejects"].values()) == 6


# --- kill switch, stop


def test_the_kill_switch_stops_orders_and_cancels_what_is_open(engine: Engine) -> None:
    market = Market(engine)
    engine.kill(True, market.now)
    market.lean("9", "1", 1200)
    assert engine.trades == []
    assert engine.counters()["rejects"]["kill_switch"] > 0
    assert engine.kill_reason == "kill_requested"
    engine.kill(False, market.now)
    market.lean("9", "1", 100)
    assert len(engine.trades) == 1


@pytest.mark.parametrize("why", ["kill_requested", "kill_files_gone"])
def test_each_change_of_the_kill_switch_has_its_reason(why: str) -> None:
    journal = Journal(1000)
    engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001"), journal=journal)
    market = Market(engine)
    engine.kill(True, market.now, why)
    assert engine.kill_reason == why
    engine.kill(False, market.now)
    assert engine.kill_reason is None
    turned = [(record["status"], status.name(record["reason"])) for record in records(journal.drain(1000)) if record["kind"] == 4]
    assert turned == [(1, why), (0, "kill_released")]
    with pytest.raises(ValueError, match="reason 'because' must be one of kill_requested, kill_files_gone"):
        engine.kill(True, market.now, "because")


def test_the_kill_switch_can_be_tripped_through_the_page(engine: Engine) -> None:
    market = Market(engine)
    engine.page.request_kill(True, 1)
    market.depth([], [])
    assert engine.killed


def test_the_kill_switch_survives_a_restart(tmp_path: object) -> None:
    spec = Spec("BTCUSDT", tick="0.1", step="0.001")
    path = f"{tmp_path}/strategy.state"
    page = StatePage.create(path, [spec])
    Engine(spec, page=page).kill(True, 1)
    page.close()
    page = StatePage.create(path, [spec])
    engine = Engine(spec, page=page)
    assert engine.killed
    assert engine.kill_reason == "kill_latched"
    page.close()


@pytest.mark.parametrize("requests", [True, False])
def test_the_kill_switch_can_be_turned_while_nothing_runs(tmp_path: Path, requests: bool) -> None:
    spec = Spec("BTCUSDT", tick="0.1", step="0.001")
    path = tmp_path / "strategy.state"
    page = StatePage.create(path, [spec])
    Engine(spec, page=page).kill(not requests, 1)
    page.close()
    other = StatePage.open(path, writable=True)
    other.request_kill(requests, 2)
    other.close()
    page = StatePage.create(path, [spec])
    assert Engine(spec, page=page).killed is requests
    assert page.read()["header"]["kill_on"] is requests
    page.close()


def test_equity_at_zero_trips_the_kill_switch() -> None:
    engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001"), fallback=messages.load, capital="0.01")
    market = Market(engine)
    market.lean("9", "1", 1200)
    assert engine.kill_reason == "kill_bankrupt"


def test_stop_leaves_nothing_under_way(engine: Engine) -> None:
    market = Market(engine)
    market.lean("9", "1", 1010)
    assert engine.commands_under_way == 1
    engine.stop(market.now)
    assert engine.commands_under_way == 0
    market.lean("9", "1", 2000)
    assert engine.counters()["orders"] == 1


def test_a_journal_that_nobody_drains_refuses_new_orders() -> None:
    journal = Journal(worst_cases(2, 1, 16)["journal_least"])
    engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001"), fallback=messages.load, journal=journal,
                    strategy=ImbalanceStrategy(holding_ms=10))
    market = Market(engine)
    market.lean("9", "1", 1500)
    for side in range(40):
        bid, ask = ("9", "1") if side % 2 else ("1", "9")
        market.lean(bid, ask, 1100)
        if engine.counters()["rejects"].get("journal_full"):
            break
    assert engine.counters()["rejects"]["journal_full"] > 0
    assert not engine.halted
    assert journal.room >= 204      # a message, and the kill switch, still find room


def test_an_engine_of_which_nobody_keeps_records_trades_on() -> None:
    """Its ring is overwritten before it is low on room: else it would refuse new orders for ever."""
    engine = Engine(
        Spec("BTCUSDT", tick="0.1", step="0.001"), fallback=messages.load, window_ms=8, entry_latency_ms=1,
        strategy=ImbalanceStrategy(holding_ms=2), response_latency_ms=1, max_orders_per_second=10_000,
    )
    market = Market(engine)
    for n in range(2200):
        market.lean(*(("9", "1") if n % 2 else ("1", "9")), 16)
    counters = engine.counters()
    assert counters["orders"] > 2000      # some 7 records each, into a ring of 10,000
    assert "journal_full" not in counters["rejects"]


def test_a_fault_is_reported_once_and_a_release_does_not_last() -> None:
    journal = Journal(worst_cases(2, 1, 16)["journal_least"])
    engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001"), fallback=messages.load, journal=journal)
    market = Market(engine)
    while not engine.commands_under_way:
        market.lean("9", "1", 1)
    while journal.append_kill():    # somebody else's records, which nothing is ready for
        pass
    engine.advance(market.now + SECOND)
    market.now += SECOND
    assert (engine.halted, engine.fault, engine.kill_reason) == (True, "fault_journal_full", "kill_fault")
    assert engine.page.read()["header"]["flags"] == {"halted"}
    with pytest.raises(BufferError):
        engine.kill(False, market.now)
    journal.commit(journal.used)
    engine.kill(False, market.now)
    assert engine.killed
    market.lean("9", "1", 10)
    assert engine.page.read()["counters"]["faults"] == {"fault_journal_full": 1}


def test_a_book_that_is_lost_is_shown_as_lost(engine: Engine) -> None:
    market = Market(engine)
    market.lean("9", "1", 1100)
    engine.disconnect("BTCUSDT", market.now)
    engine.advance(market.now)
    symbol = engine.page.read()["symbols"][0]
    assert names.BOOK_STATUS[symbol["view"]["book_status"]] == engine.book_status("BTCUSDT") == "suspect"
    assert symbol["market"]["flags"] == 0
    assert symbol["view"]["features"]["valid"] == 0
    assert symbol["view"]["has_signal"] == 0


def story(moves: list[tuple[int, int, int, int]], capital: str, split: bool) -> list[dict[str, object]]:
    """What the journal says of a market that leans and falls silent; `split`: with the timer in between."""
    journal = Journal(20_000)
    engine = Engine(
        Spec("BTCUSDT", tick="0.1", step="0.001"), fallback=messages.load, journal=journal, window_ms=20,
        strategy=ImbalanceStrategy(holding_ms=30), capital=capital, max_feed_delay_ms=40,
    )
    market = Market(engine)
    for bid, ask, steps, silence in moves:
        for n in range(steps):
            after = silence if n == 0 else 1
            if split:
                for ms in range(after):
                    engine.advance(market.now + ms * MS + 500_000)
            market.depth([["100.0", str(bid)]], [["100.1", str(ask)]], after_ms=after)
    engine.stop(market.now)
    return records(journal.drain(20_000))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 60), st.integers(1, 200)), min_size=1, max_size=8),
    st.sampled_from(["0.04", "0.09", "0.3", "100"]),
)
def test_the_timer_changes_nothing_that_is_written_down(moves: list[tuple[int, int, int, int]], capital: str) -> None:
    """Nor when all equity is lost between two messages: the kill switch trips at that moment, whoever looks when."""
    assert story(moves, capital, True) == story(moves, capital, False)


def test_a_loss_between_two_messages_trips_the_kill_switch_at_its_own_time() -> None:
    reported = [r for r in story([(9, 1, 30, 1), (5, 5, 1, 500)], "0.04", False) if r["kind"] == RECORD_KILL]
    assert [r["reason"] for r in reported] == [82]
    assert reported[0]["ts_ns"] < 1_200 * MS      # the next message came at 1,531


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 400)), min_size=1, max_size=12))
def test_every_order_ends_and_the_books_balance(moves: list[tuple[int, int, int]]) -> None:
    engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001"), fallback=messages.load)
    market = Market(engine)
    for bid, ask, ms in moves:
        market.lean(str(bid), str(ask), ms)
    engine.stop(market.now)
    assert engine.position("BTCUSDT") == sum((f.side * f.qty for f in engine.trades), Decimal(0))
    assert not engine.halted
    assert engine.commands_under_way == 0
