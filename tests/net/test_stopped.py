"""A process that is stopped for longer than any deadline: what the venue sent meanwhile counts, and nothing is given up."""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from tests.net.running import BOOK
from tests.net.wire import PING, PONG, TEXT, RestServer, WireServer, eventually, frame

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="whether a process stands still is read from /proc")

DEADLINE_S = 2.0
STOPPED_S = 4.0

# A feed in a process of its own. Prints each event, and each frame as it is handed on; ends when its standard input does.
FEED = """
import asyncio, json, sys
import uvloop
from hft._core.base.runclock import RunClock
from hft.net.feed import Feed
from hft.net.line import Timing
from hft.venues.binance.rest import RestClient
from hft.venues.binance.venues import venue_at
from tests.net.running import Market

def say(kind, text):
    print(json.dumps([kind, text]), flush=True)

class Saying(Market):
    def on_other(self, frame, now_ns):
        say("frame", frame.decode())
        return super().on_other(frame, now_ns)

async def main(ws, rest, transport, symbols, wants, timing):
    venue = venue_at(rest, ws, "binance-usdm")
    names = ["BTCUSDT", *(f"SYM{n}USDT" for n in range(symbols - 1))]
    feed = Feed(venue, names, Saying(wants), clock=RunClock(), transport=transport, timing=Timing(**timing),
                rest=RestClient(venue, timeout_s=timing["answer_s"]), on_event=lambda event: say(event.kind, event.text))
    running = asyncio.create_task(feed.run())
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await feed.stop()
    await running

uvloop.run(main(**json.loads(sys.argv[1])))
"""


class Process:
    """The feed's process, and what it printed."""

    def __init__(self, process):
        self.pid = process.pid
        self.events = []
        self._process = process
        self.reading = asyncio.create_task(self._read())

    async def _read(self):
        async for line in self._process.stdout:
            self.events.append(tuple(json.loads(line)))

    def kinds(self):
        return [kind for kind, _ in self.events if kind != "frame"]

    async def stopped_during(self, answer):
        """Stop it; `answer` while it stands still; continue it after a time that is longer than its deadlines."""
        os.kill(self.pid, signal.SIGSTOP)
        state = Path(f"/proc/{self.pid}/stat")
        await eventually(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", "it stands still")
        await answer()
        await asyncio.sleep(STOPPED_S)
        os.kill(self.pid, signal.SIGCONT)

    async def until(self, kind, text=""):
        await eventually(lambda: any(k == kind and text in words for k, words in self.events), f"{kind} {text}: {self.events}")


@asynccontextmanager
async def feed(ws, *, rest="http://127.0.0.1:1", transport="picows", symbols=1, wants=0, **timing):
    """The feed against these addresses; only the deadlines that are named are short ones."""
    timing = {"silent_after_s": 600.0, "answer_s": 600.0, "connect_s": 600.0, "handover_s": 600.0, **timing}
    job = {"ws": ws, "rest": rest, "transport": transport, "symbols": symbols, "wants": wants, "timing": timing}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FEED, json.dumps(job), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    running = Process(process)
    try:
        yield running
    finally:
        process.stdin.close()
        os.kill(running.pid, signal.SIGCONT)
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            raise
        await running.reading
    assert process.returncode == 0


class Market:
    """A venue whose one script waits for `go` where it is told to, and answers everything else at once."""

    def __init__(self, holding=""):
        self.holding = holding
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def answer(self):
        self.go.set()

    async def hold(self, at):
        if at == self.holding:
            self.reached.set()
            await self.go.wait()

    async def answering(self, number):
        await self.hold(f"handshake {number}")

    async def script(self, peer):
        while True:
            opcode, payload = await peer.read()
            if opcode == PING:
                await self.hold("PING")
                await peer.write(frame(payload, PONG))
            elif opcode == TEXT:
                request = msgspec.json.decode(payload)
                await self.hold(request["method"])
                result = ["btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade"]
                await peer.write(frame(msgspec.json.encode({"result": result, "id": request["id"]})))


async def test_the_answer_to_a_handshake_counts(transport):
    market = Market("handshake 0")
    async with WireServer(market.script, market.answering) as server, feed(
        server.url, transport=transport, connect_s=DEADLINE_S
    ) as process:
        await market.reached.wait()
        await process.stopped_during(market.answer)
        await process.until("connected")
        assert process.kinds() == ["connected"]


async def test_the_answer_to_a_subscription_counts(transport):
    market = Market("SUBSCRIBE")
    async with WireServer(market.script) as server, feed(
        server.url, transport=transport, symbols=60, answer_s=DEADLINE_S
    ) as process:
        await market.reached.wait()
        await process.stopped_during(market.answer)
        await process.until("frame", '"id":1')
        await server.peers[0].write(frame(b'{"after":1}'))      # what a line that was dropped would not hand on
        await process.until("frame", "after")
        assert process.kinds() == ["connected"]


async def test_what_was_sent_meanwhile_is_no_silence(transport):
    market = Market()
    async with WireServer(market.script) as server, feed(
        server.url, transport=transport, silent_after_s=DEADLINE_S
    ) as process:
        await process.until("connected")
        await process.stopped_during(lambda: server.peers[0].write(frame(b'{"meanwhile":1}')))
        await process.until("frame", "meanwhile")
        assert process.kinds() == ["connected"]
        await process.until("silent")           # but real silence is
        await process.until("quiet")


@asynccontextmanager
async def probed(transport):
    """The feed on a venue that was silent until it was asked whether it lives, and has not answered yet."""
    market = Market("LIST_SUBSCRIPTIONS")
    async with WireServer(market.script) as server, feed(
        server.url, transport=transport, silent_after_s=DEADLINE_S, answer_s=DEADLINE_S
    ) as process:
        await market.reached.wait()
        yield market, process


async def test_the_answer_of_a_silent_connection_counts(transport):
    async with probed(transport) as (market, process):
        await process.stopped_during(market.answer)
        await process.until("quiet")
        assert process.kinds() == ["connected", "silent", "quiet"]


async def test_a_snapshot_that_was_answered_counts():
    market, requests = Market("depth"), []

    async def depth(request):
        requests.append(request)
        await market.hold("depth")
        return web.Response(body=BOOK, content_type="application/json")

    async with WireServer(market.script) as server, RestServer({"/fapi/v1/depth": depth}) as rest, feed(
        server.url, rest=rest.url, wants=1, answer_s=DEADLINE_S
    ) as process:
        await market.reached.wait()
        await process.stopped_during(market.answer)
        await process.until("snapshot")
        assert process.kinds() == ["connected", "snapshot"]
    assert len(requests) == 1


async def test_a_handover_waits_for_what_lies_in_the_socket(transport):
    market = Market("PING")
    async with WireServer(market.script) as server, feed(
        server.url, transport=transport, handover_s=DEADLINE_S
    ) as process:
        await process.until("connected")
        await server.peers[0].write(frame(b'{"e":"serverShutdown","E":1723161256313}'))
        await market.reached.wait()
        await process.stopped_during(market.answer)
        await process.until("handover")
        assert process.kinds() == ["connected", "server_shutdown", "renewing", "handover"]


async def test_a_deadline_that_the_venue_lets_pass_is_one_although_the_process_was_stopped(transport):
    async with probed(transport) as (_, process):
        await process.stopped_during(lambda: asyncio.sleep(0))
        await process.until("disconnected", "no answer within 2 s")
