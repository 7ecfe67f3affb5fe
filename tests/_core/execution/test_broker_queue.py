"""Rules 14 to 17: the place in the queue, and that one event shown twice counts once."""

import math

import pytest

from hft._core.base.types import Spec
from tests._core.broker_pair import MS, pair, resting

MODELS = ("risk_averse", "log", "log2", "power", "power2", "power3")


def filled(reports):
    return [(r.order_id, r.qty) for r in reports if r.kind == "fill"]


# ---- 14


def test_rule_14_a_newcomer_stands_behind_what_is_displayed():
    p = pair()
    assert p.fast.queue_ahead(resting(p, "buy", 1, 98)) == 20
    assert p.fast.queue_ahead(resting(p, "sell", 1, 103)) == 30
    assert p.fast.queue_ahead(resting(p, "buy", 1, 100)) == 0


def test_rule_14_between_known_levels_nothing_stands_before_it():
    p = pair(bids=[(99, 10), (95, 20)])
    assert p.fast.queue_ahead(resting(p, "buy", 1, 97)) == 0


def test_rule_14_beyond_the_known_depth_the_first_quantity_shown_counts():
    p = pair()
    order_id = resting(p, "buy", 1, 90)
    assert p.fast.queue_ahead(order_id) is None
    assert p.trade(90, 50, 2, buyer_is_maker=True) == []  # its place is not known: no queue fill
    p.depth([(90, 7)], [], 3)
    assert p.fast.queue_ahead(order_id) == 7
    p.depth([(90, 9)], [], 4)
    assert p.fast.queue_ahead(order_id) == 7


def test_rule_14_beyond_the_known_depth_a_touch_that_falls_behind_it_leaves_nothing_ahead():
    p = pair(bids=[(99, 10)])
    order_id = resting(p, "buy", 1, 90)
    p.book_ticker(89, 5, 101, 10, 2)
    assert p.fast.queue_ahead(order_id) == 0


# ---- 16: trades


def test_rule_16_a_trade_serves_the_queue_then_the_order():
    p = pair()
    order_id = resting(p, "buy", 5, 99)
    assert filled(p.trade(99, 6, 2, buyer_is_maker=True)) == []
    assert p.fast.queue_ahead(order_id) == 4
    assert filled(p.trade(99, 7, 3, buyer_is_maker=True)) == [(order_id, 3)]
    assert filled(p.trade(99, 7, 4, buyer_is_maker=True)) == [(order_id, 2)]


def test_rule_16_own_orders_at_one_level_share_one_volume():
    p = pair()
    first, second = resting(p, "buy", 4, 99), resting(p, "buy", 4, 99)
    assert filled(p.trade(99, 15, 2, buyer_is_maker=True)) == [(first, 4), (second, 1)]
    assert filled(p.trade(99, 2, 3, buyer_is_maker=True)) == [(second, 2)]


def test_rule_16_a_fill_is_floored_to_the_lot_in_favour_of_the_queue():
    spec = Spec("SPOT", tick=1, step=1, quantum="0.1", instrument="spot")
    p = pair(bids=[(99, 25)], spec=spec)
    order_id = resting(p, "buy", 100, 99)
    assert filled(p.trade(99, 42, 2, buyer_is_maker=True)) == [(order_id, 1)]  # 1.7 reach it
    assert filled(p.trade(99, 9, 3, buyer_is_maker=True)) == []
    assert filled(p.trade(99, 10, 4, buyer_is_maker=True)) == [(order_id, 1)]


# ---- 15 and 17: the same event, as a trade and as a decrease


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("shown_first", [False, True])
def test_rule_17_a_trade_and_its_decrease_count_once_in_either_order(model, shown_first):
    p = pair(bids=[(99, 10), (98, 1)], queue_model=model)
    order_id = resting(p, "buy", 50, 99)
    p.depth([(99, 30)], [], 2)  # 20 behind
    events = [lambda: p.trade(99, 6, 3, buyer_is_maker=True), lambda: p.depth([(99, 24)], [], 3)]
    for event in reversed(events) if shown_first else events:
        assert filled(event()) == []
    assert p.fast.queue_ahead(order_id) == 4
    assert filled(p.trade(99, 5, 4, buyer_is_maker=True)) == [(order_id, 1)]


