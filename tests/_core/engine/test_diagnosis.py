"""What an engine says of itself: where a book's time went, and how near it came to trading (rule 32)."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine, closed_times, signal_reach, sync_times
from hft._core.trade.imbalance_strategy import ImbalanceStrategy
from hft.venues.binance.venues import SPOT as SPOT_PROTOCOL
from tests._core.small_market import MS, Market
from tests.oracle.sync_times import SyncTimes

BTC = Spec("BTCUSDT", tick="0.1", step="0.001")
START_MS = 1000


class Stream:
    """A stream that a test steers: an engine, and the naive account beside it."""

    def __init__(self) -> None:
        self.engine = Engine(BTC)
        self.now, self.u = START_MS * MS, 100
        self.up = self.synced = False
        self.engine.advance(self.now)
        self.naive = SyncTimes(self.now)

    def connect(self) -> None:
        self.engine.connect("BTCUSDT", self.now)
        self.naive.turn("no_rest_book", self.now)
        self.up, self.synced = True, False

    def disconnect(self) -> None:
        self.engine.disconnect("BTCUSDT", self.now)
        self.naive.turn("disconnected", self.now)
        self.up = self.synced = False

    def give_up(self) -> None:
        self.engine.resync("BTCUSDT", self.now)
        if self.up:
            self.naive.turn("given_up", self.now)
            self.synced = False

    def find(self) -> None:
        """A REST book, and the update that continues it."""
        if not self.up or self.synced:
            return
        self.u += 10
        self.engine.on_snapshot("BTCUSDT", self.u, [("100.0", "5")], [("100.1", "5")], self.now)
        self._depth(self.u)
        self.naive.turn("", self.now)
        self.synced = True

    def gap(self) -> None:
        if self.synced:
            self.u += 5
            self._depth(self.u - 2)
            self.naive.turn("gap", self.now)
            self.synced = False

    def close(self) -> None:
        self._rule(trading=False)

    def reopen(self) -> None:
        self._rule(trading=True)

    def _rule(self, *, trading: bool) -> None:
        self.engine.set_rules("BTCUSDT", self.now, tick="0.1", step="0.001", trading=trading)
        self.naive.close(not trading, self.now)

    def timer(self) -> None:
        self.engine.advance(self.now)

    def _depth(self, pu: int) -> None:
        self.u += 1
        stamp = self.now // MS
        self.engine.on_frame(msgspec.json.encode({
            "e": "depthUpdate", "E": stamp, "T": stamp, "s": "BTCUSDT", "U": self.u, "u": self.u, "pu": pu, "b": [], "a": [],
        }), self.now)


STEPS = ["connect", "disconnect", "give_up", "find", "gap", "close", "reopen", "timer"]


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5000)), max_size=40))
def test_every_moment_is_in_sync_or_has_one_cause(steps: list[tuple[str, int]]) -> None:
    stream = Stream()
    for step, after_ms in steps:
        stream.now += after_ms * MS
        getattr(stream, step)()
        assert stream.engine.synced("BTCUSDT") == stream.synced
    stream.timer()
    found = sync_times(stream.engine, "BTCUSDT")
    assert found == stream.naive.at(stream.now)
    in_sync_ns, longest_ns, causes = found
    assert in_sync_ns + sum(stood for _, stood, _ in causes.values()) == stream.now - START_MS * MS
    assert longest_ns <= in_sync_ns
    assert closed_times(stream.engine, "BTCUSDT") == stream.naive.not_traded(stream.now)


def test_before_the_first_input_there_is_no_time() -> None:
    assert sync_times(Engine(BTC), "BTCUSDT") == (0, 0, {})
    assert closed_times(Engine(BTC), "BTCUSDT") == (0, 0, 0)


def test_the_largest_imbalance_and_confidence_are_kept() -> None:
    engine = Engine(BTC, window_ms=100, strategy=ImbalanceStrategy(threshold=0.5, min_confidence=0.9))
    assert signal_reach(engine, "BTCUSDT") == (0.0, 0.5, 0.0, 0.9, 100 * MS, 0)
    market = Market(engine)
    market.lean("7", "5", 50)
    largest, *_ = signal_reach(engine, "BTCUSDT")
    assert largest == pytest.approx(2 / 12)
    market.lean("5", "9", 50)
    assert signal_reach(engine, "BTCUSDT")[:3] == (pytest.approx(4 / 14), 0.5, 0.0)
    market.lean("40", "5", 70)      # the threshold, for seven tenths of the window
    largest, _, surest, *_ = signal_reach(engine, "BTCUSDT")
    assert largest == pytest.approx(35 / 45)
    assert surest == pytest.approx(0.7, abs=0.02)
    engine.resync("BTCUSDT", market.now)
    assert signal_reach(engine, "BTCUSDT")[0] == largest


def test_what_spot_can_t_sell_is_counted() -> None:
    engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001", instrument="spot"), sync=SPOT_PROTOCOL.sync, window_ms=100,
                    strategy=ImbalanceStrategy(min_confidence=0.5))
    market = Market(engine)
    market.lean("1", "50", 300)
    assert engine.counters()["signals"] > 0
    assert (engine.counters()["orders"], engine.position("BTCUSDT")) == (0, Decimal(0))
    assert signal_reach(engine, "BTCUSDT")[-1] > 0
