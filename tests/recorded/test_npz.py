"""hftbacktest's events: read row by row, written in its order; what can be held comes back as it was."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.engine import events as words
from hft.data import npz
from hft.data.events import EVENT
from hft.data.npz import NpzFile
from hft.data.npz_rows import (
    BBO,
    BEST_ASK,
    BEST_BID,
    BUY,
    CLEAR,
    DEPTH,
    EXCH,
    LOCAL,
    ROW,
    SELL,
    SNAPSHOT,
    TRADE,
    to_floats,
    to_units,
)
from hft.data.npz_writer import NpzWriter, in_order, rows_of
from hft.errors import DamagedData, UsageError
from tests.recorded.naive import Message, messages

BTC = Spec("BTCUSDT", tick="0.10", step="0.001")
BOTH = EXCH | LOCAL


def rows(*each):
    """(ev, exch_ts, local_ts, px, qty) as rows."""
    return np.array([(*row, 0, 0, 0.0) for row in each], ROW)


def save(folder, array, name="btcusdt.npz"):
    np.savez_compressed(folder / name, data=array)
    return folder / name


def read(path, spec=BTC):
    return messages(np.concatenate(list(NpzFile(path).batches([spec]))))


# -- reading


def test_rows_of_equal_stamps_are_one_message(tmp_path):
    path = save(tmp_path, rows(
        (BOTH | CLEAR | BUY, 5, 9, 61800.0, 0), (BOTH | SNAPSHOT | BUY, 5, 9, 61800.0, 1.5),
        (BOTH | CLEAR | SELL, 5, 9, 61800.2, 0), (BOTH | SNAPSHOT | SELL, 5, 9, 61800.2, 2),
        (BOTH | DEPTH | SELL, 6, 10, 61800.1, 1), (BOTH | DEPTH | BUY, 6, 10, 61800.0, 0),
        (BOTH | TRADE | SELL, 6, 10, 61800.0, 0.5), (BOTH | TRADE | BUY, 6, 10, 61800.1, 0.25), (BOTH | TRADE, 6, 10, 61800.1, 1),
        (EXCH | DEPTH | BUY, 7, 11, 5.0, 1), (LOCAL | DEPTH | BUY, 8, 11, 61799.9, 3),
    ))  # fmt: skip
    assert read(path) == [
        Message("connect", 0, 9, 0),
        Message("snapshot", 0, 9, 5, bids=((618000, 1500),), asks=((618002, 2000),)),
        Message("depth", 0, 10, 6, bids=((618000, 0),), asks=((618001, 1000),)),
        Message("trade", 0, 10, 6, price=618000, qty=500, buyer_maker=True),
        Message("trade", 0, 10, 6, price=618001, qty=250),
        Message("trade", 0, 10, 6, price=618001, qty=1000, not_market=True),
        Message("depth", 0, 11, 8, bids=((617999, 3000),)),
    ]


def test_best_bid_and_ask_are_book_tickers_a_side_alone_with_the_other_as_it_was(tmp_path):
    path = save(tmp_path, rows(
        (BOTH | BEST_BID, 5, 9, 1.0, 1), (BOTH | BEST_ASK, 5, 9, 2.0, 2), (BOTH | BBO | SELL, 6, 10, 1.5, 3),
        (BOTH | DEPTH | BUY, 6, 10, 1.0, 1), (BOTH | BBO | BUY, 7, 11, 1.2, 4),
    ))  # fmt: skip
    book_tickers = [(m.bids, m.asks) for m in read(path) if m.kind == "bookTicker"]
    assert book_tickers == [
        (((10, 1000),), ((20, 2000),)), (((10, 1000),), ((15, 3000),)), (((12, 4000),), ((15, 3000),)),
    ]  # fmt: skip


def test_a_clear_alone_is_an_empty_book(tmp_path):
    path = save(tmp_path, rows((BOTH | CLEAR | BUY, 5, 9, np.nan, 0), (BOTH | DEPTH | BUY, 6, 10, 1.0, 1)))
    assert [(m.kind, m.bids) for m in read(path)] == [("connect", ()), ("snapshot", ()), ("depth", ((10, 1000),))]


def test_a_message_that_is_too_large_goes_on_in_the_next(tmp_path):
    array = rows(*((BOTH | SNAPSHOT | (BUY if n < 9000 else SELL), 5, 9, float(n + 1), 1) for n in range(18_000)))
    found = read(save(tmp_path, array))
    assert [(m.kind, len(m.bids) + len(m.asks)) for m in found] == [("connect", 0), ("snapshot", 16384), ("depth", 1616)]


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_where_the_parts_end_does_not_matter(tmp_path, monkeypatch, chunk):
    array = rows(*(
        (BOTH | (DEPTH if n % 7 < 4 else BBO if n % 7 < 6 else TRADE) | (SELL if n % 3 else BUY), n // 3, 9 + n // 3, 1 + n, n)
        for n in range(40)
    ))  # fmt: skip
    path = save(tmp_path, array)
    whole = read(path)
    monkeypatch.setattr(npz, "_CHUNK", chunk)
    assert read(path) == whole
    np.save(tmp_path / "btcusdt.npy", array)
    assert read(tmp_path / "btcusdt.npy") == whole


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ((BOTH | DEPTH | BUY, 6, 10, 61800.05, 1), "row 1: has a px off the 0.1"),
        ((BOTH | DEPTH | BUY, 6, 10, 61800.0, 0.0005), "row 1: has a qty off the 0.001"),
        ((BOTH | DEPTH | BUY, 6, 10, np.nan, 1), "row 1: has a px"),
        ((BOTH | DEPTH | BUY, 6, 10, np.inf, 1), "row 1: has a px"),
        ((BOTH | DEPTH | BUY, 6, 10, -5.0, 1), "row 1: has a px"),
        ((BOTH | DEPTH | BUY, 6, 10, 1e300, 1), "row 1: has a px"),
        ((BOTH | DEPTH | BUY, 6, 10, 0.0, 1), "row 1: has a level without a price"),
        ((BOTH | DEPTH, 6, 10, 1.0, 1), "row 1: has no side"),
        ((BOTH | DEPTH | BUY | SELL, 6, 10, 1.0, 1), "row 1: has no side"),
        ((BOTH | DEPTH | BUY, 6, 8, 1.0, 1), "row 1: goes back in local time"),
        ((BOTH | DEPTH | BUY, 6, 0, 1.0, 1), "row 1: has a stamp that is no time"),
        ((BOTH | DEPTH | BUY, 6, 4_102_444_800 * 10**9, 1.0, 1), "row 1: has a stamp that is no time"),
        ((BOTH | DEPTH | BUY, 2**63 - 1, 10, 1.0, 1), "row 1: has a stamp that is no time"),
        ((BOTH | CLEAR | BUY, 6, 0, 1.0, 1), "row 1: goes back in local time"),
        ((BOTH | 10 | BUY, 6, 10, 1.0, 1), "row 1: is of a kind that can't be read"),
    ],
)
def test_a_damaged_row_is_named_by_its_index(tmp_path, row, text):
    path = save(tmp_path, rows((BOTH | DEPTH | BUY, 5, 9, 1.0, 1), row))
    with pytest.raises(DamagedData, match=text):
        read(path)


def test_a_users_own_kinds_are_passed_over(tmp_path):
    path = save(tmp_path, rows((BOTH | 100, 5, 9, 0.123, 1), (BOTH | 777 | BUY, 5, 9, -1, 1), (BOTH | DEPTH | BUY, 5, 9, 1.0, 1)))
    assert [m.kind for m in read(path)] == ["depth"]


def test_what_is_no_file_of_events(tmp_path):
    for array in (np.zeros((4, 6)), np.zeros(4, [("ev", "u8")]), np.array([{}], object)):
        with pytest.raises(DamagedData, match="events"):
            NpzFile(save(tmp_path, array))
    whole = save(tmp_path, rows((BOTH | DEPTH | BUY, 5, 9, 1.0, 1)))
    np.save(tmp_path / "header.npy", np.load(whole)["data"])
    content = (tmp_path / "header.npy").read_bytes()
    for bad in (b"'descr'((", b"'descr\n", b"descr()", b"'descr'\0"):
        (tmp_path / "header.npy").write_bytes(content.replace(b"'descr': ", bad.ljust(9)))
        with pytest.raises(DamagedData, match="is not a file of events"):
            NpzFile(tmp_path / "header.npy")
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DamagedData, match="is not a file of events"):
        NpzFile(tmp_path / "x.npz")
    with pytest.raises(UsageError, match="name an existing file"):
        NpzFile(tmp_path / "none.npz")
    np.save(tmp_path / "torn.npy", rows((BOTH | DEPTH | BUY, 5, 9, 1.0, 1)))
    torn = tmp_path / "torn.npy"
    torn.write_bytes(torn.read_bytes()[:-1])
    with pytest.raises(DamagedData, match="breaks off after row 0 of 1"):
        read(torn)


def test_the_symbol_is_the_only_one_requested_or_the_one_in_the_name(tmp_path):
    path = save(tmp_path, rows((BOTH | DEPTH | BUY, 5, 9, 1.25, 0.5), (BOTH | CLEAR | BUY, 6, 10, 1, 1)))
    file = NpzFile(path)
    assert file.probe(["ETHUSDT"]).symbols == ["ETHUSDT"]
    seen = file.probe(["ETHUSDT", "BTC", "BTCUSDT"])
    assert (seen.symbols, seen.printed["BTCUSDT"].price, seen.printed["BTCUSDT"].qty) == (["BTCUSDT"], 2, 1)
    assert seen.opened == {"BTCUSDT"}
    for wanted in ([], ["ETHUSDT", "BNBUSDT"]):
        with pytest.raises(UsageError, match="does not say which symbol"):
            file.probe(wanted)


# -- numbers


@given(st.integers(0, 10**12), st.sampled_from(["0.1", "0.01", "0.5", "25", "0.00000001", "0.0025"]))
def test_units_and_the_floats_of_their_decimals_are_one_another(units, unit):
    unit = Decimal(unit)
    floats = to_floats(np.array([units]), unit)
    assert floats[0] == float(str(units * unit))
    assert [each.tolist() for each in to_units(floats, unit)[:1]] == [[units]]
    assert to_units(floats, unit)[1] == -1


def test_a_float_that_can_not_hold_its_last_digits_means_its_shortest_decimal():
    unit = Decimal("0.00000001")
    units, bad = to_units(np.array([1234567890.1, 1234567890.12345678]), unit)
    assert (units.tolist(), bad) == ([123456789010000000, int(Decimal(repr(1234567890.12345678)) / unit)], -1)


# -- order


def naive_order(array):
    """hftbacktest's rule as it is told in its documentation, a row at a time."""
    by_exch = sorted(range(len(array)), key=lambda i: array["exch_ts"][i])
    by_local = sorted(range(len(array)), key=lambda i: array["local_ts"][i])
    out, e, k = [], 0, 0
    while e < len(array) or k < len(array):
        left = tuple(array[by_exch[e]][["exch_ts", "local_ts"]]) if e < len(array) else (np.inf, np.inf)
        right = tuple(array[by_local[k]][["exch_ts", "local_ts"]]) if k < len(array) else (np.inf, np.inf)
        flags = (EXCH if left <= right else 0) | (LOCAL if right <= left else 0)
        source = array[by_exch[e] if left <= right else by_local[k]].copy()
        source["ev"] |= flags
        out.append(source)
        e += left <= right
        k += right <= left
    return np.array(out, ROW)


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 6)), min_size=1, max_size=30))
def test_rows_are_put_in_an_order_for_both_clocks(stamps):
    array = rows(*((DEPTH | BUY, exch, exch + late, float(exch), float(late)) for exch, late in stamps))
    done = in_order(array.copy())
    assert done.tobytes() == naive_order(array).tobytes()
    for flag, stamp in ((EXCH, "exch_ts"), (LOCAL, "local_ts")):
        mine = done[done["ev"] & flag > 0]
        assert np.all(np.diff(mine[stamp]) >= 0)
        assert sorted(mine[stamp].tolist()) == sorted(array[stamp].tolist())


