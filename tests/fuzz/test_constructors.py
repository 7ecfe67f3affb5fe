"""Every public class, built from whatever there is, and a few of its methods called with as much: an exception that Python knows,
never a crash, never memory that is not its own (`python -m tests.fuzz.constructors` runs this with the sanitizers)."""

from __future__ import annotations

import contextlib
import inspect
import math
import mmap
import os
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hft._core.base.histogram import Histogram
from hft._core.base.intent import OrderIntent
from hft._core.base.ring import Ring
from hft._core.base.runclock import RunClock
from hft._core.base.symbols import Symbols
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine, replay, replay_events
from hft._core.engine.events import EventEncoder
from hft._core.engine.params import DEFAULTS
from hft._core.execution.broker import PaperBroker
from hft._core.execution.capacity import worst_cases
from hft._core.market.book import OrderBook
from hft._core.market.clock import VenueClock
from hft._core.market.features import FeatureBuffer
from hft._core.market.snapshot import MarketSnapshot
from hft._core.market.sync import Synchronizer
from hft._core.record.journal import Journal, records, sound
from hft._core.record.page import StatePage
from hft._core.record.runlog import RunLog
from hft._core.trade.imbalance import ImbalanceDecision
from hft._core.trade.imbalance_strategy import ImbalanceStrategy
from hft._core.trade.orders import OrderManager
from hft._core.trade.position import PositionManager
from hft._core.trade.quoter_strategy import QuoterStrategy
from hft._core.trade.risk import RiskValidator
from hft._core.trade.signal import ImbalanceSignal, Signal
from hft._core.wire.decode import Decoder
from hft._core.wire.sink import FrameCounter, FrameSink, deliver

EXAMPLES = int(os.environ.get("HFT_FUZZ_EXAMPLES", "40"))

# What a program may be given by mistake. No capacity that is allowed and large is among it: gigabytes are no mistake to be found.
INTS = [-(2**64), -(2**63) - 1, -(2**63), -(2**31) - 1, -(2**31), -1, 0, 1, 2, 3, 5, 64, 1000, 4096, 2**31 - 1, 2**31, 2**32,
        2**62, 2**63 - 1, 2**63, 2**64, 10**30, 10**5000]  # fmt: skip
FLOATS = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e-9, 0.3, 1.0, 7.0, 1e16, 1e300]
NUMPY = [np.int8(-1), np.int64(5), np.uint64(2**64 - 1), np.float32(0.5), np.float64(math.nan), np.longdouble(1), np.bool_(True),
         np.array(5), np.array([1, 2]), np.str_("buy"), np.datetime64("NaT")]  # fmt: skip
TEXTS = ["", "0", "1", "0.5", "-1", "61800.1", "1e16", "1e999999999", "nan", "x" * 10_000, "\x00", "ü", "\ud800", "BTCUSDT",
         "buy", "binance-usdm", "9" * 5000]  # fmt: skip
OTHERS = [None, True, False, b"", b"x" * 200, bytearray(4096), [], [1], (), {}, {"BTCUSDT": 1}, object(), Decimal("1e16"),
          Decimal("sNaN"), Decimal("-Infinity"), Decimal("1e-999999"), [("61800.1", "1")], [("x", "y")]]  # fmt: skip
ANY = st.one_of(*map(st.sampled_from, (INTS, FLOATS, NUMPY, TEXTS, OTHERS)), st.integers(), st.floats())

SPEC = Spec("BTCUSDT", tick="0.1", step="0.001")
SPOT = Spec("ETHUSDT", tick="0.01", step="0.0001", instrument="spot")
ALLOWED = (ValueError, TypeError, OverflowError, ArithmeticError, LookupError, AttributeError, BufferError, MemoryError,
           RuntimeError, OSError)  # fmt: skip
UNBOUNDED = {"drive_trades", "drive_book_tickers"}           # they do a thing as often as they are told to
FRAME = b'{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":2,"u":2,"pu":1,"b":[["1.0","1"]],"a":[["1.1","1"]]}'
SPECS = st.sampled_from([SPEC, [SPEC], [SPEC, SPOT], Symbols(SPEC), [SPEC] * 2, [], [SPEC] * 70])


