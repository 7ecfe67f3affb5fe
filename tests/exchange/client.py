"""A correct client, written from the venue's procedures (`facts/binance.md`, "A correct local book") and nothing else."""

import asyncio
import contextlib
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

import aiohttp
import websockets

from hft.exchange.server import serve
from hft.exchange.settings import ExchangeSettings

API = {"binance-usdm": "/fapi/v1", "binance-spot": "/api/v3"}


@asynccontextmanager
async def exchange(**settings):
    """A running exchange's announcement; stopped at the end, and whatever it raised is raised here."""
    ready = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(ExchangeSettings(**settings), ready.set_result))
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    try:
        yield ready.result()
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def connected(served, path):
    async with websockets.connect(served["ws"] + path, compression=None, max_queue=None, max_size=None) as socket:
        yield socket


async def get(served, path):
    """(status, headers, decoded body) of a REST request."""
    async with aiohttp.ClientSession() as session, session.get(served["rest"] + API[served["protocol"]] + path) as answer:
        return answer.status, answer.headers, json.loads(await answer.text())


def levels(side):
    return {Decimal(p): Decimal(q) for p, q in side}


@dataclass
class Follower:
    """A local book; any gap, in either protocol's rules, is an AssertionError."""

    protocol: str
    bids: dict = field(default_factory=dict)
    asks: dict = field(default_factory=dict)
    id: int = 0
    first: bool = True
    applied: int = 0

    def snapshot(self, body):
        self.bids, self.asks = levels(body["bids"]), levels(body["asks"])
        self.id = body["lastUpdateId"]
        self.first = True

    def update(self, event):
        last_id = self.id
        if self.protocol == "binance-spot":
            if event["u"] <= last_id:
                return
            assert event["U"] <= last_id + 1 <= event["u"], "gap"
            assert self.first or event["U"] == last_id + 1
        else:
            if event["u"] < last_id and self.first:
                return
            if self.first:
                assert event["U"] <= last_id <= event["u"] or event["pu"] == last_id, "bridge"
            else:
                assert event["pu"] == last_id, "gap"
        for side, changes in ((self.bids, event["b"]), (self.asks, event["a"])):
            for price, qty in levels(changes).items():
                if qty:
                    side[price] = qty
                else:
                    side.pop(price, None)
        self.id, self.first = event["u"], False
        self.applied += 1
        assert max(self.bids) < min(self.asks), "crossed"

    def touch(self):
        bid, ask = max(self.bids), min(self.asks)
        return bid, self.bids[bid], ask, self.asks[ask]


async def follow(served, depth_stream, *, seconds=0.0, updates=0, symbol="BTCUSDT"):
    """Connect, buffer, ask, bridge, follow: the book and the last REST snapshot taken beside it, at the same update."""
    book = Follower(served["protocol"])
    name = symbol.lower()
    loop = asyncio.get_running_loop()
    async with connected(served, f"/stream?streams={name}@{depth_stream}/{name}@bookTicker") as socket:
        buffered = [await socket.recv()]
        requests = asyncio.create_task(get(served, f"/depth?symbol={symbol}&limit=1000"))
        with contextlib.suppress(websockets.ConnectionClosed):      # a short recording may end before the snapshot is here
            while not requests.done():
                buffered.append(await socket.recv())
        book.snapshot((await requests)[2])
        until = loop.time() + seconds
        book_tickers = []
        checked = 0
        for message in buffered:
            checked += _take(book, book_tickers, message)
        while loop.time() < until or book.applied < updates:
            try:
                checked += _take(book, book_tickers, await socket.recv())
            except websockets.ConnectionClosed as closed:
                return book, checked, closed.rcvd.code
    return book, checked, None


def _take(book, book_tickers, message):
    """Apply one message; 1 when it was a depth update whose touch was compared with the bookTicker that must equal it."""
    data = json.loads(message)["data"]
    if "bids" in data or data.get("e", "bookTicker") not in ("bookTicker", "depthUpdate"):
        return 0
    if data.get("e") != "depthUpdate":
        book_tickers.append((data["u"], tuple(Decimal(data[k]) for k in "bBaA")))
        return 0
    before = book.applied
    book.update(data)
    return book.applied - before