def test_local_stamps_before_the_exchanges_are_put_forward_all_alike():
    array = rows((DEPTH | BUY, 100, 90, 1.0, 1), (DEPTH | BUY, 110, 120, 1.0, 1))
    assert in_order(array.copy())["local_ts"].tolist() == [100, 130]
    assert in_order(array.copy(), base_latency_ns=7)["local_ts"].tolist() == [107, 137]
    fine = rows((DEPTH | BUY, 100, 100, 1.0, 1))
    assert in_order(fine, base_latency_ns=7)["local_ts"].tolist() == [100]


# -- there and back

LEVELS = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), max_size=4).map(tuple)
WHOLE = LEVELS.filter(bool)


@st.composite
def sessions(draw):
    """Messages with stamps of their own, so that none merges with the next; a snapshot begins with its connection."""
    found, exch, local = [], 1000, 2000
    for _ in range(draw(st.integers(1, 12))):
        exch += draw(st.integers(1, 5))
        local += draw(st.integers(1, 5))
        kind = draw(st.sampled_from(["depth", "snapshot", "trade"]))
        if kind == "trade":
            found.append(Message(
                kind, 0, local, exch, price=draw(st.integers(1, 50)), qty=draw(st.integers(1, 9)), buyer_maker=draw(st.booleans())
            ))  # fmt: skip
            continue
        bids = draw(LEVELS)
        asks = draw(WHOLE if kind == "depth" and not bids else LEVELS)      # an update that says nothing has no row
        if kind == "snapshot":
            found.append(Message("connect", 0, local, 0))
        found.append(Message(kind, 0, local, exch, bids, asks))
    return found


