"""What goes wrong, and what happens: one row a case, seen by the engine and its feed on real sockets.

``python -m tests.trading.fault_table`` runs the cases, prints the table and writes it into docs/faults.md.
tests/trading/test_fault_cases.py runs each case and holds the page to what it saw.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from hft._core.base.runclock import RunClock
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft.net.feed import Feed
from hft.net.line import Timing
from hft.run.feed_event import FeedEvent
from hft.venues.binance import messages
from hft.venues.binance.venues import PROTOCOLS, venue_at
from tests.exchange.client import API
from tests.net.wire import Peer, RestServer, WireServer, eventually, frame
from tests.trading.processes import exchange

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
BEGIN, END = "<!-- cases: made by python -m tests.trading.fault_table -->\n", "<!-- end of cases -->"


class Case(msgspec.Struct, frozen=True):
    """One fault case; `run` gets an empty folder, asserts what must hold, and returns what was seen."""

    number: int
    name: str
    injected: str
    run: Callable[[Path], Awaitable[str]]

    def row(self, seen: str) -> str:
        return f"| {self.number} | {self.name} | {self.injected} | {seen} |"


CASES: list[Case] = []


def case(number: int, name: str, injected: str) -> Callable[[Callable[[Path], Awaitable[str]]], Callable[[Path], Awaitable[str]]]:
    """Puts a function into the table."""

    def put(run: Callable[[Path], Awaitable[str]]) -> Callable[[Path], Awaitable[str]]:
        CASES.append(Case(number, name, injected, run))
        return run

    return put


# -- an engine and its feed ------------------------------------------------------------------------------------------------

TICKS = {"binance-usdm": ("0.10", "0.001"), "binance-spot": ("0.01", "0.00001")}
PATIENT = Timing()


def engine_for(protocol: str) -> Engine:
    of, (tick, step) = PROTOCOLS[protocol], TICKS[protocol]
    return Engine(Spec("BTCUSDT", tick=tick, step=step, instrument=of.instrument), fallback=messages.load, sync=of.sync)


class Rig:
    """The engine as a session runs it, on a venue."""

    def __init__(self, rest: str, ws: str, protocol: str = "binance-usdm", *, timing: Timing = PATIENT,
                 transport: str = "picows") -> None:
        self.engine = engine_for(protocol)
        self.clock = RunClock()
        self.events: list[FeedEvent] = []
        self.feed = Feed(
            venue_at(rest, ws, protocol), ["BTCUSDT"], self.engine, clock=self.clock, timing=timing, on_event=self.events.append,
            transport=transport, rng=Random(1),
        )

    async def __aenter__(self) -> Rig:
        self.tasks = [asyncio.create_task(self.feed.run()), asyncio.create_task(self._timer())]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.feed.stop()
        self.tasks[1].cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _timer(self) -> None:
        while True:
            self.engine.advance(self.clock.now())
            bid, _, ask, _ = self.engine.touch("BTCUSDT")
            assert not (self.synced and bid is not None and ask is not None and bid >= ask), "crossed, and said to be in sync"
            await asyncio.sleep(0.002)

    @property
    def synced(self) -> bool:
        return self.engine.synced("BTCUSDT")

    @property
    def hash(self) -> int:
        return self.engine.book_hash("BTCUSDT")

    def count(self, name: str) -> int:
        counters = self.engine.counters()
        return counters[name] if name in counters else counters["rejects"].get(name, counters["messages"].get(name, 0))

    def reported(self, kind: str) -> list[str]:
        return [event.text for event in self.events if event.kind == kind]

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """As `eventually`; a feed that ended raises what ended it."""

        def checked() -> object:
            if self.tasks[0].done():
                self.tasks[0].result()
            return condition()

        try:
            await eventually(checked, what, polls=6000)
        except AssertionError as error:
            raise AssertionError(f"{error}; the feed said {[(e.kind, e.text) for e in self.events][-6:]}") from None


# -- venues ----------------------------------------------------------------------------------------------------------------


def depth(first: int, last: int, previous: int, bids: str = "", asks: str = "", *, protocol: str = "binance-usdm") -> str:
    """A depth update in its envelope; levels as ``"100.0 1, 99.9 2"``."""
    now = time.time_ns() // 1_000_000
    event: dict[str, Any] = {"e": "depthUpdate", "E": now}
    event |= {"T": now, "s": "BTCUSDT"} if protocol == "binance-usdm" else {"s": "BTCUSDT"}
    event |= {"U": first, "u": last} | ({"pu": previous} if protocol == "binance-usdm" else {})
    event |= {"b": levels(bids), "a": levels(asks)}
    return _wrapped("depth@100ms", event)


def trade(trade_id: int) -> str:
    now = time.time_ns() // 1_000_000
    return _wrapped("trade", {"e": "trade", "E": now, "T": now, "s": "BTCUSDT", "t": trade_id, "p": "100.0", "q": "1.000",
                              "X": "MARKET", "m": True})


def _wrapped(stream: str, event: dict[str, Any]) -> str:
    return json.dumps({"stream": f"btcusdt@{stream}", "data": event}, separators=(",", ":"))


def levels(text: str) -> list[list[str]]:
    return [level.split() for level in text.split(",") if level.strip()]


def book(last_id: int, bids: str, asks: str) -> bytes:
    """A REST book."""
    return json.dumps({"lastUpdateId": last_id, "bids": levels(bids), "asks": levels(asks)}).encode()


def hash_of(last_id: int, bids: str, asks: str, protocol: str = "binance-usdm") -> int:
    """The hash of a book that holds exactly these levels."""
    engine = engine_for(protocol)
    engine.connect("BTCUSDT", 1)
    pairs = [[(price, qty) for price, qty in levels(side)] for side in (bids, asks)]
    engine.on_snapshot("BTCUSDT", last_id, *pairs, 2)  # type: ignore[arg-type]
    return engine.book_hash("BTCUSDT")


class Wire:
    """A venue that says exactly what a case tells it to; `path` is a part of its websocket address."""

    def __init__(
        self, script: Callable[[Wire, Peer], Awaitable[None]], books: list[bytes], protocol: str = "binance-usdm", *,
        path: str = "", **rig: Any,
    ) -> None:
        self.books = books
        self.requests = 0
        """Requests for the book so far."""
        self.answering = asyncio.Event()
        """Set: requests for the book are answered; a script clears it to keep them waiting."""
        self.answering.set()
        self._script, self._protocol, self._path, self._rig = script, protocol, path, rig
        self.done = asyncio.Event()
        """For scripts: all was said."""
        self._failed: list[AssertionError] = []

    async def __aenter__(self) -> tuple[Wire, Rig]:
        async with contextlib.AsyncExitStack() as stack:
            self.server = await stack.enter_async_context(WireServer(self._run))
            rest = await stack.enter_async_context(RestServer({f"{API[self._protocol]}/depth": self._depth}))
            self.rig = await stack.enter_async_context(Rig(rest.url, self.server.url + self._path, self._protocol, **self._rig))
            self._stack = stack.pop_all()
        return self, self.rig

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        for failed in self._failed:
            raise failed

    async def _run(self, peer: Peer) -> None:
        try:
            await self._script(self, peer)
        except AssertionError as error:     # on a task of the server's, where nobody would hear of it
            self._failed.append(error)
            raise

    async def _depth(self, _request: object) -> bytes:
        self.requests += 1
        number = min(self.requests, len(self.books)) - 1
        await self.answering.wait()
        return self.books[number]

    @staticmethod
    async def say(peer: Peer, *texts: str) -> None:
        await peer.write(*map(frame, texts))


@contextlib.asynccontextmanager
async def sim(
    folder: Path, *faults: dict[str, Any], protocol: str = "binance-usdm", options: tuple[str, ...] = (), **rig: Any
) -> AsyncIterator[tuple[dict[str, Any], Rig]]:
    """`hft sim --faults` as a process, and a rig on it."""
    lines = ["seed = 1"]
    for fault in faults:
        lines += ["[[fault]]", *(f"{key} = {json.dumps(value)}" for key, value in fault.items())]
    file = folder / "faults.toml"
    file.write_text("\n".join(lines), "utf-8")
    with exchange("--faults", str(file), "--protocol", protocol, *options, cwd=folder) as at:
        async with Rig(at["rest"], at["ws"], protocol, **rig) as running:
            yield at, running


async def injected(at: dict[str, Any]) -> dict[str, Any]:
    """The exchange's own word on what it did."""
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get(at["rest"] + "/faults") as answer:
        return dict(await answer.json())


