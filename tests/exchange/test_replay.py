"""A recorded session served again: whole, in order, bridged, and ended."""

import asyncio
import gzip
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
import websockets

from hft.errors import DamagedData, UsageError
from hft.exchange.replay import Contents
from tests import data
from tests.exchange.client import connected, exchange, follow, get
from tests.exchange.sessions import everything, record


@pytest.mark.parametrize(("protocol", "stream"), [("binance-usdm", "depth@0ms"), ("binance-spot", "depth@100ms")])
@pytest.mark.parametrize("speed", [0.0, 20.0])
async def test_a_client_bridges_and_follows_to_the_end(tmp_path, protocol, stream, speed):
    lines = record(tmp_path / "session.gz", protocol)
    async with exchange(capture=tmp_path / "session.gz", speed=speed) as printed:
        assert (printed["protocol"], printed["symbols"]) == (protocol, ["BTCUSDT"])
        book, _, code = await follow(printed, stream, updates=1 << 30)
    depths = [json.loads(line)["data"] for line in lines if "depthUpdate" in line]
    assert code == 1000
    assert book.id == depths[-1]["u"]
    assert book.applied > len(depths) / 2


async def test_every_message_arrives_once_in_order_under_the_requested_name(tmp_path):
    lines = [line for line in record(tmp_path / "session.gz", "binance-usdm") if line.startswith('{"stream"')]
    wanted = [json.loads(line) for line in lines]
    async with exchange(capture=tmp_path / "session.gz", speed=0.0) as printed:
        names = "btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade/btcusdt@aggTrade"
        messages, code = await everything(printed, f"/stream?streams={names}")
    assert code == 1000
    got = [json.loads(message) for message in messages]
    assert [m["data"] for m in got] == [m["data"] for m in wanted]
    assert {m["stream"] for m in got} == set(names.split("/"))


async def test_a_client_that_reads_slowly_loses_nothing(tmp_path):
    lines = record(tmp_path / "session.gz", "binance-usdm")
    async with exchange(capture=tmp_path / "session.gz", speed=0.0, client_queue=5) as printed:
        url = printed["ws"] + "/ws/btcusdt@bookTicker"
        async with websockets.connect(url, compression=None, max_queue=1) as socket:
            count = 0
            async for _ in socket:  # ends at a normal close, raises at any other
                count += 1
                await asyncio.sleep(0.001 if count % 20 == 0 else 0)
        assert socket.close_code == 1000
    assert count == sum("bookTicker" in line for line in lines)


async def test_the_snapshot_is_answered_before_the_session_starts_and_again_later(tmp_path):
    lines = record(tmp_path / "session.gz", "binance-usdm")
    snapshot = next(json.loads(line) for line in lines if "lastUpdateId" in line)
    async with exchange(capture=tmp_path / "session.gz", speed=20.0) as printed:
        assert (await get(printed, "/depth?symbol=BTCUSDT&limit=5"))[2] == snapshot
        async with connected(printed, "/ws/btcusdt@depth@0ms") as socket:
            await socket.recv()
            assert (await get(printed, "/depth?symbol=BTCUSDT&limit=1000"))[2]["lastUpdateId"] >= snapshot["lastUpdateId"]


async def test_a_client_that_comes_later_gets_the_book_as_the_stream_has_left_it(tmp_path):
    record(tmp_path / "session.gz", "binance-usdm", seconds=6)
    async with exchange(capture=tmp_path / "session.gz", speed=2.0) as printed:
        first, _, _ = await follow(printed, "depth@0ms", updates=20)
        later, _, code = await follow(printed, "depth@0ms", updates=1 << 30)
        assert code == 1000
    assert later.id > first.id
    async with exchange(capture=tmp_path / "session.gz", speed=0.0) as printed:
        whole, _, _ = await follow(printed, "depth@0ms", updates=1 << 30)
    assert later.id == whole.id
    assert sorted(later.bids.items())[-500:] == sorted(whole.bids.items())[-500:]       # a book of later is cut at the limit
    assert sorted(later.asks.items())[:500] == sorted(whole.asks.items())[:500]


def test_of_several_symbols_those_named_are_served(tmp_path):
    record(tmp_path / "session.gz", "binance-usdm", seconds=1)
    assert list(Contents(tmp_path / "session.gz", ["BTCUSDT"]).symbols) == ["BTCUSDT"]
    with pytest.raises(UsageError, match=r"session\.gz: holds no ETHUSDT; use BTCUSDT"):
        Contents(tmp_path / "session.gz", ["ETHUSDT"])


async def test_a_capture_without_a_snapshot_says_so(tmp_path):
    record(tmp_path / "session.gz", "binance-usdm", seconds=1, snapshot=False)
    async with exchange(capture=tmp_path / "session.gz") as printed:
        status, _, body = await get(printed, "/depth?symbol=BTCUSDT")
        assert (status, body["msg"]) == (503, "the capture holds no REST snapshot of this symbol")


async def test_exchange_info_of_a_capture_names_tick_and_step(tmp_path):
    record(tmp_path / "session.gz", "binance-spot", seconds=1)
    async with exchange(capture=tmp_path / "session.gz") as printed:
        (symbol,) = (await get(printed, "/exchangeInfo"))[2]["symbols"]
    filters = {f["filterType"]: f for f in symbol["filters"]}
    assert Decimal(filters["PRICE_FILTER"]["tickSize"]) == Decimal("0.01")
    assert Decimal(filters["LOT_SIZE"]["stepSize"]) == Decimal("0.00001")