def records(found):
    out = []
    for m in found:
        levels = [(*level, words.BID) for level in m.bids] + [(*level, words.ASK) for level in m.asks]
        flags = words.BUYER_MAKER if m.buyer_maker else 0 if m.kind == "trade" else words.EMPTY
        levels = levels or [(m.price, m.qty, flags)]
        for i, (price, qty, flags) in enumerate(levels):
            rest = len(levels) - 1 - i
            flags |= 0 if rest else words.LAST
            out.append((m.recv_ns, m.venue_ns, 0, 0, -1, price, qty, 0, words.KINDS[m.kind], flags, rest))
    return np.array(out, EVENT)


def as_whole_books(found):
    """The same, where the snapshots are all there is of the book: each is the whole of it, and one stream brings them (7c)."""
    opened, out = False, []
    for m in found:
        if m.kind == "connect" and opened:
            continue
        opened = opened or m.kind == "connect"
        out.append(m._replace(kind="book") if m.kind == "snapshot" else m)
    return out


@settings(max_examples=50)
@given(sessions())
def test_depth_snapshots_and_trades_come_back_as_they_were(tmp_path_factory, found):
    path = tmp_path_factory.mktemp("npz") / "btcusdt.npz"
    with NpzWriter(path, BTC) as writer:
        writer.append(records(found))
    file, kinds = NpzFile(path), [m.kind for m in found]
    file.probe(["BTCUSDT"])
    whole = kinds.count("snapshot") > 1 and "depth" not in kinds
    assert messages(np.concatenate(list(file.batches([BTC])))) == (as_whole_books(found) if whole else found)


