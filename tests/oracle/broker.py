"""The fill simulator, naively: SEMANTICS 3–5, 8–14, 16 and 25 word for word, in dicts, lists and plain integers.

No capacities, no shortcuts: every lookup is a scan. Prices are ticks, quantities quanta.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from tests.oracle.book import ASK, BID, NaiveBook
from tests.oracle.queue import Ledgers, QueueModel

SIGN = {"buy": 1, "sell": -1}
OWN = {"buy": BID, "sell": ASK}
OPPOSITE = {"buy": ASK, "sell": BID}


class View(NaiveBook):
    """The book as seen (rule 7), with a walk over its prices; the base is sorted once per depth message."""

    ordered = None

    def apply(self, bids, asks, update_id):
        self.ordered = None
        return super().apply(bids, asks, update_id)

    def whole(self, bids, asks, update_id, levels=0):
        self.ordered = None
        return super().whole(bids, asks, update_id, levels)

    def prices(self, side):
        """Occupied prices, best first."""
        if self.ordered is None:
            self.ordered = {s: [price for price, _ in self.base_levels(s)] for s in (BID, ASK)}
        touch = self.overlay[1][side][0] if self.overlay else None
        if touch and touch not in self.base[side] and self.qty(side, touch):
            yield touch
        for price in self.ordered[side]:
            if self.qty(side, price):
                yield price


@dataclass
class Order:
    order_id: int
    side: str
    price: int
    leaves: int
    arrived: int
    reduce_only: bool
    front: float        # F; infinite: not known
    filled: int         # in all
    credited: int = 0   # g


def half_even(fraction):
    return round(fraction)      # of a Fraction: exact, ties to even


class OracleBroker:
    def __init__(self, view, *, lot=1, tick_size=1, quantum=1, maker_fee=0, taker_fee=0, fee_received=False, entry_ns=20_000_000,
                 response_ns=5_000_000, max_feed_delay_ns=50_000_000, model="risk_averse", exponent=3.0):
        self.view = view
        self.lot, self.tick_size, self.quantum = lot, Fraction(tick_size), Fraction(quantum)
        self.maker_fee, self.taker_fee, self.fee_received = Fraction(maker_fee), Fraction(taker_fee), fee_received
        self.entry_ns, self.response_ns, self.max_feed_delay_ns = entry_ns, response_ns, max_feed_delay_ns
        self.model = QueueModel(model, exponent, float(self.quantum))
        self.orders = []            # in the order in which they came to rest
        self.levels = {}            # (book side, price) -> Ledgers, while an own order rests there
        self.used = {}              # (book side, price) -> [used, displayed]
        self.commands = []
        self.last_due = 0
        self.last_reported = 0
        self.clock = 0
        self.position = 0
        self.synced = True
        self.quoted = view.mid() is not None    # both sides of it, as last seen
        self.trade_ids = {"trade": -1, "aggTrade": -1}
        self.agg_until = 0
        self.reports = []

    # ---- rules 3 to 5

    def submit(self, order_id, side, qty, price, *, sent, market=False, tif="gtc", reduce_only=False):
        self._send({"kind": "new", "id": order_id, "side": side, "qty": qty, "price": price, "market": market,
                    "tif": "ioc" if market else tif, "reduce_only": reduce_only}, sent)

    def amend(self, order_id, side, qty, price, *, sent, tif="gtc", reduce_only=False):
        self._send({"kind": "amend", "id": order_id, "side": side, "qty": qty, "price": price, "market": False, "tif": tif,
                    "reduce_only": reduce_only}, sent)

    def cancel(self, order_id, *, sent):
        self._send({"kind": "cancel", "id": order_id}, sent)

    def _send(self, command, sent):
        self.last_due = command["due"] = max(self.last_due, sent + self.entry_ns)
        self.commands.append(command)

    def arrivals(self, v):
        while self.commands and self.commands[0]["due"] < v:
            self._effect(self.commands.pop(0))
        return self._drain(v)

    def timers(self, now):
        while self.commands and self.commands[0]["due"] + self.max_feed_delay_ns <= now:
            self._effect(self.commands.pop(0))
        return self._drain(now)

    def _drain(self, now):
        """The reports so far, each with the time at which the trader hears of it: in their order, whatever their stamps say."""
        out, self.reports = self.reports, []
        for n, (*report, when) in enumerate(out):
            self.last_reported = max(self.last_reported, now, when + self.response_ns)
            out[n] = (*report, when, self.last_reported)
        return out

    def _report(self, kind, order_id, side, leaves, when, reason="", price=0, qty=0, fee=0, base=False, maker=False):
        self.reports.append((kind, order_id, side, price, qty, leaves, fee, "base" if base else "quote", maker,
                             not (self.synced and self.quoted), reason, when))

    # ---- rules 8 and 9, 25

    def _reachable(self, side, limit, want, lot):
        """[(price, quantity)] that a taker of `want` gets from book side `side` at `limit` (0: any) or better."""
        out = []
        if not self.synced:
            return out
        for price in self.view.prices(side):
            if limit and (price > limit if side == ASK else price < limit):
                break
            available = max(0, self.view.qty(side, price) - self.used.get((side, price), [0])[0])
            qty = min(want, available) // lot * lot
            if qty:
                out.append((price, qty))
                want -= qty
            if want == 0:
                break
        return out

    def _use(self, side, taken):
        for price, qty in taken:
            entry = self.used.setdefault((side, price), [0, 0])
            entry[0] += qty
            entry[1] = self.view.qty(side, price)

    def _fill(self, order_id, side, price, qty, leaves, maker, when):
        rate = self.maker_fee if maker else self.taker_fee
        base = self.fee_received and side == "buy"
        value = qty * self.quantum if base else qty * self.quantum * price * self.tick_size
        self.position += SIGN[side] * qty
        self._report("fill", order_id, side, leaves, when, price=price, qty=qty, fee=half_even(value * rate * 10**8), base=base,
                     maker=maker)

    def _room(self, side, reduce_only, qty):
        return min(qty, max(0, -SIGN[side] * self.position)) if reduce_only else qty

    def _effect(self, c):
        if c["kind"] == "cancel":
            self._cancel(c)
        elif c["kind"] == "amend":
            self._amend(c)
        else:
            self._enter(c, c["qty"], 0, "accepted", "rejected")
        self._sweep(c["due"])

    def _cancel(self, c):
        order = next((o for o in self.orders if o.order_id == c["id"]), None)
        if order is None:
            self._report("cancel_rejected", c["id"], None, 0, c["due"], "unknown_order")
        else:
            self._report("canceled", c["id"], order.side, order.leaves, c["due"], "user_cancel")
            self._remove(order)

    def _amend(self, c):
        order = next((o for o in self.orders if o.order_id == c["id"]), None)
        if order is None:
            self._report("amend_rejected", c["id"], None, 0, c["due"], "unknown_order")
        elif c["qty"] % self.lot:
            self._report("amend_rejected", c["id"], None, order.leaves, c["due"], "venue_rules")
        elif c["qty"] <= order.filled:
            self._report("canceled", c["id"], order.side, order.leaves, c["due"], "amend_filled")
            self._remove(order)
        elif c["price"] == order.price and c["qty"] - order.filled <= order.leaves:
            order.leaves = c["qty"] - order.filled
            self._report("amended", c["id"], order.side, order.leaves, c["due"])
        else:
            self._remove(order)
            self._enter(c, c["qty"] - order.filled, order.filled, "amended", "canceled")

    def _enter(self, c, qty, filled, let_in, refused):
        order_id, side, due = c["id"], c["side"], c["due"]
        want = self._room(side, c["reduce_only"], qty)
        if want == 0:
            self._report(refused, order_id, side, qty, due, "venue_reduce_only")
            return
        if c["tif"] == "post_only" and self._reachable(OPPOSITE[side], c["price"], 1, 1):
            self._report(refused, order_id, side, qty, due, "post_only_would_cross")
            return
        taken = self._reachable(OPPOSITE[side], c["price"], want, self.lot) if self.quoted else []      # rule 7a
        total = sum(q for _, q in taken)
        self._report(let_in, order_id, side, qty, due)
        if c["tif"] == "fok" and total < qty:
            self._report("expired", order_id, side, qty, due, "fok_unfilled")
            return
        self._use(OPPOSITE[side], taken)
        leaves = qty
        for price, part in taken:
            leaves -= part
            self._fill(order_id, side, price, part, leaves, False, due)
        if leaves == 0:
            return
        if c["tif"] in ("gtc", "post_only"):
            self._rest(order_id, side, c["price"], leaves, due, c["reduce_only"], filled + qty - leaves)
        elif want < qty and total == want:
            self._report("expired", order_id, side, leaves, due, "venue_reduce_only")
        elif c["market"] and total == 0:
            self._report("expired", order_id, side, leaves, due, "no_liquidity")
        else:
            self._report("expired", order_id, side, leaves, due, "ioc_rest")

    # ---- resting: rules 10 to 13

    def _front(self, side, price):
        """Rule 14."""
        if not self.synced:
            return math.inf
        book_side = OWN[side]
        if self.view.qty(book_side, price) == 0:
            if not self.view.known(book_side, price):
                return math.inf
            if book_side in self.view.edge:
                return 0
            worst = ([price] + list(self.view.prices(book_side)))[-1]
            if price < worst if side == "buy" else price > worst:
                return math.inf
        return self.view.qty(book_side, price)

    def _rest(self, order_id, side, price, leaves, due, reduce_only, filled):
        key = (OWN[side], price)
        if key not in self.levels:
            self.levels[key] = Ledgers(self.view.qty(*key) if self.synced else 0)
        self.orders.append(Order(order_id, side, price, leaves, due, reduce_only, self._front(side, price), filled))

    def _remove(self, order):
        self.orders.remove(order)
        if not any(o.side == order.side and o.price == order.price for o in self.orders):
            del self.levels[OWN[order.side], order.price]

    def _ranked(self, side):
        """Own orders of one side by price, then time."""
        return sorted((o for o in self.orders if o.side == side), key=lambda o: -SIGN[side] * o.price)

    def _at(self, key):
        return [o for o in self.orders if (OWN[o.side], o.price) == key]

    def _fill_resting(self, order, qty, when):
        order.leaves -= qty
        order.filled += qty
        self._fill(order.order_id, order.side, order.price, qty, order.leaves, True, max(when, order.arrived))
        if order.leaves == 0:
            self._remove(order)

    def _sweep(self, when):
        """Reduce-only orders with nothing left to reduce."""
        for order in self._ranked("buy") + self._ranked("sell"):
            if not order.reduce_only or self._room(order.side, True, order.leaves):
                continue
            self._report("expired", order.order_id, order.side, order.leaves, max(when, order.arrived), "venue_reduce_only")
            self._remove(order)

    def _new_volume(self, trade_id, aggregate, venue_ns):
        """Rule 10: one source, each id once."""
        kind = "aggTrade" if aggregate else "trade"
        if aggregate and self.trade_ids["trade"] >= 0:
            return False
        if trade_id <= self.trade_ids[kind]:
            return False
        self.trade_ids[kind] = trade_id
        if aggregate:
            self.agg_until = max(self.agg_until, venue_ns)
            return True
        return not (self.agg_until and venue_ns <= self.agg_until)

    def trade(self, price, qty, *, buyer_is_maker, v, trade_id, venue_ns=0, market=True, aggregate=False):
        out = self.arrivals(v)
        self.clock = max(self.clock, v)
        if self._new_volume(trade_id, aggregate, venue_ns) and market:
            side = "buy" if buyer_is_maker else "sell"
            for order in self._ranked(side):
                through = SIGN[side] * (order.price - price) > 0
                part = min(qty, self._room(side, order.reduce_only, order.leaves)) // self.lot * self.lot
                if through and v >= order.arrived and part:
                    qty -= part
                    self._fill_resting(order, part, v)
            if self.synced and qty and (OWN[side], price) in self.levels:
                self._queue((OWN[side], price), qty, v, venue_ns)
            self._sweep(v)
        return out + self._drain(v)

    def _queue(self, key, r0, v, venue_ns):
        """Rule 16, what becomes of the orders: first come, first served."""
        r, a = self.levels[key].on_trade(r0, self._at(key), self.clock, venue_ns)
        ahead = 0
        for order in self._at(key):
            fill = 0
            if v >= order.arrived and order.front != math.inf:
                volume = r + max(0, a - order.credited) - ahead
                fill = min(self._room(order.side, order.reduce_only, order.leaves), max(0, volume - order.front))
                fill = fill // self.lot * self.lot
                order.front = max(0, order.front - volume)
            order.credited = max(0, order.credited - a)
            if fill:
                ahead += fill
                self._fill_resting(order, fill, v)

    # ---- the view: rules 9, 12, 13

    def book_changed(self, v, venue_ns=0, crossed=False):
        self.clock = max(self.clock, v)
        if not self.synced:
            return []
        self.quoted = self.view.mid() is not None
        for (side, price), entry in list(self.used.items()):
            shown = self.view.qty(side, price)
            if not shown and not self.view.known(side, price):
                continue
            if shown < entry[1]:
                entry[0] = min(entry[0], shown)
            entry[1] = shown
        if not crossed:
            self._cross("buy", v)
            self._cross("sell", v)
        for key in list(self.levels):
            new = self.view.qty(*key)
            self._reveal(key, new)
            if not new and not self.view.known(*key):
                self.levels[key].waits = True
            elif self.levels[key].waits:
                self.levels[key].shown_again(new, self._at(key))
            elif new != self.levels[key].displayed:
                self.levels[key].on_change(new, self._at(key), self.clock, venue_ns, self.model)
        self._sweep(v)
        return self._drain(v)

    def _cross(self, side, v):
        """Rule 12."""
        for order in self._ranked(side):
            taken = self._reachable(OPPOSITE[side], order.price, self._room(side, order.reduce_only, order.leaves), self.lot)
            if taken:
                self._use(OPPOSITE[side], taken)
                self._fill_resting(order, sum(q for _, q in taken), v)

    def _reveal(self, key, new):
        """Rule 14: the first quantity shown; 0 once the price is inside the spread."""
        side, price = key
        best = next(self.view.prices(side), None)
        inside = best is not None and (price > best if side == BID else price < best)
        empty = self.view.known(side, price) and (inside or side in self.view.edge)
        if new or empty:
            for order in self._at(key):
                order.front = new if order.front == math.inf else order.front

    def desync(self):
        self.synced = False

    def resync(self, v, crossed=False):
        self.clock = max(self.clock, v)
        self.synced = True
        self.quoted = self.view.mid() is not None
        for (side, price), entry in self.used.items():
            entry[1] = self.view.qty(side, price)
            entry[0] = min(entry[0], entry[1])
        if not crossed:
            self._cross("buy", v)
            self._cross("sell", v)
        for key, level in self.levels.items():
            level.displayed = self.view.qty(*key)
            level.waits = False
            level.traded.clear()
            level.shown.clear()
            for order in self._at(key):
                order.credited = 0
                order.front = min(order.front, self._front(order.side, order.price))
        self._sweep(v)
        return self._drain(v)