def test_tick_and_step_of_an_unknown_symbol_are_the_decimals_in_use(tmp_path):
    record(tmp_path / "session.gz", "binance-usdm", seconds=1)
    text = gzip.decompress((tmp_path / "session.gz").read_bytes()).replace(b"BTCUSDT", b"NEWUSDT").replace(b"btcusdt", b"newusdt")
    (tmp_path / "new.gz").write_bytes(text)
    symbol = Contents(tmp_path / "new.gz").symbols["NEWUSDT"]
    # Printed with two decimals: a zero at the end does not count.
    assert (symbol.tick, symbol.step, symbol.base, symbol.quote) == ("0.1", "0.001", "NEW", "USDT")


@pytest.mark.parametrize("harm", ["cut", "garbage", "empty"])
def test_a_damaged_capture_is_one_line_before_anything_is_served(tmp_path, harm):
    path = tmp_path / "session.gz"
    record(path, "binance-usdm", seconds=1)
    whole = path.read_bytes()
    lines = gzip.decompress(whole).splitlines(keepends=True)
    path.write_bytes({
        "cut": whole[: len(whole) // 2],
        "garbage": gzip.compress(b"".join([*lines[:50], b"\x00\x01 not a line\n", *lines[50:]])),
        "empty": b"",
    }[harm])
    with pytest.raises(DamagedData) as damaged:
        Contents(path)
    assert damaged.value.exit_code == 4
    assert "session.gz" in str(damaged.value)
    assert "\n" not in str(damaged.value)


def test_a_capture_that_is_not_there_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"none\.gz"):
        Contents(tmp_path / "none.gz")


@pytest.mark.long
@pytest.mark.parametrize(
    ("capture", "stream", "dropped", "depths"),
    [
        (data.USDM_BTC, "depth@0ms", 4, data.figure(data.USDM_BTC, 6551, 250)),
        (data.SPOT_BTC, "depth@100ms", 2, data.figure(data.SPOT_BTC, 3451, 200)),
    ],
)
async def test_a_real_capture_is_followed_to_its_last_update(capture, stream, dropped, depths):
    async with exchange(capture=data.find(capture), speed=0.0) as printed:
        book, _, code = await follow(printed, stream, updates=1 << 30)
    assert code == 1000
    assert book.applied == depths - dropped


async def test_a_quiet_real_capture_with_microsecond_stamps():
    async with exchange(capture=data.find(data.SPOT_NEXO), speed=0.0) as printed:
        assert printed["symbols"] == ["NEXOUSDT"]
        book, _, code = await follow(printed, "depth@100ms", updates=1 << 30, symbol="NEXOUSDT")
    assert code == 1000
    assert book.applied > 100


# -- books that were recorded again and again --------------------------------------------------------------------------------

PEAK = """
import asyncio, re, sys
from pathlib import Path
from tests.exchange.client import exchange, follow

async def peak():
    async with exchange(capture=Path(sys.argv[1]), speed=0.0) as said:
        book, _, code = await follow(said, "depth@0ms", updates=1 << 30)
    print(book.id, code, int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]))

asyncio.run(peak())
"""


def served(path):
    """Last update and close code that a client sees, and the peak memory of exchange and client in a process of their own, MB."""
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True, timeout=100)
    last, code, kb = map(int, done.stdout.split())
    return last, code, kb / 1e3


def polled(path, often, books):
    """The session at `path` as one whose book was fetched so often after the first time, each answer older than the stream."""
    lines = [line.split(b" ", 1) for line in gzip.decompress(path.read_bytes()).splitlines(keepends=True)]
    first, body = next(line for line in lines if b"lastUpdateId" in line[1])
    step = (int(lines[-1][0]) - int(first)) // books
    lines += ([b"%d" % (int(first) + n * step), body] for n in range(1, books + 1))
    lines.sort(key=lambda line: int(line[0]))
    with gzip.open(often, "wb", 1) as file:
        file.writelines(b" ".join(line) for line in lines)
    return books * len(body)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_books_that_were_recorded(tmp_path):
    record(tmp_path / "once.gz", "binance-usdm")
    assert polled(tmp_path / "once.gz", tmp_path / "often.gz", 2000) > 60e6
    last, code, usual_mb = served(tmp_path / "once.gz")
    assert code == 1000
    last_of_often, code, mb = served(tmp_path / "often.gz")
    assert (last_of_often, code) == (last, 1000)
    assert mb < usual_mb + 20


async def test_a_client_that_comes_after_a_book_older_than_the_stream_gets_a_whole_one(tmp_path):
    record(tmp_path / "once.gz", "binance-usdm", seconds=6)
    polled(tmp_path / "once.gz", tmp_path / "often.gz", 100)
    async with exchange(capture=tmp_path / "often.gz", speed=1.0) as printed:
        await follow(printed, "depth@0ms", updates=5)
        later, _, code = await follow(printed, "depth@0ms", updates=1 << 30)
        assert code == 1000
    async with exchange(capture=tmp_path / "once.gz", speed=0.0) as printed:
        whole, _, _ = await follow(printed, "depth@0ms", updates=1 << 30)
    assert later.id == whole.id
    assert sorted(later.bids.items())[-500:] == sorted(whole.bids.items())[-500:]
    assert sorted(later.asks.items())[:500] == sorted(whole.asks.items())[:500]