@pytest.mark.parametrize(("bids", "asks"), [((), ((2, 1),)), (((1, 1),), ()), ((), ())])
def test_a_side_that_a_snapshot_has_no_level_of_is_empty_and_does_not_stay_as_it_was(tmp_path, bids, asks):
    found = [
        Message("connect", 0, 1, 0), Message("snapshot", 0, 1, 1, ((1, 5),), ((2, 5),)), Message("depth", 0, 2, 2, ((1, 6),)),
        Message("connect", 0, 3, 0), Message("snapshot", 0, 3, 3, bids, asks), Message("depth", 0, 4, 4, ((1, 7),)),
    ]  # fmt: skip
    with NpzWriter(tmp_path / "btcusdt.npz", BTC) as writer:
        writer.append(records(found))
    assert read(tmp_path / "btcusdt.npz") == found
    with np.load(tmp_path / "btcusdt.npz") as file:
        cleared = [int(row["ev"]) & (BUY | SELL) for row in file["data"] if row["ev"] & 0xFF == CLEAR and np.isnan(row["px"])]
    assert cleared == [side for side, levels in ((SELL, asks), (BUY, bids)) if not levels][:: -1 if not bids else 1]


def test_what_the_format_does_not_hold_has_no_row():
    trade = Message("trade", 0, 9, 5, price=1, qty=1)
    part = records([trade])
    part["flags"] |= words.NOT_A_MARKET_TRADE
    touch = records([Message("bookTicker", 0, 9, 5, ((1, 1),), ((2, 2),))])
    assert len(rows_of(part, BTC)) == len(rows_of(touch, BTC)) == len(rows_of(records([trade]), BTC, trades="aggTrade")) == 0
    assert rows_of(touch, BTC, book_tickers=True)["ev"].tolist() == [BEST_BID, BEST_ASK]


