"""Which files are a session, how they are packed, and what is said of those that are none: cases of `cases/` and their kinds."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

import hft
from hft.errors import DamagedData
from tests import data
from tests.backtesting.case_runs import alike, command, converted, summary

# -- files -----------------------------------------------------------------------------------------------------------------


def test_08_part_names_of_others(tmp_path: Path) -> None:
    cases = [data.find(f"cases/08_part_names_of_others/btc.part000{n}.txt.gz") for n in (1, 2, 3, 4)]
    lines = [gzip.decompress(case.read_bytes()) for case in cases]
    (tmp_path / "whole").write_bytes(b"".join(lines))
    alike(hft.backtest(cases), hft.backtest(tmp_path / "whole"))
    for n in (0, 1):
        (tmp_path / "alone").write_bytes(lines[n])
        found = hft.backtest(cases[n])
        alike(found, hft.backtest(tmp_path / "alone"))
        frames = [line for line in lines[n].splitlines() if b'"lastUpdateId"' not in line]
        assert sum(found.summary.messages_by_kind.values()) + found.summary.skipped.get("buffered", 0) >= len(frames) // 2
    assert summary(*cases)["messages"] > summary(cases[0])["messages"]
    # A name that no file has is none, whatever stands beside it.
    done = command("backtest", cases[0].with_name("btc.txt.gz"))
    assert done.returncode == 2
    assert "name its parts, btc.part0001.txt.gz, btc.part0002.txt.gz and 2 more" in done.stderr


def test_names_like_those_of_a_pair_are_no_pair(tmp_path: Path) -> None:
    case = data.find("cases/08_part_names_of_others/btc.part0001.txt.gz")
    lines = gzip.decompress(case.read_bytes())
    (tmp_path / "btc.ws.1").write_bytes(lines)
    (tmp_path / "btc.http.2").write_bytes(b"nothing of the kind\n")
    alike(hft.backtest(tmp_path / "btc.ws.1"), hft.backtest(case))


def test_16_gzip_tails(tmp_path: Path) -> None:
    case = data.find("cases/16_gzip_tails/killed_then_appended.gz")
    done = command("backtest", case, "--json")
    assert done.returncode == 0
    # What was lost between the members is a gap.
    half = (
        "hft: the book of BTCUSDT was in sync for 52.9 % of the time, and there are no orders without it: gap at "
        "2023-04-04T23:58:33.931Z (once, 11.70 s), no snapshot of the book yet (once, 0.18 s)\n"
    )
    assert done.stderr == f"{case} breaks off after line 1440 and goes on with another member\n{half}"
    # The same, cut by hand: both members' whole lines.
    packed = case.read_bytes()
    second = packed.index(b"\x1f\x8b\x08", 1)
    first = zlib.decompressobj(31).decompress(packed[:second])
    content = first[: first.rindex(b"\n") + 1] + gzip.decompress(packed[second:])
    (tmp_path / "cut").write_bytes(content)
    alike(hft.backtest(case), hft.backtest(tmp_path / "cut"))
    assert json.loads(done.stdout)["messages"] == hft.backtest(tmp_path / "cut").summary.messages
    # Zeros behind the last member are passed over.
    (tmp_path / "padded").write_bytes(gzip.compress(content) + bytes(100_000))
    done = command("backtest", tmp_path / "padded", "--json")
    assert (done.returncode, done.stderr) == (0, half)


@pytest.mark.parametrize("pack", [bytes, zstandard.ZstdCompressor(write_checksum=True).compress], ids=["plain", "zst"])
def test_tails_of_other_packings(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    case = data.find("cases/08_part_names_of_others/btc.part0001.txt.gz")
    lines = gzip.decompress(case.read_bytes()).splitlines(keepends=True)
    before, after = b"".join(lines[:600]), b"".join(lines[601:])
    (tmp_path / "clean").write_bytes(before + after)
    torn = pack(before + lines[600])
    torn = torn[:-20] if pack is bytes else torn[:-4]
    for padding in (0, 5000):
        path = tmp_path / f"torn{padding}"
        path.write_bytes(torn + bytes(padding) + pack(after) + bytes(4096))
        found = hft.backtest(path)
        assert len(found.torn) == 1
        assert "goes on" in found.torn[0]
        if pack is bytes:
            alike(found, hft.backtest(tmp_path / "clean"))


# -- refusals --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "text"), [
    ("BTCUSDT-aggTrades-2023-05.csv", "is a file of Binance's public dumps, aggTrades: trades and no book"),
    ("BTCUSDT-aggTrades-2023-05.zip", "is a file of Binance's public dumps, aggTrades: trades and no book"),
    ("BTCUSDT-bookTicker-2023-05.zip", "is a file of Binance's public dumps, bookTicker: the touch and no book"),
    ("derivative_ticker.csv", "holds Tardis' derivative_ticker"),
    ("hyperliquid.txt", "holds messages of Hyperliquid"),
    ("no_stamps.jsonl", "holds messages without receive times"),
])  # fmt: skip
def test_17_what_is_no_capture(name: str, text: str) -> None:
    case = data.find(f"cases/17_what_is_no_capture/{name}")
    done = command("backtest", case)
    assert done.returncode == 4
    assert f"{case}" in done.stderr
    assert text in done.stderr
    assert "copy it again" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    found = converted(data.find("cases/17_what_is_no_capture/bom_trades.csv"), tmp_path / "x.events")
    assert found["messages"] == {"trade": 1}
    case = data.find("cases/01_ps_is_not_coinm/usdm_2026.txt.gz")
    marked = b"\xef\xbb\xbf" + gzip.decompress(case.read_bytes())
    for name, content in (("plain", marked), ("packed", gzip.compress(marked))):
        (tmp_path / name).write_bytes(content)
        alike(hft.backtest(tmp_path / name), hft.backtest(case))


def archive(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize(("name", "content", "text"), [
    ("x", b"", "is empty"),
    ("x.db", b"SQLite format 3\0" + bytes(100), "is a SQLite database"),
    ("x.parquet", b"PAR1" + bytes(100), "is a Parquet file"),
    ("x.csv", b"when,price,qty\n1,2,3\n", "is CSV of unknown columns: when,price,qty"),
    ("notes.txt", b"Dear all\nnothing here\n", "is text: Dear all"),
    ("x.bz2", b"BZh91AY&SY" + bytes(100), "is packed with bzip2"),
    ("x.gz.gz", gzip.compress(gzip.compress(b"1723161255030314667 {}\n" * 9000, mtime=0), mtime=0), "is packed twice with gzip"),
    ("x.txt", "1 {}".encode("utf-16"), "is text in UTF-16"),
    ("BTCUSDT-1m-2024-01.csv", b"1704067200000,1,2,3,4,5,6,7,8,9,10,0\n", "public dumps, klines: candles and no book"),
    ("BTCUSDT-trades-2024-01.csv", b"1,42000.1,0.1,4200,1704067200000,True,True\n", "public dumps, trades: trades and no book"),
    ("BTCUSDT-metrics-2024-01-01.zip", archive("m.csv", b"create_time,symbol,sum_open_interest\n"), "public dumps, metrics"),
    ("x.zip", archive("notes.txt", b"Dear all\n"), "is a ZIP archive of notes.txt, which is text: Dear all"),
    ("x.txt", b'1737918843893903000 {"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1,"data":[]}\n', "messages of Bybit"),
    ("x.txt", b'1737918843893903000 {"arg":{"channel":"books","instId":"BTC-USDT"},"data":[]}\n', "messages of OKX"),
    ("x.jsonl", b'{"channel":"l2_data","timestamp":"2024","sequence_num":1,"events":[]}\n', "messages of Coinbase"),
    ("x.json", b'{\n  "e": "trade"\n}\n', "begins like JSON, but not with one message a line"),
])  # fmt: skip
def test_a_refusal_says_what_the_file_is(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DamagedData) as refused:
        hft.backtest(tmp_path / name)
    assert text in str(refused.value)
    assert "copy it again" not in str(refused.value)
    assert refused.value.exit_code == 4
