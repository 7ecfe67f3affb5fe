"""Sessions to measure on, and how an operation is timed."""

import os
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.market.book import OrderBook
from hft._core.market.sync import SyncRules
from hft.bench import loops
from hft.bench.stream import Stream, record
from hft.config import Config
from hft.data.tape import Tape, load
from hft.exchange.generate import generate
from hft.run.wiring import build_engine
from hft.venues.registry import DEFAULT, PROTOCOLS

ROUNDS = 25
MESSAGES = 50_000

# As for the tests: the folder of recorded sessions is named by HFT_TEST_DATA, else it is `../shared/data` beside the checkout.
FOLDER = Path(os.environ.get("HFT_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
CAPTURES = {
    "spot BTCUSDT 2024-08-08": FOLDER / "captures/binance-spot/btcusdt_20240808.gz",
    "USD-M BTCUSDT 2024-08-08": FOLDER / "captures/binance-usdm/btcusdt_20240808.gz",
}
SESSIONS = ["generated", *(name for name, path in CAPTURES.items() if path.exists())]


class Session(NamedTuple):
    """A symbol and its recorded messages."""

    spec: Spec
    tape: Tape
    trades: str
    protocol: str

    def engine(self) -> Engine:
        """A new engine, before the session."""
        return build_engine(Config(), [self.spec], PROTOCOLS[self.protocol], trade_source=self.trades)

    def engine_after(self) -> Engine:
        """The engine after the session, to check a stage's result."""
        engine = self.engine()
        self.tape.run(engine)
        return engine


@lru_cache
def session(name: str) -> Session:
    if name == "generated":
        tape = Tape(generate("BTCUSDT", DEFAULT, seed=1, messages=MESSAGES), "BTCUSDT")
        return Session(Spec("BTCUSDT", tick="0.10", step="0.001"), tape, "trade", DEFAULT)
    tape, (spec,), trades, protocol = load([CAPTURES[name]], Config())
    return Session(spec, tape, trades, protocol)


def best_ns(loop: Callable[[], object], operations: int, answer: object) -> float:
    """Nanoseconds of one operation: the best of `ROUNDS` runs of a loop, each of which must give `answer`."""
    best = 0
    for _ in range(ROUNDS):
        begun = time.thread_time_ns()
        got = loop()
        took = time.thread_time_ns() - begun
        if got != answer:
            raise AssertionError(f"the loop gave {got!r}, not {answer!r}: it did not time the stage")
        best = min(best or took, took)
    return best / operations


class OnSessions:
    """A benchmark that runs once for each session."""

    params = (SESSIONS,)
    param_names = ("session",)
    unit = "ns"
    timeout = 300

    session: Session
    spec: Spec
    tape: Tape
    rules: SyncRules
    stream: Stream
    book: OrderBook

    def setup(self, name: str) -> None:
        self.session = session(name)
        self.spec, self.tape = self.session.spec, self.session.tape
        self.rules = PROTOCOLS[self.session.protocol].sync
        self.stream = record(self.spec, self.tape, self.rules)
        self.book = OrderBook(self.spec)
        loops.book(self.book, self.stream)
