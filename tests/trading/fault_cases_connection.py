"""Cases 13 to 18: the connection."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

from hft.net.line import Timing
from tests.net.wire import Peer
from tests.trading.fault_table import Rig, Wire, book, case, depth, hash_of, injected, plural, sim, trade

WATCHFUL = Timing(silent_after_s=0.3, answer_s=0.3, connect_s=5.0)
BIDS, ASKS = "100.0 1, 99.9 2", "100.1 1, 100.2 2"


@case(13, "open but silent", "`stall` for 2 s, once with requests answered, once deaf")
async def silence(folder: Path) -> str:
    async with sim(folder, dict(kind="stall", at_s=1, for_s=2), timing=WATCHFUL) as (_, rig):
        await rig.until(lambda: rig.reported("silent") and rig.reported("quiet"), "asked and answered")
        heard = rig.feed.messages
        await rig.until(lambda: rig.feed.messages > heard + 100 and rig.synced, "going on")
        assert rig.count("disconnects") == rig.count("gaps") == 0
        answered = f"probed, answers: kept, {plural(rig.count('resyncs'), 'resync')}"
    async with sim(folder, dict(kind="stall", at_s=1, for_s=2, deaf=True), timing=WATCHFUL) as (_, rig):
        await rig.until(lambda: rig.reported("disconnected"), "given up")
        assert rig.reported("silent")
        assert "no answer" in rig.reported("disconnected")[0]
        await rig.until(lambda: rig.synced and len(rig.reported("connected")) == 2, "in sync again")
        return f"{answered}. Deaf: probed, then reopened, {plural(rig.count('resyncs'), 'resync')}, in sync again"


def _trades(rig: Rig) -> int:
    return rig.count("trade") - rig.count("duplicate_trade")


@case(14, "serverShutdown", "`shutdown` in its three forms, the connection closed 2 s later")
async def announced(folder: Path) -> str:
    seen = []
    for form in ("raw", "combined", "event"):
        async with sim(folder, dict(kind="shutdown", at_s=1.5, form=form, lead_s=2), options=("--speed", "4")) as (at, rig):
            await rig.until(lambda: rig.reported("server_shutdown"), "announced")
            assert rig.synced
            before = rig.engine.trade_id("BTCUSDT") - _trades(rig)
            while (await injected(at))["elapsed_s"] < 4.5:
                assert rig.synced
                await asyncio.sleep(0.02)
            heard = rig.count("depth")
            await rig.until(lambda rig=rig, heard=heard: rig.count("depth") > heard + 10, "going on after the end of the old one")
            assert (await injected(at))["handshakes"] == 2
            assert rig.engine.trade_id("BTCUSDT") - _trades(rig) == before      # none lost, none counted twice
            assert rig.count("disconnects") == rig.count("gaps") == 0
            books = plural(len(rig.reported("snapshot")), "book")
            seen.append(f"{books} requested in all, {plural(rig.count('resyncs'), 'resync')}, "
                        f"{plural(rig.engine.missing_trades, 'missing trade')}, none counted twice")
    assert len(set(seen)) == 1
    return f"the second connection is up before the first goes, in sync throughout: {seen[0]}"


@case(15, "abrupt end, and the close of the day", "cut off without a word, then closed with 1000; each time 3 trades missed")
async def lost_connections(folder: Path) -> str:
    async def script(wire: Wire, peer: Peer) -> None:
        n = len(wire.server.peers)
        last = 10 * n
        await wire.rig.until(lambda: len(wire.rig.reported("snapshot")) == n, "a book")
        await wire.say(peer, depth(last + 1, last + 2, last), *[trade(8 * (n - 1) + i) for i in range(1, 6)])
        await wire.rig.until(lambda: wire.rig.synced and wire.rig.count("trade") == 5 * n, "heard")
        if n == 1:
            peer.cut()
        elif n == 2:
            return
        await peer.until_gone()

    async with Wire(script, [book(10 * n, BIDS, ASKS) for n in (1, 2, 3)]) as (wire, rig):
        await rig.until(lambda: rig.synced and rig.count("trade") == 15, "in sync on the third connection")
        assert rig.hash == hash_of(32, BIDS, ASKS)
        assert rig.engine.missing_trades == 6
        return (f"subscribed and in sync again after each, {plural(wire.requests, 'book')} in all; "
                f"{plural(rig.engine.missing_trades, 'missing trade')} counted")


@case(16, "a hundred refused connections", "`refuse`, every handshake reset; the waits are taken on a clock of the test's")
async def refused(folder: Path) -> str:
    now, attempts = [0.0], []

    async def sleep(seconds: float) -> None:
        now[0] += seconds
        await asyncio.sleep(0)

    async with sim(folder, dict(kind="refuse", at_s=0, count=100)) as (at, rig):
        (connection,) = rig.feed.connections
        opened = connection._open

        async def counted() -> object:
            attempts.append(now[0])
            line = await opened()
            # let in: from here on as ever
            connection.options.monotonic, connection.options.sleep = time.monotonic, asyncio.sleep
            return line

        connection.options.monotonic, connection.options.sleep, connection._open = lambda: now[0], sleep, counted
        await rig.until(lambda: rig.reported("connected"), "let in")
        assert (await injected(at))["injected"] == {"refuse": 100}
        assert (len(attempts), len(rig.reported("connect_failed"))) == (101, 100)
        waits = [later - earlier for earlier, later in pairwise(attempts)]
        ceilings = [min(30.0, 0.5 * 2**n) for n in range(100)]
        assert all(ceiling / 2 <= wait <= ceiling + 1e-6 for wait, ceiling in zip(waits, ceilings, strict=True))
        assert len(set(waits)) > 90, "no jitter"
        most = max(sum(start <= other < start + 300 for other in attempts) for start in attempts)
        assert most < 30
        await rig.until(lambda: rig.synced, "in sync")
        return ("100 failures reported; waits double up to 30 s, with jitter; fewer than 30 in any 5 minutes (300 are allowed); "
                "in sync with the next")


@case(17, "429 and 418 on the snapshot", "`rate_limit` with `Retry-After: 1`, then `ban` with `Retry-After: 2`")
async def rate_limited(folder: Path) -> str:
    faults = dict(kind="rate_limit", at_s=0, retry_after_s=1), dict(kind="ban", at_s=0, retry_after_s=2)
    async with sim(folder, *faults) as (at, rig):
        await rig.until(lambda: rig.reported("rate_limited"), "reported")
        assert not rig.synced
        await rig.until(lambda: len(rig.reported("rate_limited")) == 2, "reported again")
        assert not rig.synced
        assert not rig.reported("snapshot")
        await rig.until(lambda: rig.synced, "in sync")
        text = await injected(at)
        assert text["injected"] == {"ban": 1, "rate_limit": 1}
        early = plural(text["early_requests"], "request")
        return (f"{plural(len(rig.reported('rate_limited')), 'refusal')} reported, {early} before either time was over, "
                "not in sync meanwhile; then in sync")


@case(18, "the consumer is slow", "the engine's process stands still; the exchange, 40 times as fast, has room for 500 messages")
async def slow(folder: Path) -> str:
    program = ("from hft.exchange.server import *; "
               "sys.exit(run_settings(ExchangeSettings(speed=40.0, client_queue=500)))")
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    at = json.loads(process.stdout.readline())
    try:
        async with Rig(at["rest"], at["ws"]) as rig:
            await rig.until(lambda: rig.synced, "in sync")
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            while not rig.reported("disconnected"):
                time.sleep(1.0)             # nothing of the engine's process runs
                await asyncio.sleep(0.05)
            assert "1008 too slow" in rig.reported("disconnected")[0] or "connection lost" in rig.reported("disconnected")[0]
            await rig.until(lambda: rig.synced and len(rig.reported("connected")) >= 2, "in sync again")
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10
            assert rig.count("resyncs") >= 1
            return "closed by the venue and reported, reopened, resync; the process grows by less than 64 MB"
    finally:
        process.terminate()
        process.communicate()
