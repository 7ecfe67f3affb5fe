"""Tardis CSV: every kind, row by row, into messages; numbers exactly; what is damaged is problem with its line."""

import contextlib
import gzip
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft.data import tardis
from hft.data.events import as_events
from hft.data.row_probe import RowError, RowProbe
from hft.data.rows import RowReader
from hft.data.tardis import TardisFile, layout_of
from hft.errors import DamagedData, UsageError
from tests import data
from tests.recorded.naive import Message, book, messages

L2 = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
QUOTES = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount"
T = 1_600_000_000_000_000
BTC = Spec("BTCUSDT", tick="0.1", step="0.001")


def shallow(levels):
    parts = [f"asks[{i}].price,asks[{i}].amount,bids[{i}].price,bids[{i}].amount" for i in range(levels)]
    return "exchange,symbol,timestamp,local_timestamp," + ",".join(parts)


def write(folder, header, *rows, name="file.csv"):
    path = folder / name
    path.write_text("".join(f"{row}\n" for row in [header, *rows]))
    return path


def row(t, *fields, symbol="BTCUSDT", exchange="binance-futures"):
    return ",".join(map(str, [exchange, symbol, T + t, T + t + 5, *fields]))


def read(path, specs=(BTC,)):
    file = TardisFile(path)
    file.probe(())
    return np.concatenate(list(file.batches(specs)))


def at(t):
    return {"recv_ns": (T + t + 5) * 1000, "venue_ns": (T + t) * 1000}


def test_the_kind_is_recognised_by_the_header():
    assert layout_of(L2.encode() + b"\r\n") == "incremental_book_L2"
    assert layout_of(QUOTES.encode()) == "quotes"
    assert layout_of(shallow(5).encode()) == layout_of(shallow(25).encode()) == "book_snapshot"
    assert layout_of(b"exchange,symbol,timestamp,local_timestamp,funding_rate") is None
    assert layout_of(shallow(5).encode() + b",x") is None


def test_rows_of_equal_stamps_are_one_message_bids_first(tmp_path):
    path = write(
        tmp_path, L2, row(0, "true", "ask", "100.2", 1), row(0, "true", "bid", "100.1", 2), row(0, "true", "ask", "100.3", 3),
        row(10, "false", "bid", "100.1", 0), row(10, "false", "ask", "100.2", "1.5"), row(11, "false", "bid", 100, 4),
    )  # fmt: skip
    assert messages(read(path)) == [
        Message("connect", 0, at(0)["recv_ns"], 0),
        Message("snapshot", 0, **at(0), bids=((1001, 2000),), asks=((1002, 1000), (1003, 3000))),
        Message("depth", 0, **at(10), bids=((1001, 0),), asks=((1002, 1500),)),
        Message("depth", 0, **at(11), bids=((1000, 4000),)),
    ]


def test_a_snapshot_in_mid_file_begins_the_book_anew(tmp_path):
    path = write(
        tmp_path, L2, row(0, "true", "bid", "100", 1), row(1, "true", "ask", "101", 1), row(5, "false", "bid", "99", 1),
        row(9, "true", "bid", "90", 1), row(9, "true", "ask", "91", 1),
    )  # fmt: skip
    found = messages(read(path))
    # Rows of a snapshot go on until an update comes, whatever their stamps.
    assert [message.kind for message in found] == ["connect", "snapshot", "depth", "depth", "connect", "snapshot"]
    assert book(found) == ({900: 1000}, {910: 1000})


def test_a_snapshot_too_large_for_a_message_goes_on_in_updates(tmp_path):
    rows = [row(0, "true", "bid" if n < 9000 else "ask", n + 1, 1) for n in range(18_000)]
    found = messages(read(write(tmp_path, L2, *rows)))
    assert [message.kind for message in found] == ["connect", "snapshot", "depth"]
    assert [len(message.bids) + len(message.asks) for message in found] == [0, 16384, 18_000 - 16384]


