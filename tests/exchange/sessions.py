"""A small session of the simulated exchange as a capture, and what a client of a served one receives."""

import asyncio
import gzip

import websockets

from hft.exchange.simulation import Simulation
from tests.exchange.client import connected

START = 1_723_161_255 * 10**9


def record(path, protocol, *, seconds=3, snapshot=True, symbol="BTCUSDT"):
    """A small capture made from the simulated exchange: a depth update every 50 or 100 ms, the REST answer after a while."""
    lines = []

    source = Simulation(protocol, (symbol,), seed=21, speed=1.0, queue=10)
    traded = source._traded[symbol]
    cadence = "0ms" if protocol == "binance-usdm" else "100ms"

    def note(stream, render):
        if "@depth" not in stream or stream.endswith(f"@{cadence}"):
            lines.append((START + venue_ns, f'{{"stream":"{stream}","data":{render(1_000_000)}}}'))

    source.hub.publish = note
    venue_ns = 0
    for tick in range(seconds * 100):
        venue_ns = tick * 10_000_000
        source.step(source.start_ns + venue_ns)
        if tick == 40 and snapshot:
            lines.append((START + venue_ns, traded.wire.snapshot(traded.market.snapshot(1000))))
    text = "".join(f"{ns} {body}\n" for ns, body in lines)
    path.write_bytes(gzip.compress(text.encode()))
    return [body for _, body in lines]


async def everything(served, path):
    """All messages of a connection, and the code it was closed with."""
    async with connected(served, path) as socket:
        messages = []
        try:
            while True:
                messages.append(await asyncio.wait_for(socket.recv(), 20))
        except websockets.ConnectionClosed as closed:
            return messages, closed.rcvd.code
