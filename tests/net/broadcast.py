"""A venue whose market goes to every open connection alike, each at its own pace: what a handover has to bear."""

import asyncio
from collections.abc import Callable

import msgspec

from tests.net.wire import PING, PONG, TEXT, Peer, frame

SYMBOL = "BTCUSDT"


class Broadcast:
    """Depth updates and trades with running ids; `peers` in the order in which they came."""

    def __init__(self, protocol: str = "binance-usdm") -> None:
        self.protocol = protocol
        self.id = 100
        self.trade = 1
        self.peers: list[Peer] = []
        self.queues: list[asyncio.Queue[bytes]] = []
        self.lag: Callable[[int], float] = lambda _: 0.0    # seconds, by the number of the peer
        self.refuse: Callable[[int], bool] = lambda _: False
        self.deaf: Callable[[int], bool] = lambda _: False  # never answers a ping

    async def script(self, peer: Peer) -> None:
        """For `WireServer`. A pong takes its turn behind what was sent before it."""
        number = len(self.peers)
        self.peers.append(peer)
        self.queues.append(queue := asyncio.Queue())
        if self.refuse(number):
            return
        sending = asyncio.create_task(self._send(peer, queue, number))
        try:
            while True:
                opcode, payload = await peer.read()
                if opcode == PING and not self.deaf(number):
                    queue.put_nowait(self._at(frame(payload, PONG)))
                elif opcode == TEXT:
                    queue.put_nowait(self._at(frame(b'{"result":null,"id":%d}' % msgspec.json.decode(payload)["id"])))
        finally:
            sending.cancel()

    def _at(self, data: bytes) -> tuple[float, bytes]:
        return asyncio.get_running_loop().time(), data

    async def _send(self, peer: Peer, queue: asyncio.Queue, number: int) -> None:
        while True:
            since, data = await queue.get()
            await asyncio.sleep(max(0.0, since + self.lag(number) - asyncio.get_running_loop().time()))
            await peer.write(data)

    def send(self, number: int, payload: bytes) -> None:
        self.queues[number].put_nowait(self._at(frame(payload)))

    async def run(self, on: bool = True) -> None:
        """The market, until it is cancelled; with `on` false it stands still."""
        while on:
            self.step()
            await asyncio.sleep(0.002)

    def step(self, bids: list | None = None, asks: list | None = None) -> None:
        self.id += 2
        self.trade += 1
        depth = {"e": "depthUpdate", "E": 1_700_000_000_000, "T": 1_700_000_000_000, "s": SYMBOL, "U": self.id - 1, "u": self.id}
        if self.protocol != "binance-spot":
            depth["pu"] = self.id - 2
        depth |= {"b": [["99.0", str(1 + self.id % 7)]] if bids is None else bids, "a": asks or []}
        trade = {"e": "trade", "E": 1_700_000_000_000, "T": 1_700_000_000_000, "s": SYMBOL, "t": self.trade, "p": "100.0",
                 "q": "1", "X": "MARKET", "m": self.trade % 2 == 0}
        if self.protocol == "binance-spot":
            del depth["T"], trade["X"]
            trade["M"] = True
        for peer, queue in zip(self.peers, self.queues, strict=True):
            for route, message in (("/public", depth), ("/market", trade)):
                if peer.path.startswith(("/public", "/market")) and not peer.path.startswith(route):
                    continue            # streams split over endpoints
                queue.put_nowait(self._at(frame(msgspec.json.encode({"stream": "s", "data": message}))))

    def book(self, _: object = None) -> bytes:
        return msgspec.json.encode({
            "lastUpdateId": self.id, "E": 1_700_000_000_000, "T": 1_700_000_000_000,
            "bids": [["99.0", str(1 + self.id % 7)], ["98.0", "1"]], "asks": [["101.0", "2"], ["102.0", "2"]],
        })
