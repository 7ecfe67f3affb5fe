"""The open-order table against a dict, and the table of moves state by state."""

import random
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hft._core.base import status
from hft._core.base.intent import OrderIntent
from hft._core.base.types import Spec
from hft._core.trade.orders import IllegalReport, OrderManager, OrderStatus, allowed_moves

BTC = Spec("BTCUSDT", tick="0.10", step="0.001")
ETH = Spec("ETHUSDT", tick="0.01", step="0.001")
FINAL = {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED}


def limit(spec=BTC, side="buy", qty="1"):
    return OrderIntent(spec, side, qty, "100")


class Lifecycle(RuleBasedStateMachine):
    """Any report to any order, in any order: the table follows a plain model of what a venue can mean."""

    @initialize(capacity=st.integers(1, 5))
    def begin(self, capacity):
        self.orders = OrderManager([BTC, ETH], run=3, capacity=capacity)
        self.open, self.issued = {}, 0

    def pick(self, data):
        return data.draw(st.sampled_from(sorted(self.open)))

    @rule(spec=st.sampled_from([BTC, ETH]), side=st.sampled_from(["buy", "sell"]), qty=st.integers(1, 5))
    def create(self, spec, side, qty):
        if len(self.open) == self.orders.capacity:
            with pytest.raises(RuntimeError, match=status.text(status.CODES["no_order_slot"])):
                self.orders.create(limit(spec, side, qty), now=0)
            return
        order = self.orders.create(limit(spec, side, qty), now=0)
        self.issued += 1
        assert order.id == (3 << 32) + self.issued
        self.open[order.id] = {"spec": spec, "side": side, "qty": qty, "leaves": qty, "accepted": False, "cancel": False,
                               "amend": None, "price": 100}

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def cancel(self, data):
        order_id = self.pick(data)
        if self.open[order_id]["cancel"]:
            with pytest.raises(ValueError, match="already"):
                self.orders.cancel(order_id)
        else:
            self.orders.cancel(order_id)
            self.open[order_id]["cancel"] = True

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def accepted(self, data):
        order_id = self.pick(data)
        model = self.open[order_id]
        if model["accepted"] or model["leaves"] < model["qty"]:
            with pytest.raises(IllegalReport):
                self.orders.accepted(order_id)
        else:
            self.orders.accepted(order_id)
            model["accepted"] = True

    @precondition(lambda self: self.open)
    @rule(data=st.data(), qty=st.integers(1, 6))
    def fill(self, data, qty):
        order_id = self.pick(data)
        model = self.open[order_id]
        if qty > model["leaves"]:
            with pytest.raises(IllegalReport):
                self.orders.fill(order_id, qty)
            return
        model["leaves"] -= qty
        order = self.orders.fill(order_id, qty)
        assert (order.leaves, order.final) == (model["leaves"], model["leaves"] == 0)
        if model["leaves"] == 0:
            del self.open[order_id]

    @precondition(lambda self: self.open)
    @rule(data=st.data(), how=st.sampled_from(["canceled", "rejected", "expired"]))
    def end(self, data, how):
        order_id = self.pick(data)
        model = self.open[order_id]
        heard = model["accepted"] or model["leaves"] < model["qty"]
        legal = {
            "canceled": heard or model["cancel"] or model["amend"], "expired": True, "rejected": not heard,
        }[how]
        if not legal:
            with pytest.raises(IllegalReport):
                getattr(self.orders, how)(order_id)
            return
        order = getattr(self.orders, how)(order_id, reason=status.CODES["user_cancel"])
        assert order.final
        assert order.reason == "user_cancel"
        assert order.leaves == model["leaves"]
        del self.open[order_id]

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def cancel_rejected(self, data):
        order_id = self.pick(data)
        if self.open[order_id]["cancel"]:
            self.orders.cancel_rejected(order_id)
            self.open[order_id]["cancel"] = False
        else:
            with pytest.raises(IllegalReport):
                self.orders.cancel_rejected(order_id)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), qty=st.integers(1, 8))
    def amend(self, data, qty):
        order_id = self.pick(data)
        model = self.open[order_id]
        if model["cancel"] or model["amend"]:
            with pytest.raises(ValueError, match="already"):
                self.orders.amend(order_id, qty, "101")
        else:
            assert self.orders.amend(order_id, qty, "101").price == model["price"]
            model["amend"] = qty

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def amended(self, data):
        order_id = self.pick(data)
        model = self.open[order_id]
        if model["amend"] is None:
            with pytest.raises(IllegalReport):
                self.orders.amended(order_id)
        elif model["qty"] - model["leaves"] < model["amend"]:       # else the venue cancels it
            model["leaves"] += model["amend"] - model["qty"]
            model["qty"], model["amend"], model["accepted"] = model["amend"], None, True
            model["price"] = 101
            order = self.orders.amended(order_id)
            assert (order.price, order.qty, order.leaves) == (101, model["qty"], model["leaves"])

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def amend_rejected(self, data):
        order_id = self.pick(data)
        if self.open[order_id]["amend"]:
            self.orders.amend_rejected(order_id)
            self.open[order_id]["amend"] = None
        else:
            with pytest.raises(IllegalReport):
                self.orders.amend_rejected(order_id)

    @rule(n=st.integers(-1, 3), run=st.sampled_from([2, 3, 4]))
    def report_for_another(self, n, run):
        order_id = (run << 32) + self.issued + n
        if order_id in self.open:
            return
        for report in (self.orders.accepted, self.orders.canceled, lambda order_id: self.orders.fill(order_id, 1)):
            with pytest.raises(IllegalReport, match=status.text(-3)):
                report(order_id)
        if run == 3 and 1 <= self.issued + n <= self.issued:        # a cancel or amend that crossed the end of its order
            assert self.orders.cancel_rejected(order_id) is None
            assert self.orders.amend_rejected(order_id) is None
        else:
            with pytest.raises(IllegalReport):
                self.orders.cancel_rejected(order_id)

    def expected_status(self, model):
        if model["cancel"]:
            return OrderStatus.PENDING_CANCEL
        if model["amend"]:
            return OrderStatus.PENDING_AMEND
        if model["leaves"] < model["qty"]:
            return OrderStatus.PARTIALLY_FILLED
        return OrderStatus.OPEN if model["accepted"] else OrderStatus.PENDING_NEW

    @invariant()
    def table_is_the_model(self):
        self.orders._check()
        assert [order.id for order in self.orders] == sorted(self.open)
        for order in self.orders:
            model = self.open[order.id]
            assert order.status == self.expected_status(model)
            assert (order.leaves, order.qty, order.symbol) == (model["leaves"], model["qty"], model["spec"].name)
        for spec in (BTC, ETH):
            mine = [model for model in self.open.values() if model["spec"] is spec]
            assert self.orders.in_flight(spec) == len(mine)
            for side in ("buy", "sell"):
                assert self.orders.leaves(spec, side) == sum(
                    m["leaves"] + max(0, (m["amend"] or 0) - m["qty"]) for m in mine if m["side"] == side)


