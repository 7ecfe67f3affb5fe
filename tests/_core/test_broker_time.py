"""Rule 5 on any session whose v wanders backwards: what a trader hears of comes in the order in which it happened."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.intent import OrderIntent
from hft._core.orders import OrderManager
from tests._core.broker_pair import MS
from tests._core.broker_session import ACTION, SPECS, Session, play

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
    for r in sorted(reports, key=lambda r: r.told_ns):      # stable
        own_id = ids[r.order_id]
        match r.kind:
            case "accepted":
                table.accepted(own_id, now=r.told_ns)
            case "fill":
                table.fill(own_id, r.qty, now=r.told_ns)
            case "canceled" | "expired" | "rejected":
                getattr(table, r.kind)(own_id, now=r.told_ns)
    return table


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(SPECS)), st.sampled_from([0, 20]), st.lists(WANDERING, min_size=10, max_size=80))
def test_a_trader_hears_of_every_order_in_the_order_in_which_it_happened(dialect, entry_latency_ms, actions):
    session = Session(SPECS[dialect], "risk_averse", entry_latency_ms)
    play(session, actions)
    reports = session.pair.reports
    told = [r.told_ns for r in reports]
    assert told == sorted(told)
    effect = {r.order_id: r.exch_ns for r in reports if r.kind == "accepted"}
    for r in reports:
        assert r.exch_ns >= effect.get(r.order_id, 0)       # never before it took effect
        assert r.told_ns >= r.exch_ns + 5 * MS
    deliver(reports, SPECS[dialect])