def plural(n: int, noun: str, many: str = "") -> str:
    return f"{n} {noun if n == 1 else many or noun + 's'}"


# -- the page --------------------------------------------------------------------------------------------------------------


def rows_of_page() -> list[str]:
    text = PAGE.read_text("utf-8")
    table = text.partition(BEGIN)[2].partition(END)[0].splitlines()
    return [line for line in table if line.startswith("| ") and line[2].isdigit()]


def load_cases() -> list[Case]:
    from tests.trading import fault_cases_book, fault_cases_connection, fault_cases_input  # noqa: F401

    return sorted(CASES, key=lambda each: each.number)


def main() -> int:
    import tempfile

    rows = []
    for each in load_cases():
        with tempfile.TemporaryDirectory() as folder:
            rows.append(each.row(asyncio.run(each.run(Path(folder)))))      # type: ignore[arg-type]
        print(rows[-1], flush=True)
    head, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    table = "\n".join(["| case | what goes wrong | injected | seen |", "| --- | --- | --- | --- |", *rows])
    PAGE.write_text(f"{head}{BEGIN}\n{table}\n\n{END}{rest.partition(END)[2]}", "utf-8")
    return 0


if __name__ == "__main__":
    # The cases import this module by its name: theirs is the table to fill.
    from tests.trading.fault_table import main as run

    sys.exit(run())