Lifecycle.TestCase.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)
TestLifecycle = Lifecycle.TestCase


def test_the_table_of_moves():
    names = {a.name: {b.name for b in to} for a, to in allowed_moves().items()}
    alive = {"PARTIALLY_FILLED", "PENDING_CANCEL", "PENDING_AMEND", "FILLED", "CANCELED", "EXPIRED"}
    assert names == {
        "PENDING_NEW": {"OPEN", "PARTIALLY_FILLED", "PENDING_CANCEL", "PENDING_AMEND", "FILLED", "REJECTED", "EXPIRED"},
        "OPEN": alive,
        "PARTIALLY_FILLED": alive,
        "PENDING_CANCEL": set(OrderStatus.__members__),
        "PENDING_AMEND": set(OrderStatus.__members__),
        **{final.name: set() for final in FINAL},
    }


def test_a_long_life_through_a_small_table():
    """Ids far apart share places in the index; old orders stay findable whatever comes and goes around them."""
    rng, orders, kept = random.Random(3), OrderManager(BTC, capacity=6), []
    for now in range(3000):
        if len(kept) < 6 and rng.random() < 0.6:
            kept.append(orders.create(limit(), now=now).id)
        elif kept:
            # Mostly the newest goes, so that some live through many turns of the index.
            orders.expired(kept.pop(-1 if rng.random() < 0.8 else rng.randrange(len(kept))))
        assert [order.id for order in orders] == kept
        orders._check()