def given_some(names: list[str]):
    """Some of these keyword arguments, each whatever there is."""
    return st.dictionaries(st.sampled_from(names), ANY, max_size=3)


def keywords(kind: type) -> list[str]:
    """What a constructor takes, as its docstring names it."""
    return {
        Spec: ["tick", "step", "instrument", "quantum", "quote", "min_qty", "max_qty", "min_notional", "contract", "maker_fee",
               "taker_fee", "fee_asset"],
        OrderBook: ["window_ticks", "far_levels"],
        FeatureBuffer: ["window_ms", "capacity", "imbalance_levels", "depth_levels"],
        ImbalanceSignal: ["threshold", "min_confidence", "window_ms", "decay_ms", "holding_ms", "capacity"],
        PaperBroker: ["entry_latency_ms", "response_latency_ms", "max_feed_delay_ms", "queue_model", "queue_exponent",
                      "max_orders", "max_commands"],
        RiskValidator: ["max_position_size", "max_order_size", "max_notional_exposure", "max_orders_per_second", "max_loss",
                        "max_drawdown", "price_collar_bps", "stale_ms", "capital"],
        Engine: [*DEFAULTS, "strategy", "accounts", "run", "kill", "page", "journal", "log", "replayed", "trading", "fallback"],
    }[kind]  # fmt: skip


def trader(**limits):
    specs = [SPEC, SPOT]
    return RiskValidator(OrderManager(specs), PositionManager(specs), **limits)


def an_engine(settings_, specs, own):
    if "journal" in own:
        settings_["journal"] = Journal(2000)
    if "page" in own:
        settings_["page"] = StatePage.create(None, [SPEC])
    if "log" in own:
        settings_["log"] = RunLog(1 << 16)
    engine = Engine(specs, **settings_)
    engine.connect("BTCUSDT", 1)
    engine.on_snapshot("BTCUSDT", 1, [("1.0", "1")], [("1.1", "1")], 1, 0, b"{}")
    for n in range(3):
        engine.on_frame(FRAME.replace(b"2", b"%d" % (2 + n)), 2 + n)
    return engine