def test_symbols_of_one_file_are_kept_apart(tmp_path):
    path = write(
        tmp_path, L2, row(0, "true", "bid", "100", 1), row(0, "true", "bid", "7.5", 1, symbol="ethusdt"),
        row(1, "false", "bid", "101", 1), row(1, "false", "bid", "8", 1, symbol="ethusdt"),
        row(1, "false", "bid", 3, 1, symbol="X"),
    )  # fmt: skip
    seen = TardisFile(path).probe(())
    assert (seen.protocol, seen.symbols) == ("binance-usdm", ["BTCUSDT", "ETHUSDT", "X"])
    assert (seen.printed["ETHUSDT"].price, seen.printed["ETHUSDT"].qty) == (1, 0)
    found = messages(read(path, [Spec("ETHUSDT", tick="0.5", step="1"), BTC]))
    assert book([m for m in found if m.symbol == 0])[0] == {15: 1, 16: 1}
    assert book([m for m in found if m.symbol == 1])[0] == {1000: 1000, 1010: 1000}


@pytest.mark.parametrize(
    ("exchange", "protocol"),
    [("binance", "binance-spot"), ("binance-futures", "binance-usdm"), ("binance-delivery", "binance-coinm"),
     ("bitmex", "binance-usdm"), ("deribit", "binance-usdm")],
)
def test_the_exchange_gives_the_protocol(tmp_path, exchange, protocol):
    path = write(tmp_path, TRADES, row(0, 7, "buy", 1, 1, exchange=exchange))
    assert TardisFile(path).probe(()).protocol == protocol


def test_trades_have_the_side_that_took_and_an_id_where_it_is_the_venues_integer(tmp_path):
    rows = [row(t, 70 + t, side, "100.5", "0.25") for t, side in enumerate(["buy", "sell", "unknown", ""])]
    found = messages(read(write(tmp_path, TRADES, *rows)), ids=True)
    assert [(m.buyer_maker, m.not_market) for m in found] == [(False, False), (True, False), (False, True), (False, True)]
    assert [m.ids for m in found] == [(70 + t, 70 + t, -1) for t in range(4)]
    assert {(m.price, m.qty) for m in found} == {(1005, 250)}
    other = write(tmp_path, TRADES, row(0, "ccc3c1fa-212c", "sell", "100.5", 1, exchange="bitmex"))
    assert messages(read(other), ids=True)[0].ids == (0, 0, -1)      # given one where files are merged


def test_a_trade_of_nothing_fills_nobody(tmp_path):
    assert messages(read(write(tmp_path, TRADES, row(0, 1, "buy", 100, 0))))[0].not_market


def test_quotes_are_book_tickers_and_an_empty_side_is_empty(tmp_path):
    path = write(tmp_path, QUOTES, row(0, 2, "100.2", "100.1", 3), row(1, "", "", "100.1", 3))
    assert messages(read(path)) == [
        Message("bookTicker", 0, **at(0), bids=((1001, 3000),), asks=((1002, 2000),)),
        Message("bookTicker", 0, **at(1), bids=((1001, 3000),), asks=((0, 0),)),
    ]


SIDE = st.dictionaries(st.integers(1, 12), st.integers(1, 3), max_size=8)


@given(st.lists(st.tuples(SIDE, SIDE), min_size=1, max_size=12))
def test_each_row_of_a_shallow_book_is_the_whole_book(tmp_path_factory, sides):
    levels = 3
    rows = []
    for t, (bids, asks) in enumerate(sides):
        shown = [sorted(bids.items(), reverse=True)[:levels], sorted((price + 20, qty) for price, qty in asks.items())[:levels]]
        fields = [""] * (4 * levels)
        for side, start in ((1, 0), (0, 2)):
            for i, (price, qty) in enumerate(shown[side]):
                fields[4 * i + start : 4 * i + start + 2] = [f"{price / 10}", qty]
        rows.append(row(t, *fields))
        expected = tuple({price: qty * 1000 for price, qty in side} for side in shown)
        path = write(tmp_path_factory.mktemp("shallow"), shallow(levels), *rows)
        found = messages(read(path))
        assert [message.kind for message in found] == ["connect", *["book"] * (t + 1)]
        assert book(found) == expected


def test_rows_that_are_all_snapshots_are_whole_books_and_one_alone_is_where_updates_begin(tmp_path):
    def rows(*stamps):
        return [row(t, "true", side, price, 1) for t in stamps for side, price in (("bid", 100 + t), ("ask", 101 + t))]

    several, one = write(tmp_path, L2, *rows(0, 5, 9)), write(tmp_path, L2, *rows(3), name="one.csv")
    found = messages(read(several))
    assert [message.kind for message in found] == ["connect", "book", "book", "book"]
    assert book(found) == ({1090: 1000}, {1100: 1000})
    assert [message.kind for message in messages(read(one))] == ["connect", "snapshot"]