def test_a_duplicate_fill_never_counts_twice():
    orders = OrderManager(BTC)
    order = orders.create(limit(qty="1"), now=0)
    orders.fill(order.id, "1")
    with pytest.raises(IllegalReport):
        orders.fill(order.id, "1")


def test_an_overfill_changes_nothing():
    orders = OrderManager(BTC)
    order = orders.create(limit(qty="1"), now=0)
    for qty in ("1.001", "0"):
        with pytest.raises(IllegalReport, match=status.text(-1)):
            orders.fill(order.id, qty)
    assert (orders[order.id].leaves, orders.leaves(BTC, "buy")) == (1, 1)


def test_cancel_pending_still_counts_and_may_still_fill():
    orders = OrderManager(BTC)
    order = orders.create(limit(qty="1"), now=0)
    orders.accepted(order.id)
    orders.cancel(order.id)
    assert orders.leaves(BTC, "buy") == 1
    assert orders.fill(order.id, "0.4").status == OrderStatus.PENDING_CANCEL
    assert orders.cancel_rejected(order.id).status == OrderStatus.PARTIALLY_FILLED
    assert orders.leaves(BTC, "buy") == Decimal("0.6")


def test_runs_keep_ids_apart():
    first, second = (OrderManager(BTC, run=run).create(limit(), now=0).id for run in (1, 2))
    assert (first, second) == ((1 << 32) + 1, (2 << 32) + 1)


def test_a_final_orders_slot_is_readable_until_the_next_is_made():
    orders = OrderManager(BTC, capacity=1)
    order = orders.create(limit(qty="1"), now=5)
    done = orders.expired(order.id, reason=status.CODES["ioc_rest"])
    assert (done.status, done.reason, done.leaves, done.sent_ns) == (OrderStatus.EXPIRED, "ioc_rest", 1, 5)
    assert orders.create(limit(qty="2"), now=6).qty == 2
    assert done.qty == 1


@pytest.mark.parametrize("bad", [{"run": 0}, {"run": 1 << 31}, {"capacity": 0}, {"capacity": 65_537}])
def test_refuses_settings_out_of_range(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        OrderManager(BTC, **bad)


@pytest.mark.parametrize(("args", "message"), [
    ({"side": "hold", "qty": "1"}, "side"), ({"side": "buy", "qty": "0.0001"}, "quantum"),
    ({"side": "buy", "qty": "1", "price": "100.05"}, "tick"), ({"side": "buy", "qty": "1", "type": "limit"}, "price"),
    ({"side": "buy", "qty": "1", "type": "stop"}, "type"),
    ({"side": "buy", "qty": "1", "price": "1", "tif": "DAY"}, "time in force"),
    ({"side": "buy", "qty": "1", "tif": "GTC"}, "market"),
])
def test_an_intent_is_checked_for_form(args, message):
    with pytest.raises(ValueError, match=message):
        OrderIntent(BTC, **args)


def test_an_order_for_a_symbol_that_is_not_traded():
    with pytest.raises(KeyError, match="ETHUSDT"):
        OrderManager(BTC).create(limit(ETH), now=0)


def test_an_order_needs_a_quantity_that_can_be_summed():
    spec = Spec("XUSDT", tick="1", step="1")
    orders = OrderManager(spec)
    half = (1 << 59) + 1
    orders.create(limit(spec, qty=half), now=0)
    orders.create(limit(spec, "sell", half), now=0)
    for qty in (0, half):
        with pytest.raises(ValueError, match="quantity"):
            orders.create(limit(spec, qty=qty), now=0)