BUILDERS = {
    "Spec": st.builds(lambda a, k: Spec(a, **{"tick": "0.1", "step": "0.001", **k}), ANY, given_some(keywords(Spec))),
    "Symbols": st.builds(Symbols, st.one_of(SPECS, ANY)),
    "OrderBook": st.builds(lambda k: OrderBook(SPEC, **k), given_some(keywords(OrderBook))),
    "FeatureBuffer": st.builds(lambda k: FeatureBuffer(SPEC, **k), given_some(keywords(FeatureBuffer))),
    "ImbalanceSignal": st.builds(lambda k: ImbalanceSignal(**k), given_some(keywords(ImbalanceSignal))),
    "Signal": st.builds(Signal, ANY, ANY, ANY),
    "ImbalanceDecision": st.builds(
        lambda k: ImbalanceDecision(SPEC, **{"max_position_size": "1", **k}),
        given_some(["max_position_size", "order_size_fraction", "max_order_size", "holding_ms"]),
    ),
    "ImbalanceStrategy": st.builds(
        lambda k: ImbalanceStrategy(**k), given_some(["threshold", "min_confidence", "decay_ms", "holding_ms", "entry_qty"])
    ),
    "QuoterStrategy": st.builds(
        lambda k: QuoterStrategy(**k), given_some(["qty", "distance_ticks", "tolerance_ticks", "max_position", "retry_ms"])
    ),
    "PaperBroker": st.builds(
        lambda k: PaperBroker(SPEC, OrderBook(SPEC, window_ticks=256), **k), given_some(keywords(PaperBroker))
    ),
    "OrderManager": st.builds(lambda specs, k: OrderManager(specs, **k), st.one_of(SPECS, ANY), given_some(["run", "capacity"])),
    "OrderIntent": st.builds(
        lambda a, k: OrderIntent(SPEC, *a, **k), st.tuples(ANY, ANY, ANY), given_some(["type", "tif", "reduce_only"])
    ),
    "PositionManager": st.builds(PositionManager, st.one_of(SPECS, ANY)),
    "RiskValidator": st.builds(lambda k: trader(**k), given_some(keywords(RiskValidator))),
    "Synchronizer": st.builds(lambda k: Synchronizer(**k), given_some(["rules", "capacity_levels"])),
    "VenueClock": st.builds(VenueClock),
    "RunClock": st.builds(RunClock, ANY),
    "Histogram": st.builds(Histogram),
    "Ring": st.builds(lambda a, m: Ring(*a, memory=m), st.tuples(ANY, ANY), st.one_of(st.none(), ANY)),
    "Ring in a mapping": st.builds(lambda a: Ring(*a, memory=mmap.mmap(-1, 4096)), st.tuples(ANY, ANY)),
    "Journal": st.builds(lambda a, k: Journal(a, **k), ANY, given_some(["run", "memory"])),
    "Journal in a mapping": st.builds(
        lambda image, n: Journal(n, memory=_mapping(image)), st.binary(max_size=400), st.integers(1, 4)
    ),
    "RunLog": st.builds(RunLog, ANY),
    "MarketSnapshot": st.builds(MarketSnapshot, st.one_of(st.none(), ANY), ANY),
    "StatePage": st.builds(
        lambda specs, k: StatePage.create(None, specs, **k), st.one_of(SPECS, ANY),
        given_some(["run", "run_id", "strategy", "venue", "build", "start_ns", "monotonic_ns"]),
    ),
    "Decoder": st.builds(Decoder, st.one_of(SPECS, ANY)),
    "EventEncoder": st.builds(EventEncoder, st.one_of(SPECS, ANY), ANY),
    "FrameCounter": st.builds(FrameCounter),
    "FrameSink": st.builds(FrameSink),
    "Engine": st.builds(
        an_engine, given_some(keywords(Engine)), st.one_of(SPECS, ANY), st.sets(st.sampled_from(["journal", "page", "log"]))
    ),
}  # fmt: skip


def _mapping(image: bytes) -> mmap.mmap:
    memory = mmap.mmap(-1, 4096)
    memory[: len(image)] = image
    memory[:8] = b"HFTJRNL\0"[:8] if len(image) % 2 else memory[:8]
    return memory


def in_a_line(error: BaseException) -> None:
    """What a constructor says about a value is short, whatever the value."""
    if isinstance(error, ValueError) and not isinstance(error, UnicodeError):
        assert len(str(error)) < 1000, str(error)[:2000]
        assert "\n" not in str(error)


def call(draw, subject: object) -> None:
    """One of its methods or properties, with whatever it takes."""
    names = [name for name in dir(subject) if not name.startswith("_") and name not in UNBOUNDED]
    name = draw(st.sampled_from(names))
    method = getattr(subject, name)
    if not callable(method):
        return
    try:
        parameters = list(inspect.signature(method).parameters.values())
    except (ValueError, TypeError):
        parameters = []
    values, named = [], {}
    for each in parameters:
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            continue
        if each.default is not each.empty and draw(st.booleans()):
            continue
        value = draw(USUAL.get(each.name, ANY) if draw(st.booleans()) else ANY)
        if each.kind is each.KEYWORD_ONLY:
            named[each.name] = value
        else:
            values.append(value)
    method(*values, **named)


# What a method may take in earnest, so that calls get beyond its first line.
USUAL = {
    "symbol": st.just("BTCUSDT"), "spec": st.just(SPEC), "price": st.sampled_from(["61800.1", "1.0"]), "qty": st.just("0.5"),
    "now": st.integers(0, 2**62), "now_ns": st.integers(0, 2**62), "v_ns": st.integers(0, 2**62),
    "side": st.sampled_from(["buy", "sell", "bid"]), "frame": st.just(FRAME), "bids": st.just([("1.0", "1")]),
    "asks": st.just([("1.1", "1")]), "sent_ns": st.integers(0, 2**62),
    "intent": st.builds(lambda: OrderIntent(SPEC, "buy", "0.5", "1.0")), "n": st.integers(0, 5), "limit": st.integers(0, 5),
}  # fmt: skip


