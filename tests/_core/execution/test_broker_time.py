"""Rules 3 to 5: when a command takes effect and a report is heard, and that what a trader hears of comes in the order in which
it happened, also where v wanders backwards."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base.intent import OrderIntent
from hft._core.trade.orders import OrderManager
from tests._core.broker_pair import BIDS, MS, fills, kinds, pair, resting
from tests._core.broker_session import ACTION, SPECS, Session, play
from tests.sizes import examples

# ---- one by one


def test_rule_3_a_command_is_due_an_entry_latency_after_it_was_sent_and_never_before_an_earlier_one():
    p = pair(entry_latency_ms=20)
    p.submit("buy", 1, 90, sent=5 * MS)
    p.submit("buy", 1, 91, sent=3 * MS)  # sent by a clock that stepped back: due no earlier than the first
    assert p.arrivals(25 * MS) == []
    assert [(r.order_id, r.exch_ns) for r in p.arrivals(25 * MS + 1)] == [(1, 25 * MS), (2, 25 * MS)]


def test_rule_4_on_a_tie_the_event_comes_first():
    p = pair(entry_latency_ms=20)
    p.submit("buy", 5, 101, tif="ioc", sent=0)
    p.depth([], [(101, 0)], 20 * MS)  # at a: the ask is gone before the order is there
    assert kinds(p.arrivals(20 * MS + 1)) == [("accepted", ""), ("expired", "ioc_rest")]


def test_rule_4_a_command_takes_effect_before_the_first_later_event():
    p = pair(entry_latency_ms=20)
    order_id = p.submit("buy", 5, 101, tif="ioc", sent=0)
    reports = p.depth([], [(101, 0)], 20 * MS + 1)
    assert fills(reports) == [(order_id, 101, 5)]
    assert reports[1].exch_ns == 20 * MS


def test_rule_4_without_events_the_timer_lets_it_take_effect():
    p = pair(entry_latency_ms=20, max_feed_delay_ms=50)
    p.submit("buy", 5, 101, tif="ioc", sent=0)
    assert p.fast.next_due_ns == 70 * MS
    assert p.timers(70 * MS - 1) == []
    assert [r.exch_ns for r in p.timers(70 * MS)] == [20 * MS, 20 * MS]
    assert p.fast.next_due_ns is None


def test_rule_4_the_book_must_not_change_while_an_earlier_command_waits():
    p = pair(entry_latency_ms=20)
    p.submit("buy", 5, 101, sent=0)
    with pytest.raises(RuntimeError, match="arrivals"):
        p.fast.book_changed(21 * MS)


def test_rule_5_the_trader_hears_after_the_response_latency_and_never_in_the_past():
    p = pair(entry_latency_ms=20, response_latency_ms=5)
    p.submit("buy", 1, 90, sent=0)
    p.submit("buy", 1, 91, sent=1)
    assert [r.reported_ns for r in p.arrivals(21 * MS)] == [25 * MS, 25 * MS + 1]
    p.submit("buy", 1, 92, sent=2)
    assert [r.reported_ns for r in p.timers(80 * MS)] == [80 * MS]


def test_rule_5_a_fill_by_an_older_event_happens_when_the_order_took_effect_and_is_delivered_after_its_acceptance():
    p = pair(entry_latency_ms=20, response_latency_ms=5)
    order_id = p.submit("buy", 3, 100, sent=0)
    accepted, = p.timers(70 * MS)
    assert (accepted.exch_ns, accepted.reported_ns) == (20 * MS, 70 * MS)
    p.desync()
    p.snapshot(BIDS, [(100, 2)], 2)
    fill, = p.resync(1 * MS)                                # a REST book, stamped before the order took effect
    assert (fill.order_id, fill.exch_ns, fill.reported_ns) == (order_id, 20 * MS, 70 * MS)
    second, = p.depth([], [(100, 3)], 90 * MS)
    assert (second.exch_ns, second.reported_ns) == (90 * MS, 95 * MS)


def test_rule_5_reports_are_delivered_in_the_order_in_which_they_happened():
    p = pair(response_latency_ms=5)
    resting(p, "buy", 4, 100)
    first, = p.depth([], [(100, 1)], 50 * MS)
    second, = p.depth([], [(100, 2)], 30 * MS)              # v went back
    assert (first.leaves, second.leaves) == (3, 2)
    assert (second.exch_ns, first.reported_ns, second.reported_ns) == (30 * MS, 55 * MS, 55 * MS)


def test_rule_5_a_reduce_only_order_never_expires_before_it_took_effect():
    p = pair(entry_latency_ms=20)
    p.submit("buy", 5, 101, tif="ioc", sent=0)
    for price in (100, 103):
        p.submit("sell", 5, price, reduce_only=True, sent=0)
    p.arrivals(21 * MS)
    reports = p.depth([(100, 5)], [(101, 0)], 1 * MS)       # fills the one, and leaves the other nothing to reduce
    assert [(r.kind, r.order_id, r.exch_ns) for r in reports] == [("fill", 2, 20 * MS), ("expired", 3, 20 * MS)]


# ---- any session

WANDERING = st.one_of(
    *[ACTION] * 3, st.tuples(st.just("wander"), st.sampled_from([0, 1, MS, 7 * MS, 30 * MS, 95 * MS, 60_000 * MS]))
)


def deliver(reports, spec):
    """The reports as a trader's order table takes them, by the time at which they are heard, equal times in their order.

    IllegalReport where one contradicts those before it.
    """
    table = OrderManager(spec, capacity=len(reports) + 1)
    sizes = {r.order_id: r.leaves for r in reports if r.kind in ("accepted", "rejected")}
    ids = {}
    for order_id in sorted(sizes):
        own = table.create(OrderIntent(spec, "buy", sizes[order_id], spec.price(100)), now=0)
        ids[order_id] = own.id
    for r in sorted(reports, key=lambda r: r.reported_ns):      # stable
        own_id = ids[r.order_id]
        match r.kind:
            case "accepted":
                table.accepted(own_id, now=r.reported_ns)
            case "fill":
                table.fill(own_id, r.qty, now=r.reported_ns)
            case "amended":
                table.amend(own_id, table[own_id].filled + r.leaves, spec.price(100))
                table.amended(own_id, now=r.reported_ns)
            case "canceled" | "expired" | "rejected":
                getattr(table, r.kind)(own_id, now=r.reported_ns)
    return table


@settings(max_examples=examples(150), deadline=None)
@given(st.sampled_from(sorted(SPECS)), st.sampled_from([0, 20]), st.lists(WANDERING, min_size=10, max_size=80))
def test_a_trader_hears_of_every_order_in_the_order_in_which_it_happened(instrument, entry_latency_ms, actions):
    session = Session(SPECS[instrument], "risk_averse", entry_latency_ms)
    play(session, actions)
    reports = session.pair.reports
    heard = [r.reported_ns for r in reports]
    assert heard == sorted(heard)
    effect = {r.order_id: r.exch_ns for r in reports if r.kind == "accepted"}
    for r in reports:
        assert r.exch_ns >= effect.get(r.order_id, 0)       # never before it took effect
        assert r.reported_ns >= r.exch_ns + 5 * MS
    deliver(reports, SPECS[instrument])