@pytest.mark.parametrize("shown_first", [False, True])
def test_rule_17_the_trade_that_empties_the_level_fills_what_exceeds_the_queue(shown_first):
    p = pair()
    order_id = resting(p, "buy", 5, 99)
    trade, gone = lambda: p.trade(99, 12, 3, buyer_is_maker=True), lambda: p.depth([(99, 0)], [], 3)
    reports = gone() + trade() if shown_first else trade() + gone()
    assert filled(reports) == [(order_id, 2)]


def test_rule_17_risk_averse_a_cancel_is_behind_the_order_until_it_can_not_be():
    p = pair()
    order_id = resting(p, "buy", 5, 98)
    p.depth([(98, 50)], [], 2)
    p.depth([(98, 25)], [], 3)
    assert p.fast.queue_ahead(order_id) == 20
    p.depth([(98, 12)], [], 4)
    assert p.fast.queue_ahead(order_id) == 12


@pytest.mark.parametrize(
    ("model", "exponent", "p"),
    [
        ("log", 1.0, math.log1p(60) / (math.log1p(60) + math.log1p(40))),
        ("log2", 1.0, math.log1p(60) / math.log1p(100)),
        ("power", 2.0, 60**2 / (60**2 + 40**2)),
        ("power2", 2.0, 60**2 / 100**2),
        ("power3", 3.0, 1 - (40 / 100) ** 3),
    ],
)
def test_rule_17_probabilistic_models_share_an_unexplained_decrease(model, exponent, p):
    p_behind = p
    pr = pair(bids=[(99, 40), (98, 1)], queue_model=model, queue_exponent=exponent)
    order_id = resting(pr, "buy", 5, 99)
    pr.depth([(99, 100)], [], 2)
    pr.depth([(99, 70)], [], 3)
    assert pr.fast.queue_ahead(order_id) == 40 - round((1 - p_behind) * 30)


def test_rule_17_the_probability_is_taken_in_base_units():
    spec = Spec("BASE", tick=1, step="0.001")
    p = pair(bids=[(99, 4000), (98, 1)], spec=spec, queue_model="log")
    order_id = resting(p, "buy", 5, 99)
    p.depth([(99, 10000)], [], 2)
    p.depth([(99, 7000)], [], 3)
    behind = math.log1p(6.0) / (math.log1p(6.0) + math.log1p(4.0))
    assert spec.quanta(p.fast.queue_ahead(order_id)) == 4000 - round((1 - behind) * 3000)


def test_rule_17_an_increase_is_behind_and_voids_what_was_traded_but_not_shown():
    p = pair(queue_model="power")
    order_id = resting(p, "buy", 5, 99)
    p.trade(99, 4, 2, buyer_is_maker=True)
    p.depth([(99, 15)], [], 3)
    assert p.fast.queue_ahead(order_id) == 6
    p.depth([(99, 11)], [], 4)  # no longer explained by the trade: a cancel, shared by the model
    assert p.fast.queue_ahead(order_id) == 6 - round(4 * (1 - 9**3 / (9**3 + 6**3)))


def test_rule_15_a_decrease_is_forgotten_after_150_ms():
    p = pair()
    order_id = resting(p, "buy", 5, 99)
    p.depth([(99, 4)], [], MS)
    assert filled(p.trade(99, 6, 151 * MS + 1, buyer_is_maker=True)) == [(order_id, 2)]


def test_rule_15_a_decrease_absorbs_its_trade_until_150_ms():
    p = pair()
    order_id = resting(p, "buy", 5, 99)
    p.depth([(99, 4)], [], MS)
    assert filled(p.trade(99, 6, 151 * MS, buyer_is_maker=True)) == []
    assert p.fast.queue_ahead(order_id) == 4


@pytest.mark.parametrize(("later", "ahead"), [(150 * MS, 8), (150 * MS + 1, 7)])
def test_rule_15_a_trade_is_forgotten_after_150_ms(later, ahead):
    p = pair(bids=[(99, 10), (98, 1)], queue_model="power")
    order_id = resting(p, "buy", 50, 99)
    p.depth([(99, 14)], [], 2)
    p.trade(99, 2, 3, buyer_is_maker=True)
    p.depth([(99, 12)], [], 3 + later)
    assert p.fast.queue_ahead(order_id) == ahead  # forgotten: a cancel, of which 1 - 6³/(6³ + 8³) was ahead


