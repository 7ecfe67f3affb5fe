"""What fixed memory must hold: enough works, one less is refused, and what is journalled is told."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.execution.capacity import worst_cases
from hft._core.record.journal import Journal, records
from hft._core.trade.imbalance_strategy import ImbalanceStrategy
from hft.venues.binance import messages
from tests._core.handmade import MS, Ladder

BTC = Spec("BTCUSDT", tick="0.1", step="0.001")
ETH = Spec("ETHUSDT", tick="0.1", step="0.001")
ORDER, FILL, POSITION, KILL = 1, 2, 3, 4
QUICK = {
    "strategy": ImbalanceStrategy(holding_ms=10), "window_ms": 20, "max_orders_per_second": 10_000, "price_collar_bps": 10_000,
    "imbalance_levels": 1,
}
LEAST = {"max_open_orders": 1, "order_channel_size": 16}


def engine_with(journal, specs=BTC, **settings_):
    return Engine(specs, fallback=messages.load, journal=journal, **{**QUICK, **LEAST, **settings_})


def drain(journal):
    batch = journal.drain(journal.used)
    journal.commit(len(batch) // 128)
    return records(batch)


def test_the_worst_cases_of_the_defaults():
    """By hand: 64 levels and one maker's fill an order are 65 fills of 3 records, and 5 records besides."""
    assert worst_cases(2, 256, 1000) == {
        "event_reports": 2 * 256 + 66, "delivery_reports": 256 * 67 + 1000, "new_orders": 2, "order_records": 200,
        "journal_least": 2 * 200 + 5, "journal_orders": 256 * 203 + 2 * 200 + 5,
        "journal_most": 256 * 203 + 2 * (256 * 67 + 1000) + 2 * 200 + 5,
    }  # fmt: skip


@pytest.mark.parametrize("given_", [(0, 1, 16), (1_000_001, 1, 16), (1, 0, 16), (1, 65_537, 16), (1, 1, 0), (1, 1, 1_000_001)])
def test_settings_out_of_range_have_no_worst_case(given_):
    with pytest.raises(ValueError, match="must be a whole number from 1 to"):
        worst_cases(*given_)


@pytest.mark.parametrize("specs", [[BTC], [BTC, ETH]], ids=["one", "two"])
def test_exactly_enough_works_and_one_less_is_refused(specs):
    least = worst_cases(len(specs) + 1, 1, 16)["journal_least"]
    with pytest.raises(ValueError, match=rf"journal: {least - 1} records .* at least {least} are needed"):
        engine_with(Journal(least - 1), specs)
    journal = Journal(least)
    market = Ladder(engine_with(journal, specs), 5, qty="5")
    market.lean("9", "1", 60)
    assert market.engine.counters()["orders"] == 1          # there was room for it; what it wrote waits for a writer
    market.lean("1", "9", 60)
    assert market.engine.counters()["orders"] == 1
    assert set(market.engine.counters()["rejects"]) == {"journal_full"}
    drain(journal)
    market.lean("1", "9", 60)
    assert market.engine.counters()["orders"] == 2


@pytest.mark.parametrize("levels", [1, 50, 64, 70])
def test_a_market_order_through_many_levels_is_journalled_whole_and_reported_whole(levels):
    """At the smallest legal settings. It takes from 64 levels at most; what lies deeper is as if not there."""
    journal = Journal(worst_cases(2, 1, 16)["journal_least"])
    engine = engine_with(journal, max_order="0.2", max_position="0.2",
                         strategy=ImbalanceStrategy(entry_qty="0.2", threshold=0.1, holding_ms=10))
    market = Ladder(engine, levels)
    written = []
    market.lean("2", "1", 30)               # the entry: an IOC limit through the touch
    written += drain(journal)
    market.lean("2", "1", 60)
    written += drain(journal)
    entered = engine.position("BTCUSDT")
    assert entered == Decimal("0.2")
    market.send([["100.0", "0.001"]], [["100.1", "0.001"]])                     # thin again, and balanced: the hold ends
    for _ in range(40):
        market.now += 5 * MS
        engine.advance(market.now)
    left = entered - Decimal("0.001") * min(levels, 64)
    assert engine.position("BTCUSDT") == left
    written += drain(journal)

    reported = [r for r in written if r["kind"] == POSITION]
    made = [r for r in written if r["kind"] == FILL]
    assert len(reported) == len(made)
    assert BTC.qty(reported[-1]["qty"]) == left == sum(BTC.qty(r["side"] * r["qty"]) for r in made)
    assert len([r for r in made if r["side"] < 0]) == min(levels, 64)
    assert not engine.halted
    assert [r["seq"] for r in written] == list(range(1, len(written) + 1))


