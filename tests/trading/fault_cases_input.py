"""Cases 19 and 20: what can't be used, and clocks that are wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from random import Random

from hft.exchange.fault_edits import MALFORMED, malformed
from tests.net.wire import BINARY, Peer, frame
from tests.trading.fault_table import Wire, book, case, depth, hash_of, injected, plural, sim

BIDS, ASKS = "100.0 1, 99.9 2", "100.1 1, 100.2 2"
SHAPES = {
    "truncated": "truncated JSON", "binary": "binary", "nan": "NaN", "infinite": "1e400", "negative": "negative",
    "long_price": "21 digits", "no_first_id": "no `U`", "unknown_event": "unknown `e`", "wrong_symbol": "wrong symbol",
}


@case(19, "frames that can't be used",
      "nine shapes of malformed depth updates, 20 of each, every one before its sound self; `oversize`, 64 MB")
async def malformed_frames(folder: Path) -> str:
    reasons: dict[str, Counter[str]] = {}
    rng = Random(1)

    async def script(wire: Wire, peer: Peer) -> None:
        rig, last = wire.rig, 10
        await rig.until(lambda: rig.reported("snapshot"), "a book")
        for shape in MALFORMED:
            found = reasons.setdefault(shape, Counter())
            for n in range(20):
                text = depth(last + 1, last + 2, last, bids=f"99.9 {n + 1}, 99.8 3", asks=f"100.2 {n + 1}, 100.3 4")
                bad = malformed(text, shape, rng)
                assert bad is not None
                before, held, frames = rig.engine.counters()["rejects"], rig.hash, rig.feed.messages
                await peer.write(frame(bad, BINARY if isinstance(bad, bytes) else 1))
                await rig.until(lambda frames=frames: rig.feed.messages == frames + 1, "the bad one read")
                assert rig.hash == held, "applied in part"
                found.update({name: count - before.get(name, 0) for name, count in rig.engine.counters()["rejects"].items()})
                # Sound, with a field that nobody knows.
                await wire.say(peer, text.replace('"e":"depthUpdate"', '"e":"depthUpdate","x":{"new":[1,2]}'))
                last += 2
                wanted = hash_of(last, f"100.0 1, 99.9 {n + 1}, 99.8 3", f"100.1 1, 100.2 {n + 1}, 100.3 4")
                await rig.until(lambda wanted=wanted: rig.hash == wanted, "the sound one applied")
        wire.done.set()
        await peer.until_gone()

    async with Wire(script, [book(10, BIDS, ASKS)]) as (wire, rig):
        await asyncio.wait_for(wire.done.wait(), 60)
        assert (rig.synced, rig.count("resyncs"), len(rig.reported("connected"))) == (True, 0, 1)
    results = []
    for shape, name in SHAPES.items():
        found = {reason: count for reason, count in reasons[shape].items() if count and reason != "decode_fallback"}
        assert sum(found.values()) == 20, (shape, found)
        results.append(f"{name}: {', '.join(f'`{reason}`' for reason in sorted(found))}")
    async with sim(folder, dict(kind="oversize", at_s=0.5, bytes=64_000_000)) as (_, rig):
        await rig.until(lambda: rig.reported("disconnected") and rig.synced and len(rig.reported("connected")) == 2, "back")
        assert "1009" in rig.reported("disconnected")[0]
    return (f"{'; '.join(results)}. The book's hash is unchanged after each; the sound one is applied with its unknown fields: "
            "0 resyncs. 64 MB: closed with 1009, reopened, in sync")


@case(20, "clocks that are wrong", "`clock_step` back by an hour, ahead by two, then microseconds for milliseconds")
async def clocks(folder: Path) -> str:
    faults = (
        dict(kind="clock_step", at_s=1, step_s=-3600), dict(kind="clock_step", at_s=2, step_s=7200),
        dict(kind="clock_step", at_s=3, step_s=0, unit="us"),
    )
    async with sim(folder, *faults) as (at, rig):
        await rig.until(lambda: rig.synced, "in sync")
        while (await injected(at))["injected"].get("clock_step") != 3:
            await asyncio.sleep(0.05)
        heard = rig.count("depth")
        await rig.until(lambda: rig.count("depth") > heard + 10, "going on")
        assert rig.synced
        assert rig.engine.counters()["faults"] == {}
        latency = rig.engine.latency("tick")
        assert latency.count == latency.below(60 * 10**9) > 0       # a negative one would be told as a huge one
        starting = ("buffered", "stale_update")
        refused = [count for name, count in rig.engine.counters()["rejects"].items() if name not in starting]
        return (f"messages applied as before, {plural(sum(refused), 'reject')}, {plural(rig.count('resyncs'), 'resync')}; "
                "no latency negative or of the step's size")