def test_what_has_no_stamp_has_the_newest_one_or_comes_as_late_as_the_first_that_has(tmp_path):
    """Spot's books and bookTickers."""
    book = Message("snapshot", 0, 3, 0, ((1, 1),), ())
    parts = [
        [book, book._replace(recv_ns=6)], [book._replace(recv_ns=8), Message("depth", 0, 9, 5, ((1, 1),))],
        [Message("depth", 0, 10, 7, ((1, 1),)), book._replace(recv_ns=11)],
    ]  # fmt: skip
    with NpzWriter(tmp_path / "x.npz", BTC) as writer:
        for part in parts:
            writer.append(records(part))
    with np.load(tmp_path / "x.npz") as file:
        array = file["data"]
    levels = array[array["ev"] & (SELL - 1) != CLEAR]
    assert levels[["local_ts", "exch_ts"]].tolist() == [(3, 1), (6, 2), (8, 4), (9, 5), (10, 7), (11, 7)]
    with NpzWriter(tmp_path / "y.npz", BTC) as writer:
        writer.append(records([book]))
    with np.load(tmp_path / "y.npz") as file:
        assert set(file["data"]["exch_ts"].tolist()) == {3}


def test_nothing_is_left_behind_by_a_writer_that_failed(tmp_path):
    def fails():
        with NpzWriter(tmp_path / "x.npz", BTC):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert list(tmp_path.iterdir()) == []


def test_a_header_that_would_fill_the_memory_is_not_read(tmp_path):
    """It says its own length, and numpy reads all of it before it looks at it."""
    path = tmp_path / "btcusdt.npy"
    with path.open("wb") as file:
        file.write(b"\x93NUMPY\x02\x00" + (3 << 30).to_bytes(4, "little"))
        file.truncate(4 << 30)
    with pytest.raises(DamagedData, match="its header can't be read: 3221225472 bytes"):
        NpzFile(path).probe(["BTCUSDT"])