def test_the_kill_switch_is_written_down_while_the_journal_has_no_room_for_orders():
    journal = Journal(worst_cases(2, 1, 16)["journal_least"])
    market = Ladder(engine_with(journal), 5, qty="5")
    market.lean("9", "1", 60)
    while journal.room > 5:                  # to where a message still finds room, and no more than that
        journal.append_kill()
    market.lean("1", "9", 60)
    assert set(market.engine.counters()["rejects"]) == {"journal_full"}
    assert market.engine.held == 0
    market.engine.page.request_kill(True, market.now)
    market.engine.advance(market.now)
    assert market.engine.killed
    assert drain(journal)[-1]["kind"] == KILL
    assert not market.engine.halted


def test_messages_are_held_in_order_while_there_is_no_room_and_timers_go_on():
    journal = Journal(worst_cases(2, 1, 16)["journal_least"])
    engine = engine_with(journal)
    market = Ladder(engine, 5, qty="5")
    while journal.room > 3:                  # the switch needs four
        journal.append_kill()
    before = engine.update_id("BTCUSDT")
    market.lean("9", "1", 3)
    engine.disconnect("BTCUSDT", market.now)
    engine.connect("BTCUSDT", market.now)
    assert (engine.held, engine.update_id("BTCUSDT"), engine.journal_waits) == (5, before, 1)
    assert engine.page.read()["header"]["flags"] == {"input_held"}
    with pytest.raises(BufferError):
        engine.on_snapshot("BTCUSDT", 100, [("100.0", "5")], [("100.1", "5")], market.now)
    with pytest.raises(BufferError):
        engine.kill(False, market.now)
    engine.kill(True, market.now)            # this one never waits
    assert engine.killed

    engine.page.request_kill(False, 1)       # and a release does, until it can be written down
    engine.advance(market.now)
    assert engine.killed
    written = drain(journal)
    assert written[-1]["kind"] == KILL
    engine.advance(market.now)
    assert (engine.held, engine.held_bytes, engine.killed) == (0, 0, False)
    assert engine.counters()["messages"]["depth"] == 3
    assert not engine.synced("BTCUSDT")      # the stream that came after them is a new one
    assert engine.page.read()["header"]["flags"] == set()
    assert not engine.halted


def test_what_is_held_has_a_limit():
    journal = Journal(worst_cases(2, 1, 16)["journal_least"])
    engine = engine_with(journal)
    while journal.append_kill():
        pass
    frame = b'{"e":"depthUpdate",' + b" " * (4 << 20)
    for _ in range(15):
        engine.on_frame(frame, MS)
    with pytest.raises(OverflowError, match="64 MiB"):
        engine.on_frame(frame, MS)
    assert engine.held == 15


MOVES = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 40), st.booleans()), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(moves=MOVES, more=st.integers(0, 300), levels=st.integers(1, 70), two=st.booleans())
def test_whatever_is_journalled_is_reported_however_little_room_there_is(moves, more, levels, two):
    """A writer that comes by now and then, a journal near the least; at the end every fill was told and nothing is missing."""
    specs = [BTC, ETH] if two else [BTC]
    journal = Journal(worst_cases(len(specs) + 1, 1, 16)["journal_least"] + more)
    engine = engine_with(journal, specs, strategy=ImbalanceStrategy(threshold=0.2, holding_ms=10))
    market = Ladder(engine, levels, qty="0.01")
    written = []
    for bid, ask, ms, writes in moves:
        market.lean(str(bid), str(ask), ms)
        assert not engine.halted
        if writes:
            written += drain(journal)
    engine.stop(market.now)
    written += drain(journal)
    engine.release(market.now)
    written += drain(journal)
    made = [r for r in written if r["kind"] == FILL]
    assert len([r for r in written if r["kind"] == POSITION]) == len(made)
    assert engine.position("BTCUSDT") == sum((BTC.qty(r["side"] * r["qty"]) for r in made), Decimal(0))
    assert [r["seq"] for r in written] == list(range(1, len(written) + 1))
    last = {r["order_id"]: r["status"] for r in written if r["kind"] == ORDER}
    assert all(status >= 5 for status in last.values())         # every order was told to be final
    assert Counter(r["order_id"] for r in written if r["kind"] == ORDER and r["status"] == 1).total() == len(last)
    assert not engine.halted