@pytest.mark.parametrize("name", BUILDERS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_nothing_that_is_given_to_it_can_break_it(name: str, data: st.DataObject) -> None:
    try:
        subject = data.draw(BUILDERS[name])
    except ALLOWED as error:
        return in_a_line(error)
    for _ in range(data.draw(st.integers(0, 8))):
        with contextlib.suppress(*ALLOWED):
            call(data.draw, subject)
    return None


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ANY, min_size=6, max_size=6))
def test_nothing_that_is_given_to_a_function_can_break_it(values: list[object]) -> None:
    engine = Engine(SPEC)
    for function, fixed in (
        (replay, [engine]), (replay_events, [engine]), (deliver, [FrameCounter()]), (records, []), (sound, []),
        (worst_cases, []),
    ):
        for n in range(4):
            with contextlib.suppress(*ALLOWED):
                function(*fixed, *values[:n])


def test_numbers_of_numpy_are_numbers() -> None:
    engine = Engine(
        SPEC, fill_log=np.int64(8), window_ms=np.uint16(100), max_position=np.float64(2),
        strategy=ImbalanceStrategy(threshold=np.float32(0.5)),
        run=np.int32(3),
    )
    assert engine.trades == []
    assert OrderBook(SPEC, window_ticks=np.int64(1024)).best_bid is None
    assert FeatureBuffer(SPEC, window_ms=np.float64(10), capacity=np.int16(100)).shortened == 0


@pytest.mark.parametrize(("setting", "value", "states"), [
    ("fill_log", 0, "fill_log 0 must be a whole number from 1 to 16777216"),
    ("book_window_ticks", 1 << 20, "book_window_ticks 1048576 must be a whole number from 256 to 262144"),
    ("book_window_ticks", 1000, "book_window_ticks 1000 must be a power of two from 256 to 262144"),
    ("window_ms", -1, "window_ms -1 must be above 0"),
    ("max_position", "0.0001", "max_position '0.0001' is less than BTCUSDT's step 0.001"),
    ("capital", "1e11", "capital '1e11' must be from 0 to 46116860184"),
    ("max_loss", math.nan, "max_loss nan must be a finite number"),
    ("max_open_orders", True, "max_open_orders True must be a whole number"),
    ("trade_source", "both", "trade_source 'both' must be one of trade, aggTrade"),
    ("max_order", 10**5000, "max_order a whole number of 16610 bits must be a finite number"),
    ("run", 0, "run 0 must be a whole number from 1 to 2147483647"),
    ("kill", "because", "kill 'because' must be one of"),
], ids=lambda each: "long" if isinstance(each, int) and each > 2**64 else None)  # fmt: skip
def test_an_engine_names_the_argument_at_fault(setting: str, value: object, states: str) -> None:
    with pytest.raises(ValueError) as caught:
        Engine(SPEC, **{setting: value})
    assert states in str(caught.value)


@pytest.mark.parametrize("limit", ["max_loss", "max_drawdown", "max_notional", "max_position", "max_order"])
def test_a_limit_beyond_what_can_be_counted_is_none(limit: str) -> None:
    """A plausible "no limit": the largest that there is takes its place, and no order meets it."""
    for value in ("1e11", 1e16, 10**25):
        assert Engine(SPEC, **{limit: value}).now_ns == 0


def test_an_engine_may_outlive_its_page() -> None:
    page = StatePage.create(None, [SPEC])
    engine = Engine(SPEC, page=page)
    page.close()
    engine.advance(5)
    assert engine.now_ns == 5


def test_a_page_of_other_symbols_is_refused() -> None:
    with pytest.raises(ValueError, match="page: it has 1 symbols, the engine 2"):
        Engine([SPEC, Spec("ETHUSDT", tick="0.01", step="0.001")], page=StatePage.create(None, [SPEC]))
