"""Sessions of one symbol for a `BrokerPair`: actions as hypothesis draws them, and what plays them."""

from hypothesis import strategies as st

from hft._core.base.types import Spec
from tests._core.broker_pair import MS, BrokerPair

SPECS = {
    "linear": Spec("UNIT", tick=1, step=1, maker_fee="0.00012345", taker_fee="0.00054321"),
    "spot": Spec("SPOT", tick="0.5", step="0.003", quantum="0.001", instrument="spot", maker_fee="-0.00001", taker_fee="0.001",
                 fee_asset="received"),
}  # fmt: skip
MODELS = ("risk_averse", "log", "log2", "power", "power2", "power3")

# A narrow band of prices and small quantities; most market data aims at a level where an own order rests.
PRICE = st.integers(94, 106)
SIDE = st.sampled_from(["buy", "sell"])
STEP = st.sampled_from([0, 1, 3 * MS, 3 * MS, 21 * MS, 80 * MS])  # between one input and the next
STAMP = st.sampled_from([None, 0, 0, -2 * MS])  # of the exchange: none, as v, or older
LEVELS = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 12)), max_size=4)  # distance from the middle, quantity
MIDDLE = st.integers(97, 103)
RARELY = st.integers(0, 9).map(lambda n: n == 0)
WHICH = st.integers(0, 5)  # of the resting orders

AT_AN_ORDER = (
    st.tuples(st.just("trade"), STEP, WHICH, st.sampled_from([0, 0, 0, 1, 4]), st.integers(1, 20), STAMP, st.integers(0, 19)),
    st.tuples(st.just("level"), STEP, WHICH, st.integers(0, 15), STAMP),
)
ACTION = st.one_of(
    *AT_AN_ORDER * 3,
    st.tuples(st.just("depth"), STEP, MIDDLE, LEVELS, LEVELS, STAMP),
    st.tuples(st.just("book_ticker"), STEP, PRICE, st.integers(1, 12), st.integers(1, 3), st.integers(1, 12), STAMP),
    *[st.tuples(st.just("limit"), SIDE, PRICE, st.integers(1, 9), st.just("gtc"), RARELY)] * 3,
    st.tuples(st.just("limit"), SIDE, PRICE, st.integers(1, 9), st.sampled_from(["ioc", "fok", "post_only"]), st.booleans()),
    st.tuples(st.just("market"), SIDE, st.one_of(st.none(), PRICE), st.integers(1, 30), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(1, 12)),
    st.tuples(st.just("amend"), WHICH, st.integers(1, 12), st.one_of(st.just(0), PRICE), st.sampled_from(["gtc", "post_only"])),
    st.tuples(st.just("timers"), STEP),
    st.tuples(st.just("resync"), STEP, MIDDLE, LEVELS, LEVELS),
    st.tuples(st.sampled_from(["timers", "timers", "timers", "desync"]), STEP),
)


def around(middle, levels, sign):
    return [(middle + sign * distance, qty) for distance, qty in levels]


class Session:
    """Plays actions on a pair, keeping the book uncrossed as a venue's is.

    `now` never runs back. An event's v lies `behind` it, and goes back where that grows.
    """

    def __init__(self, spec, model, entry_latency_ms):
        self.spec = spec
        self.pair = BrokerPair(spec, entry_latency_ms=entry_latency_ms, queue_model=model, queue_exponent=2.0)
        self.pair.start([(98, 9), (97, 4), (95, 7)], [(102, 9), (103, 4), (105, 7)])
        self.now = 100 * MS
        self.behind = 0
        self.orders = 0

    @property
    def v(self):
        return self.now - self.behind

    def wander(self, behind):
        self.behind = behind

    def clear_of(self, middle, bids, asks):
        """A depth message: these levels, and whatever would cross them deleted."""
        base = self.pair.view.base
        bids = [(p, 0) for p in base["bid"] if p >= middle] + around(middle, bids, -1)
        asks = [(p, 0) for p in base["ask"] if p <= middle] + around(middle, asks, +1)
        return bids, asks

    def stamp(self, offset):
        return 0 if offset is None else self.v + offset

    def resting(self, which):
        """One of the resting orders; None when there is none."""
        orders = self.pair.slow.orders
        return orders[which % len(orders)] if orders else None

    def depth(self, step, middle, bids, asks, stamp):
        self.now += step
        self.pair.depth(*self.clear_of(middle, bids, asks), self.v, venue_ns=self.stamp(stamp))

    def level(self, step, which, qty, stamp):
        """The quantity at a resting order's price changes, if that crosses nobody."""
        order = self.resting(which)
        if order is None:
            return
        own, other = ("bid", "ask") if order.side == "buy" else ("ask", "bid")
        sign = 1 if own == "bid" else -1
        if qty and any(sign * (order.price - p) >= 0 for p in self.pair.view.base[other]):
            return
        self.now += step
        change = {own: [(order.price, qty)], other: []}
        self.pair.depth(change["bid"], change["ask"], self.v, venue_ns=self.stamp(stamp))

    def book_ticker(self, step, bid, bid_qty, spread, ask_qty, stamp):
        self.now += step
        self.pair.book_ticker(bid, bid_qty, bid + spread, ask_qty, self.v, venue_ns=self.stamp(stamp))

    def trade(self, step, which, through, qty, stamp, kind):
        """A print at a resting order's price, or `through` ticks beyond it; of some unusual kind now and then."""
        order = self.resting(which)
        if order is None:
            return
        price = order.price - through if order.side == "buy" else order.price + through
        self.now += step
        how = {"venue_ns": self.stamp(stamp), "market": kind != 2, "aggregate": kind == 3}
        if kind == 4:
            how["trade_id"] = max(1, self.pair.trade_id - 1)
        late = 25 * MS if kind == 1 else 0  # printed late: it may be older than an order
        self.pair.trade(price, qty, self.v - late, buyer_is_maker=order.side == "buy", **how)

    def limit(self, side, price, lots, tif, reduce_only):
        self.orders = self.pair.submit(side, lots * self.spec.lot, price, tif=tif, reduce_only=reduce_only, sent=self.now)

    def market(self, side, collar, lots, reduce_only):
        self.orders = self.pair.submit(side, lots * self.spec.lot, collar, market=True, reduce_only=reduce_only, sent=self.now)

    def amend(self, which, lots, price, tif):
        """Another quantity, another price for an order that rests; the same price now and then."""
        order = self.resting(which)
        if order is not None:
            self.pair.amend(order.order_id, order.side, lots * self.spec.lot, price or order.price, sent=self.now,
                            tif=tif, reduce_only=order.reduce_only)

    def cancel(self, back):
        if self.orders:
            self.pair.cancel(max(1, self.orders - back + 1), sent=self.now)

    def timers(self, step):
        self.now += step
        self.pair.timers(self.now)

    def desync(self, _):
        self.pair.desync()

    def resync(self, step, middle, bids, asks):
        self.now += step
        self.pair.arrivals(self.v)
        self.pair.snapshot(around(middle, bids, -1), around(middle, asks, +1), self.pair.view.base_id + 1)
        self.pair.resync(self.v)


def play(session, actions):
    for name, *arguments in actions:
        getattr(session, name)(*arguments)
    session.timers(200 * MS)
    assert session.pair.fast.next_due_ns is None
