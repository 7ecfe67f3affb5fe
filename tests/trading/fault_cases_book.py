"""Cases 1 to 12: the book and its synchronisation. The venue says exactly the bytes that each case needs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from hft.net.connection import MAX_URL
from tests.net.wire import Peer
from tests.trading.fault_table import Wire, book, case, depth, hash_of, injected, plural, sim

BIDS, ASKS = "100.0 1, 99.9 2", "100.1 1, 100.2 2"
BOOK = book(10, BIDS, ASKS)


@case(1, "snapshot older than the first event", "`stale_snapshot`, twice")
async def old_snapshot(folder: Path) -> str:
    async with sim(folder, dict(kind="stale_snapshot", at_s=0, count=2)) as (at, rig):
        await rig.until(lambda: rig.synced and len(rig.reported("snapshot")) == 3, "three books and in sync")
        assert (await injected(at))["injected"] == {"stale_snapshot": 2}
        assert rig.count("sequence_gap") == rig.count("buffer_full") == 0
        return f"{plural(len(rig.reported('snapshot')), 'book')} requested with growing pauses, buffer kept, in sync at the last"


@case(2, "first event straddles the snapshot", "book 10, first event 8 to 12")
async def straddling(folder: Path) -> str:
    async def script(wire: Wire, peer: Peer) -> None:
        wire.answering.clear()
        await wire.say(peer, depth(8, 12, 7, bids="100.0 3", protocol="binance-spot"))
        await wire.rig.until(lambda: wire.rig.count("buffered"), "buffered")
        wire.answering.set()
        await peer.until_gone()

    async with Wire(script, [BOOK], "binance-spot") as (wire, rig):
        await rig.until(lambda: rig.synced, "in sync")
        assert rig.hash == hash_of(12, "100.0 3, 99.9 2", ASKS, "binance-spot")
        return f"applied; {plural(wire.requests, 'book')} requested, {plural(rig.count('resyncs'), 'resync')}"


@case(3, "first event exactly contiguous", "book 10, first event 11 to 12, spot and USD-M")
async def contiguous(folder: Path) -> str:
    seen = []
    for protocol in ("binance-spot", "binance-usdm"):
        async def script(wire: Wire, peer: Peer, protocol: str = protocol) -> None:
            wire.answering.clear()
            await wire.say(peer, depth(11, 12, 10, bids="100.0 3", protocol=protocol))
            await wire.rig.until(lambda: wire.rig.count("buffered"), "buffered")
            wire.answering.set()
            await peer.until_gone()

        async with Wire(script, [BOOK], protocol) as (wire, rig):
            await rig.until(lambda: rig.synced, "in sync")
            assert rig.hash == hash_of(12, "100.0 3, 99.9 2", ASKS, protocol)
            seen.append(f"accepted; {plural(wire.requests, 'book')} requested, {plural(rig.count('resyncs'), 'resync')}")
    assert len(set(seen)) == 1
    return seen[0]


@case(4, "events before the subscription is confirmed", "2 events, then the answer to SUBSCRIBE")
async def before_the_answer(folder: Path) -> str:
    async def script(wire: Wire, peer: Peer) -> None:
        wire.answering.clear()
        requests = await peer.request()
        await wire.say(peer, depth(11, 12, 10, bids="100.0 3"), depth(13, 14, 12, asks="100.1 5"))
        await wire.rig.until(lambda: wire.rig.count("buffered") == 2, "buffered")
        await wire.say(peer, json.dumps({"result": None, "id": requests["id"]}))
        wire.answering.set()
        await peer.until_gone()

    # Where the address leaves no room for the streams' names, they are asked for by SUBSCRIBE.
    async with Wire(script, [BOOK], path="/" + "x" * MAX_URL) as (_, rig):
        await rig.until(lambda: rig.synced, "in sync")
        assert rig.hash == hash_of(14, "100.0 3, 99.9 2", "100.1 5, 100.2 2")
        return f"{rig.count('buffered')} buffered, both in the book; {plural(rig.count('resyncs'), 'resync')}"


async def _gap(protocol: str) -> str:
    not_ready = []

    async def script(wire: Wire, peer: Peer) -> None:
        await wire.rig.until(lambda: wire.requests, "asked")
        await wire.say(peer, depth(11, 12, 10, bids="100.0 3", protocol=protocol))
        await wire.rig.until(lambda: wire.rig.synced, "in sync")
        wire.answering.clear()
        await wire.say(peer, depth(14, 15, 13, bids="100.0 7", protocol=protocol))
        await wire.rig.until(lambda: wire.requests == 2, "asked again")
        not_ready.append(wire.rig.synced)
        wire.answering.set()
        await wire.rig.until(lambda: len(wire.rig.reported("snapshot")) == 2, "a second book")
        await wire.say(peer, depth(16, 17, 15, asks="100.1 4", protocol=protocol))
        await peer.until_gone()

    async with Wire(script, [BOOK, book(15, "100.0 7, 99.9 6", ASKS)], protocol) as (wire, rig):
        await rig.until(lambda: rig.synced and wire.requests == 2 and rig.count("depth") == 3, "in sync again")
        assert rig.hash == hash_of(17, "100.0 7, 99.9 6", "100.1 4, 100.2 2", protocol)
        assert not_ready == [False]
        return (f"{plural(rig.count('gaps'), 'gap')}, not in sync until the next book, {plural(rig.count('resyncs'), 'resync')}, "
                "book equal to the venue's")


@case(5, "spot gap", "`U` two above the last `u`")
async def spot_gap(folder: Path) -> str:
    return await _gap("binance-spot")


@case(6, "USD-M gap", "`pu` is not the last `u`")
async def usdm_gap(folder: Path) -> str:
    return await _gap("binance-usdm")


@case(7, "duplicate and old events", "the last event again, and the one before it")
async def duplicates(folder: Path) -> str:
    first, last = depth(11, 12, 10, bids="100.0 3"), depth(13, 14, 12, bids="100.0 4")
    hashes = []

    async def script(wire: Wire, peer: Peer) -> None:
        await wire.rig.until(lambda: wire.rig.reported("snapshot"), "a book")
        await wire.say(peer, first, last)
        await wire.rig.until(lambda: wire.rig.synced and wire.rig.count("depth") == 2, "in sync")
        hashes.append(wire.rig.hash)
        await wire.say(peer, last, first)
        await peer.until_gone()

    async with Wire(script, [BOOK]) as (_, rig):
        await rig.until(lambda: rig.count("stale_update") == 2, "two stale updates")
        assert hashes == [rig.hash]
        assert rig.synced
        return f"{rig.count('stale_update')} `stale_update`, hash of the book unchanged, {plural(rig.count('resyncs'), 'resync')}"


@case(8, "zero quantity", "`0` at a price that is not there; `0`, `0.0` and `0.00000000` at prices that are")
async def zeros(folder: Path) -> str:
    async def script(wire: Wire, peer: Peer) -> None:
        await wire.rig.until(lambda: wire.rig.reported("snapshot"), "a book")
        await wire.say(peer, depth(11, 12, 10, bids="97.0 0, 99.9 0, 99.8 0.0, 99.7 0.00000000"))
        await peer.until_gone()

    async with Wire(script, [book(10, "100.0 1, 99.9 2, 99.8 3, 99.7 4", ASKS)]) as (_, rig):
        await rig.until(lambda: rig.synced, "in sync")
        assert rig.hash == hash_of(12, "100.0 1", ASKS)
        return f"3 levels gone, nothing else changed, {plural(rig.count('resyncs'), 'resync')}"


@case(9, "a price twice in one message", "quantity 5, then 6, at one price")
async def twice(folder: Path) -> str:
    async def script(wire: Wire, peer: Peer) -> None:
        await wire.rig.until(lambda: wire.rig.reported("snapshot"), "a book")
        await wire.say(peer, depth(11, 12, 10, bids="100.0 5, 100.0 6"))
        await peer.until_gone()

    async with Wire(script, [BOOK]) as (_, rig):
        await rig.until(lambda: rig.synced, "in sync")
        assert rig.hash == hash_of(12, "100.0 6, 99.9 2", ASKS)
        return "the last one holds: 6"


@case(10, "locked or crossed after an update", "a bid at the ask; then one above it")
async def crossing(folder: Path) -> str:
    """On a book so lopsided that updates are signals while it is in sync."""
    signals = []

    async def script(wire: Wire, peer: Peer) -> None:
        rig, last = wire.rig, 10

        async def update(bids: str) -> None:
            nonlocal last
            await wire.say(peer, depth(last + 1, last + 2, last, bids=bids))
            last += 2

        await rig.until(lambda: rig.reported("snapshot"), "a book")
        for n, price in enumerate(("100.1", "100.2"), 1):
            before = rig.count("signals")
            while rig.count("signals") == before:
                await update(f"100.0 {50 + last % 4}")
                await asyncio.sleep(0.005)
            wire.answering.clear()
            await update(f"{price} 50")
            await rig.until(lambda n=n: rig.count("crossed_book") == n, "crossed")
            assert not rig.synced
            before = rig.count("signals")
            for _ in range(20):
                await update("99.9 80")
            await rig.until(lambda n=n: rig.count("buffered") >= 20 * n, "twenty more")
            signals.append(rig.count("signals") - before)
            wire.books.append(book(last, "100.0 50, 99.9 80", ASKS))
            wire.answering.set()
            await rig.until(lambda n=n: len(rig.reported("snapshot")) == n + 1, "another book")
        await update("100.0 51")
        await peer.until_gone()

    async with Wire(script, [book(10, "100.0 50, 99.9 50", ASKS)]) as (wire, rig):
        await rig.until(lambda: rig.synced and wire.requests == 3, "in sync in the end")
        return (f"{rig.count('crossed_book')} `crossed_book`, {plural(sum(signals), 'signal')} until the next book, "
                f"{plural(rig.count('resyncs'), 'resync')}")


@case(11, "the price drifts beyond the snapshot's depth", "books of 5 levels a side; the touch falls to the last of the bids")
async def drift(folder: Path) -> str:
    in_sync = []

    async def script(wire: Wire, peer: Peer) -> None:
        rig = wire.rig
        await rig.until(lambda: rig.reported("snapshot"), "a book")
        await wire.say(peer, depth(11, 12, 10))
        await rig.until(lambda: rig.synced, "in sync")
        wire.answering.clear()
        await wire.say(peer, depth(13, 14, 12, "100.0 0, 99.9 0, 99.8 0, 99.7 0", "99.8 1, 99.9 1, 100.0 1"))
        await rig.until(lambda: wire.requests == 2, "asked for a fresh one")
        await wire.say(peer, depth(15, 16, 14, "99.6 9"))
        await rig.until(lambda: rig.count("depth") == 3, "going on meanwhile")
        in_sync.append(rig.synced)
        wire.answering.set()
        await peer.until_gone()

    books = [book(10, "100.0 1, 99.9 1, 99.8 1, 99.7 1, 99.6 1", "100.1 1, 100.2 1, 100.3 1, 100.4 1, 100.5 1"),
             book(14, "99.6 1, 99.5 1, 99.4 1, 99.3 1, 99.2 1", "99.8 1, 99.9 1, 100.0 1, 100.1 1, 100.2 1")]
    async with Wire(script, books) as (wire, rig):
        # What the fresh book tells of the unknown below; the asks that it is too short for stay, the stream having told no other.
        wanted = hash_of(16, "99.6 9, 99.5 1, 99.4 1, 99.3 1, 99.2 1",
                         "99.8 1, 99.9 1, 100.0 1, 100.1 1, 100.2 1, 100.3 1, 100.4 1, 100.5 1")
        await rig.until(lambda: rig.hash == wanted, "refreshed")
        assert in_sync == [True]
        return (f"{plural(wire.requests - 1, 'fresh book')} requested while the stream goes on, the levels beyond the first's "
                f"edge are in the book, {plural(rig.count('resyncs'), 'resync')}")


@case(12, "a second gap during a resync", "gap, a second gap while the book is fetched, a book of before the second gap")
async def second_gap(folder: Path) -> str:
    async def script(wire: Wire, peer: Peer) -> None:
        await wire.rig.until(lambda: wire.rig.reported("snapshot"), "a book")
        await wire.say(peer, depth(11, 12, 10))
        await wire.rig.until(lambda: wire.rig.synced, "in sync")
        wire.answering.clear()
        await wire.say(peer, depth(14, 15, 13, bids="99.0 9"))
        await wire.rig.until(lambda: wire.requests == 2, "asked again")
        await wire.say(peer, depth(18, 19, 17, bids="98.0 9"))
        await wire.rig.until(lambda: wire.rig.count("depth") + wire.rig.count("buffered") >= 3, "both heard")
        wire.answering.set()
        await wire.rig.until(lambda: len(wire.rig.reported("snapshot")) == 3, "a third book")
        await wire.say(peer, depth(20, 21, 19, asks="100.1 4"))
        await peer.until_gone()

    books = [BOOK, book(15, "100.0 1, 99.0 9", ASKS), book(19, "100.0 1, 98.0 9", ASKS)]
    async with Wire(script, books) as (wire, rig):
        await rig.until(lambda: rig.synced and rig.hash == hash_of(21, "100.0 1, 98.0 9", "100.1 4, 100.2 2"), "the third book")
        return (f"that book is refused, {plural(wire.requests, 'book')} requested, {plural(rig.count('resyncs'), 'resync')}; "
                "nothing of the first two is in the book")