@pytest.mark.parametrize(("stamp", "ahead"), [(0, 4), (499, 0), (500, 4), (501, 4)])
def test_rule_15_a_decrease_absorbs_only_trades_stamped_not_after_it(stamp, ahead):
    p = pair()
    order_id = resting(p, "buy", 50, 99)
    p.depth([(99, 4)], [], 2, venue_ns=stamp)
    p.trade(99, 5, 3, buyer_is_maker=True, venue_ns=500)
    assert p.fast.queue_ahead(order_id) == ahead


def test_rule_15_ages_are_measured_on_the_venue_clock_s_running_maximum():
    p = pair()
    order_id = resting(p, "buy", 5, 99)
    p.depth([(99, 4)], [], MS)
    p.depth([(90, 1)], [], 152 * MS)
    assert filled(p.trade(99, 6, 100 * MS, buyer_is_maker=True)) == [(order_id, 2)]  # a late print; the decrease is forgotten


def test_rule_13_a_resync_ends_what_was_shown_and_not_traded():
    p = pair(bids=[(99, 10), (98, 1)], queue_model="power", queue_exponent=1.0)
    order_id = resting(p, "buy", 50, 99)
    p.depth([(99, 20)], [], 2)
    p.depth([(99, 17)], [], 3)
    p.desync()
    p.resync(4)
    ahead = p.fast.queue_ahead(order_id)
    p.trade(99, 2, 5, buyer_is_maker=True)  # not the trade of that decrease, so it explains the next one
    p.depth([(99, 15)], [], 6)
    assert p.fast.queue_ahead(order_id) == ahead - 2


def test_rule_13_a_resync_ends_what_was_traded_and_not_shown():
    p = pair(bids=[(99, 10), (98, 1)], queue_model="power")
    order_id = resting(p, "buy", 50, 99)
    p.depth([(99, 20)], [], 2)
    p.trade(99, 2, 3, buyer_is_maker=True)
    p.desync()
    p.resync(4)
    p.depth([(99, 16)], [], 5)  # all of it is a cancel
    assert p.fast.queue_ahead(order_id) == 8 - round(4 * (1 - 12**3 / (12**3 + 8**3)))


@pytest.mark.parametrize("model", MODELS[1:])
def test_rule_17_only_what_no_trade_explains_is_shared_by_the_model(model):
    p = pair(bids=[(99, 40), (98, 1)], queue_model=model, queue_exponent=1.0)
    order_id = resting(p, "buy", 99, 99)
    p.depth([(99, 100)], [], 2)
    p.trade(99, 10, 3, buyer_is_maker=True)
    p.depth([(99, 60)], [], 4)  # 10 of 40 were the trade; F = 30, back = 100 - 10 - 30
    back, front = 60, 30
    behind = {
        "log": math.log1p(back) / (math.log1p(back) + math.log1p(front)),
        "log2": math.log1p(back) / math.log1p(back + front),
    }.get(model, back / (back + front))
    assert p.fast.queue_ahead(order_id) == 30 - round((1 - behind) * 30 - min(back - behind * 30, 0))


def test_rule_17_the_credit_ends_with_the_decrease_it_was_given_for():
    p = pair(bids=[(99, 10), (98, 1)])
    order_id = resting(p, "buy", 50, 99)
    p.depth([(99, 6)], [], MS)  # credited 4
    p.depth([(99, 5)], [], 100 * MS)  # credited 1 more
    assert filled(p.trade(99, 1, 200 * MS, buyer_is_maker=True)) == []  # the first has expired; absorbed by the second
    assert p.fast.queue_ahead(order_id) == 5
    assert filled(p.trade(99, 7, 201 * MS, buyer_is_maker=True)) == [(order_id, 2)]


def test_more_stamps_than_a_ledger_holds_blur_ages_not_sums():
    p = pair(bids=[(99, 1000), (98, 1)])
    order_id = resting(p, "buy", 50, 99)
    for i in range(80):
        p.depth([(99, 999 - i)], [], 10 + i)
    assert p.fast.counters["ledger_merged"] == 16
    assert p.trade(99, 80, 200, buyer_is_maker=True) == []  # all 80 absorbed
    assert p.fast.queue_ahead(order_id) == 920