DECIMALS = st.decimals("0.000001", "99999999", places=6)


@given(DECIMALS, DECIMALS)
def test_numbers_are_read_exactly_however_they_are_printed(tmp_path_factory, price, qty):
    spec = Spec("BTCUSDT", tick="0.000001", step="0.000001")
    folder = tmp_path_factory.mktemp("numbers")
    for text in ("{:f}", "{:E}", "{}"):
        path = write(folder, L2, row(0, "true", "bid", text.format(price.normalize()).lower(), text.format(qty.normalize())))
        levels = messages(read(path, [spec]))[1].bids
        assert levels == ((spec.ticks(price), spec.quanta(qty)),)


def test_decimals_are_counted_without_zeros_at_the_end_and_with_exponents(tmp_path):
    path = write(tmp_path, L2, row(0, "true", "bid", "100.10", "5e-8"), row(0, "true", "bid", "1e2", "1.25E-3"))
    assert (TardisFile(path).probe(()).printed["BTCUSDT"].price, TardisFile(path).probe(()).printed["BTCUSDT"].qty) == (1, 8)
    levels = messages(read(path, [Spec("BTCUSDT", tick="0.1", step="0.00000001")]))[1].bids
    assert levels == ((1001, 5), (1000, 125_000))


@pytest.mark.parametrize(
    ("header", "bad", "problem"),
    [
        (L2, row(1, "false", "bid", "100.15", 1), "price is no number above 0 on the tick"),
        (L2, row(1, "false", "bid", "100.1", "0.0001"), "amount is no number on the quantum"),
        (L2, row(1, "false", "bid", "-1", "1"), "price"),
        (L2, row(1, "false", "bid", "0", "1"), "price"),
        (L2, row(1, "false", "bid", "nan", "1"), "price"),
        (L2, row(1, "false", "bid", "1e400", "1"), "price"),
        (L2, row(1, "false", "bid", "123456789012345678901", "1"), "price"),
        (L2, row(1, "maybe", "bid", "1", "1"), "is_snapshot"),
        (L2, row(1, "false", "left", "1", "1"), "side"),
        (L2, row(1, "false", "bid", "1"), "fields"),
        (L2, row(1, "false", "bid", "1", "1", "1"), "fields"),
        (L2, row(-9, "false", "bid", "1", "1"), "goes back"),
        (L2, "binance-futures,BTCUSDT,1,2,false,bid,1,1", "stamp"),
        *((L2, f"binance-futures,BTCUSDT,{venue},{local},false,bid,1,1", "stamp")       # before 2100
          for venue, local in ((1, 4_102_444_800_000_000), (T, 9_999_999_999_999_999), (9_223_372_036_854_775, T))),
        (L2, "binance,BTCUSDT,1600000000000000,1600000000000000,false,bid,1,1", "another exchange"),
        (L2, "", "fields"),
        (TRADES, row(1, "x7", "buy", "1", "1"), "id"),
        (TRADES, row(1, "7", "bid", "1", "1"), "side"),
        (QUOTES, row(1, "7", "", "1", "1"), "ask_price"),
        (shallow(1), row(1, "1", "x", "1", "1"), "amount"),
        (shallow(2), row(1, "1", "1", "1", "1", "1", "1", "2", "1"), "order of price"),
    ],
)
def test_a_damaged_row_is_named_by_file_and_line(tmp_path, header, bad, problem):
    good = {L2: row(0, "true", "bid", 100, 1), TRADES: row(0, 6, "buy", 100, 1), QUOTES: row(0, 1, 100, 99, 1)}
    first = good.get(header) or row(0, *["", ""] * (2 * header.count("asks[") // 2))
    path = write(tmp_path, header, first, bad, first)
    with pytest.raises(DamagedData, match=problem) as error:
        read(path)
    assert f"{path}, line 3: " in str(error.value)


def test_what_is_no_file_of_tardis(tmp_path):
    with pytest.raises(DamagedData, match="line 1: is a header of no known data type"):
        TardisFile(write(tmp_path, "exchange,symbol,timestamp,local_timestamp,funding_rate"))
    with pytest.raises(DamagedData, match="holds no row"):
        TardisFile(write(tmp_path, L2)).probe(())
    with pytest.raises(UsageError, match="name an existing file"):
        TardisFile(tmp_path / "nothing.csv")


def test_gzip_is_read_and_a_torn_one_reported(tmp_path):
    rows = [row(t, "false", "bid", 100 + t, 1) for t in range(5000)]
    plain = write(tmp_path, L2, row(0, "true", "bid", 100, 1), *rows)
    packed = tmp_path / "file.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read(packed).tobytes() == read(plain).tobytes()
    packed.write_bytes(packed.read_bytes()[:-5000])
    with pytest.raises(DamagedData, match="breaks off"):
        read(packed)


@pytest.mark.parametrize("block", [120, 333, 1000])
def test_where_the_blocks_end_does_not_matter(tmp_path, monkeypatch, block):
    rows = [row(t // 3, "false", "bid" if t % 2 else "ask", 100 + t, t) for t in range(60)]
    path = write(tmp_path, L2, row(0, "true", "bid", 100, 1), *rows)
    whole = read(path).tobytes()
    text = path.read_text()
    monkeypatch.setattr(tardis, "_BLOCK", block)
    assert read(path).tobytes() == whole
    path.write_bytes(text.rstrip("\n").replace("\n", "\r\n").encode())
    assert read(path).tobytes() == whole


FIELD = st.one_of(
    st.sampled_from(["binance", "BTCUSDT", "true", "false", "bid", "ask", "buy", "sell", "", "\r", "1e-7", "1e999", "é"]),
    st.integers(T, T + 3).map(str), st.text("0123456789.eE+-", max_size=24), st.text(max_size=5),
)  # fmt: skip


@given(
    st.sampled_from([("incremental_book_L2", 8), ("trades", 8), ("quotes", 8), ("book_snapshot", 8), ("book_snapshot", 24)]),
    st.lists(st.lists(FIELD, min_size=7, max_size=25).map(",".join), max_size=6),
)
def test_whatever_stands_in_a_row_it_is_taken_whole_or_refused(layout, rows):
    block = "".join(f"{row}\n" for row in rows).encode("utf-8", "replace")
    for reader in (RowProbe(*layout), RowReader(*layout, {"BTCUSDT": (0, BTC)}, False)):
        with contextlib.suppress(RowError):
            reader.feed(block)
    reader.finish()
    messages(as_events(reader.take()))


def test_rows_of_another_length_than_their_kind_has_are_refused():
    for layout in (("trades", 12), ("book_snapshot", 10), ("book_snapshot", 408), ("quotes", 4)):
        with pytest.raises(ValueError, match="fields"):
            RowProbe(*layout)
        with pytest.raises(ValueError, match="fields"):
            RowReader(*layout, {}, False)
    with pytest.raises(ValueError, match="63 bytes"):
        RowReader("trades", 8, {"X" * 64: (0, BTC)}, False)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("binance-futures_book_snapshot_25_BTCUSDT.csv", {"connect": 1, "book": 10}),
        ("binance-futures_book_snapshot_5_BTCUSDT.csv", {"connect": 1, "book": 10}),
        ("bitmex_trades_XBTUSD.csv", {"trade": 10}),
        ("deltas_1.csv", {"connect": 1, "snapshot": 1}),
        ("deltas_with_snapshot.csv", {"connect": 2, "snapshot": 2, "depth": 5}),
        ("deribit_incremental_book_L2_BTC-PERPETUAL.csv", {"connect": 1, "snapshot": 1}),
        ("huobi-dm-swap_quotes_BTC-USD.csv", {"bookTicker": 10}),
        ("trades_1.csv", {"trade": 2}),
    ],
)
def test_the_samples(name, kinds):
    path = data.find(f"tardis/{name}")
    file = TardisFile(path)
    seen = file.probe(())
    symbol = seen.symbols[0]
    scale = seen.printed[symbol]
    spec = Spec(symbol, tick=Decimal(1).scaleb(-scale.price), step=Decimal(1).scaleb(-scale.qty))
    found = messages(np.concatenate(list(file.batches([spec]))))
    counts = [message.kind for message in found]
    assert {kind: counts.count(kind) for kind in counts} == kinds
    # Independently, the numbers of the file: all are in the records, none else.
    lines = [line.split(",") for line in path.read_text().splitlines()[1:]]
    if "trades" in name:
        assert [(spec.price(m.price), spec.qty(m.qty)) for m in found] == [(Decimal(f[6]), Decimal(f[7])) for f in lines]
    if "deribit" in name:
        asks = [(Decimal(f[6]), Decimal(f[7])) for f in lines if f[5] == "ask"]
        assert [(spec.price(p), spec.qty(q)) for p, q in found[1].asks] == asks
