"""A venue on loopback whose tick, status and exchangeInfo a test sets while it runs."""

import asyncio
import contextlib
import time

import msgspec
from aiohttp import web

from tests.net.wire import PING, PONG, TEXT, RestServer, WireServer, frame

SYMBOL = "BTCUSDT"


def info(tick="0.10", step="0.001", status="TRADING", least="0.001"):
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": tick, "minPrice": "0.1", "maxPrice": "1000000"},
        {"filterType": "LOT_SIZE", "stepSize": step, "minQty": least, "maxQty": "1000"},
        {"filterType": "MIN_NOTIONAL", "notional": "100"},
    ]
    symbol = {"symbol": SYMBOL, "status": status, "baseAsset": "BTC", "quoteAsset": "USDT", "filters": filters}
    return msgspec.json.encode({"symbols": [symbol]})


def stamp():
    """Now, in the venue's milliseconds."""
    return time.time_ns() // 1_000_000


class Venue:
    """A book that moves, whose tick, status and exchangeInfo a test sets."""

    def __init__(self):
        self.tick, self.printed_tick, self.status = 1, "0.1", "TRADING"
        self.id = 100
        self.requests = 0
        self.peers = []
        self.still = False          # no market data

    def price(self, tenths):
        return f"{tenths / 10 + (0.05 if self.tick == 2 else 0):.{self.tick}f}"

    async def __aenter__(self):
        self.ws, self.http = WireServer(self.script), RestServer({})
        await self.ws.__aenter__()
        await self.http.__aenter__()
        self.http.answers |= {
            "/fapi/v1/depth": self.depth, "/fapi/v1/exchangeInfo": self.info, "/fapi/v1/ping": b"{}",
        }
        self.market = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, *_):
        self.market.cancel()
        await asyncio.gather(self.market, return_exceptions=True)
        await self.http.__aexit__()
        await self.ws.__aexit__()

    async def script(self, peer):
        self.peers.append(peer)
        while True:
            opcode, payload = await peer.read()
            if opcode == PING:
                await peer.write(frame(payload, PONG))
            elif opcode == TEXT:
                request = msgspec.json.decode(payload)
                await peer.write(frame(b'{"result":null,"id":%d}' % request["id"]))

    async def run(self):
        while True:
            if self.still:
                await asyncio.sleep(0.01)
                continue
            before = self.id
            self.id += 1
            update = {"e": "depthUpdate", "E": stamp(), "T": stamp(), "s": SYMBOL, "U": before + 1, "u": self.id, "pu": before,
                      "b": [[self.price(600_000), f"{self.id % 7 + 1}.000"]], "a": [[self.price(600_010), "2.000"]]}
            for peer in list(self.peers):
                with contextlib.suppress(ConnectionError):
                    await peer.write(frame(msgspec.json.encode({"stream": f"{SYMBOL.lower()}@depth@100ms", "data": update})))
            await asyncio.sleep(0.01)

    def depth(self, _):
        body = {"lastUpdateId": self.id, "E": stamp(), "T": stamp(), "bids": [[self.price(600_000), "1.000"]],
                "asks": [[self.price(600_010), "2.000"]]}
        return web.Response(body=msgspec.json.encode(body))

    def info(self, _):
        self.requests += 1
        return web.Response(body=info(self.printed_tick, status=self.status))
