"""An engine's side of a state page, driven by hand."""

import time

import pytest

from hft._core.base.types import Spec
from hft._core.record.journal import Journal
from hft._core.record.page import StatePage

BTC = Spec("BTCUSDT", tick="0.10", step="0.001")
ETH = Spec("ETHUSDT", tick="0.01", step="0.001")
SYNCED = 3


class Engine:
    """Writes what a healthy engine would have written, and lets a test change one thing of it."""

    def __init__(self, path, specs=(BTC, ETH), start_ns=1_790_000_000_000_000_000):
        self.start_ns, self.monotonic_ns = start_ns, time.monotonic_ns()
        self.page = StatePage.create(
            path, specs, run=7, run_id="20260921T141320Z-7", strategy="imbalance_v1", venue="sim-usdm", build="0.1.0",
            start_ns=start_ns, monotonic_ns=self.monotonic_ns,
        )  # fmt: skip
        self.n = len(specs)
        self.page.flag("running")
        self.totals()
        for i in range(self.n):
            self.view(i)
        self.beat()

    def now(self, ago_s=0.0):
        return self.start_ns + time.monotonic_ns() - self.monotonic_ns - round(ago_s * 1e9)

    def beat(self, ago_s=0.0):
        self.page.beat(self.now(ago_s))

    def totals(self, **fields):
        self.page.totals(**{"journal_capacity": 10_000, "connections": 1, **fields})

    def view(self, i, **fields):
        self.page.view(i, **{"sync_state": SYNCED, "connected": 1, "last_update_ns": self.now(), **fields})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "strategy.state"


@pytest.fixture
def engine(path):
    engine = Engine(path)
    yield engine
    engine.page.close()


def levels(spec, *pairs):
    """Ten levels as the view holds them, from decimal text."""
    rows = [{"price": spec.ticks(price), "qty": spec.quanta(qty)} for price, qty in pairs]
    return rows + [{"price": 0, "qty": 0}] * (10 - len(rows))


def busy(engine):
    """A morning's work on the page."""
    page = engine.page
    for kind, n in ((1, 700), (2, 6800), (3, 2300), (5, 2)):
        page.message(kind, n)
    page.count("signals", 120)
    page.count("orders", 40)
    page.count("fills", 30)
    page.count("maker_fills", 4)
    page.reject(38, 12)
    page.reject(16, 5)
    page.reject(-2)
    for ns in (90, 150, 300, 700, 1200, 4000, 30_000, 2_000_000):
        page.histogram("tick_to_trade").add(ns)
    page.histogram("features").add(80)
    page.channel(0, "market", 10_000, 2500, 3)
    engine.totals(
        realised=-150_000_000, unrealised=25_000_000, fees=100_000_000, pnl=-225_000_000, exposure=10**12, journal_used=5
    )
    features = dict.fromkeys(("volatility", "momentum", "imbalance", "depth_ratio", "ofi", "signed_volume", "intensity"), 0.25)
    features |= {"timestamp_ns": 1, "mid": 618001.5, "microprice": 618001.4, "spread_bps": 0.016, "valid": 1, "reserved": 0}
    engine.view(
        0,
        position=250,
        n_bids=2,
        n_asks=1,
        bids=levels(BTC, ("61800.1", "2.5"), ("61800.0", "1")),
        asks=levels(BTC, ("61800.2", "0.75")),
        realised=-150_000_000,
        unrealised=25_000_000,
        fees=100_000_000,
        mark2=1236003,
        has_signal=1,
        signal_strength=0.62,
        signal_confidence=0.8,
        open_orders=2,
        resyncs=1,
        features=features,
    )
    page.market(0, best_bid=618001, best_ask=618002, mid2=1236003, spread_bps=16)
    journal = Journal(8, run=7)
    order = (7 << 32) + 41
    journal.append_order(ts_ns=1, order_id=order, side=1, type=0, tif=1, price=618003, qty=250, leaves=250, status=1)
    journal.append_fill(ts_ns=2, order_id=order, side=1, price=618002, qty=250, maker=0)
    journal.append_order(ts_ns=3, order_id=order + 1, side=-1, price=618001, qty=250, leaves=0, status=7, reason=38)
    batch = journal.drain(8)
    for i in range(3):
        page.recent(batch[128 * i : 128 * (i + 1)])
