"""A fresh snapshot of a book in sync (fault case 11): compared, taken in, and nothing is disturbed."""

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hft._core.base import status
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.market.book import OrderBook
from hft.data.captures import Capture
from hft.data.record import Kind
from hft.venues.binance import messages
from hft.venues.binance.venues import PROTOCOLS
from tests import data
from tests.oracle.refresh import NaiveVenue, set_levels
from tests.sizes import examples

OK = 0
STALE, TOO_OLD, MISMATCH, AHEAD = (
    status.CODES[name] for name in ("stale_update", "snapshot_too_old", "book_mismatch", "snapshot_ahead")
)
LIMIT = 5
MS = 1_000_000
PAUSE_MS = 10_000
SPEC = Spec("BTCUSDT", tick="1", step="1", quantum="1")
BIDS, ASKS = dict.fromkeys(range(980, 1000), 3), dict.fromkeys(range(1000, 1020), 3)


class Client:
    """An engine on a venue, and beside it the book as it would be without refreshing, plus what snapshots knew."""

    def __init__(self, protocol="binance-spot", limit=LIMIT, bids=BIDS, asks=ASKS, **options):
        self.protocol, self.limit, self.now = protocol, limit, 1_000 * MS
        self.venue = NaiveVenue(bids, asks)
        self.engine = Engine(
            SPEC, fallback=messages.load, sync=PROTOCOLS[protocol].sync, max_order=100, max_position=100, **options,
        )
        self.engine.connect("BTCUSDT", self.now)
        self.naive = self.venue.snapshot(100, limit)
        self.began = None
        assert self.deliver(100) == OK
        self.update({1: 1}, {})

    def update(self, bids, asks, width=1, after_ms=1):
        previous = self.venue.id
        first, last = self.venue.update(bids, asks, width)
        self.now += after_ms * MS
        message = {"e": "depthUpdate", "E": self.now // MS, "T": self.now // MS, "s": "BTCUSDT", "U": first, "u": last}
        if self.protocol == "binance-usdm":
            message["pu"] = previous
        message |= {"b": text(bids), "a": text(asks)}
        self.engine.on_frame(msgspec.json.encode(message), self.now)
        set_levels(self.naive[0], bids)
        set_levels(self.naive[1], asks)
        if not self.engine.refreshing("BTCUSDT"):
            self.began = None
        elif self.began is None:
            self.began = last

    def deliver(self, at, bids=None, asks=None):
        """The snapshot as of an update, or with a side of the test's own."""
        found = self.venue.snapshot(at, self.limit)
        bids, asks = found[0] if bids is None else bids, found[1] if asks is None else asks
        return self.engine.on_snapshot("BTCUSDT", at, text(bids), text(asks), self.now)

    def refresh(self, at):
        code = self.deliver(at)
        if code == OK:
            for side, fresh in zip(self.naive, self.venue.brought_on(at, self.limit, self.venue.id), strict=True):
                for price, qty in fresh.items():
                    side.setdefault(price, qty)
            self.began = None
        return code

    def expected(self):
        book = OrderBook(SPEC)
        book.snapshot(text(self.naive[0]), text(self.naive[1]), self.venue.id)
        return book

    def agrees(self):
        return self.engine.book_hash("BTCUSDT") == self.expected().hash

    def counted(self, name):
        self.engine.advance(self.now)
        return self.engine.counters()["rejects"].get(name, 0)


def text(levels):
    return [(str(price), str(qty)) for price, qty in levels.items()]


changes = st.tuples(
    st.dictionaries(st.integers(985, 999), st.integers(0, 4), max_size=4),
    st.dictionaries(st.integers(1000, 1014), st.integers(0, 4), max_size=4),
    st.integers(1, 3),
    st.sampled_from([1, 60, PAUSE_MS]),
)


@settings(max_examples=examples(150), deadline=None)
@given(
    st.sampled_from(["binance-spot", "binance-usdm"]),
    st.lists(st.one_of(changes, st.integers(0, 4)), min_size=1, max_size=40),
)
@example("binance-spot", [({999: 0, 998: 0, 997: 0, 996: 0}, {}, 1, 1), 0])
def test_refreshing_gives_the_book_of_never_refreshing_and_what_the_snapshot_knew(protocol, steps):
    """Any interleaving: an integer hands in the snapshot as of so many updates ago, or one that is ahead by one."""
    client = Client(protocol, compare_ms=50)
    for step in steps:
        if isinstance(step, tuple):
            client.update(*step)
        else:
            at = sorted(client.venue.states)[-min(step + 1, len(client.venue.states))]
            began, code = client.began, client.refresh(at)
            assert code == (STALE if began is None else TOO_OLD if at < began else OK)
        assert client.agrees()
    assert client.engine.synced("BTCUSDT")
    assert client.engine.generation("BTCUSDT") == 1
    assert client.counted("book_mismatch") == client.counted("sequence_gap") == 0
    assert client.engine.counters()["resyncs"] == 0


# -- case 11 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["binance-spot", "binance-usdm"])
def test_case_11_a_touch_near_the_snapshots_edge_wants_a_fresh_one(protocol):
    """Five levels were known, 999 to 995; with less than a quarter of that way left, the next five are asked for."""
    client = Client(protocol)
    client.update({999: 0, 998: 0, 997: 0}, {})
    assert client.engine.wants_snapshot() == []
    client.update({996: 0}, {})
    assert client.engine.wants_snapshot() == ["BTCUSDT"]
    assert client.engine.refreshing("BTCUSDT")
    assert client.engine.synced("BTCUSDT")
    assert client.engine.book_status("BTCUSDT") == "synced"
    client.update({}, {1000: 7})                            # goes on meanwhile
    assert client.refresh(client.venue.id) == OK
    assert client.agrees()
    assert client.engine.wants_snapshot() == []
    assert not client.engine.refreshing("BTCUSDT")
    book = client.expected()
    assert [int(level.price) for level in book.bids()] == [995, 994, 993, 992, 991, 1]


def test_case_11_the_next_refresh_is_measured_from_the_new_edge_and_begins_after_a_pause():
    client = Client()
    client.update(dict.fromkeys((999, 998, 997, 996), 0), {})
    assert client.refresh(client.venue.id) == OK
    client.update(dict.fromkeys((995, 994, 993, 992), 0), {})
    assert not client.engine.refreshing("BTCUSDT")          # near again, and too soon
    client.update({}, {}, after_ms=PAUSE_MS)
    assert client.engine.refreshing("BTCUSDT")


def test_a_snapshot_that_was_not_cut_has_no_edge():
    client = Client(limit=1000, bids={999: 1, 998: 1, 997: 1}, asks={1000: 1, 1001: 1, 1002: 1})
    client.update({999: 0, 998: 0}, {})
    client.update({997: 0}, {})
    assert client.engine.wants_snapshot() == []


def test_the_touch_feature_window_and_book_ticker_are_left_as_they_were():
    client = Client(compare_ms=50)
    book_ticker = {"u": client.venue.id + 5, "s": "BTCUSDT", "b": "998", "B": "2", "a": "1001", "A": "4"}
    for _ in range(30):
        client.update({}, {999: 0}, after_ms=60)
    client.engine.on_frame(msgspec.json.encode(book_ticker | {"u": client.venue.id + 5}), client.now)
    client.engine.advance(client.now)
    touch, features = client.engine.touch("BTCUSDT"), client.engine.features("BTCUSDT")
    assert features.book_valid
    assert client.refresh(client.venue.id) == OK
    assert client.engine.touch("BTCUSDT") == touch
    assert client.engine.touch("BTCUSDT")[0] == 998
    assert client.engine.features("BTCUSDT").book_valid
    assert client.engine.features("BTCUSDT").timestamp_ns == features.timestamp_ns      # nor was anything evaluated anew


# -- a book that differs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{998: 4}, {998: 0}, {997: 9}])
def test_a_book_that_differs_is_counted_and_replaced(wrong):
    """Another quantity, a level too many in the book, and one too few: it knows 999 to 995 without 997."""
    client = Client(compare_ms=50)
    client.update({997: 0}, {}, after_ms=60)
    fresh, asks = client.venue.snapshot(client.venue.id, LIMIT)
    set_levels(fresh, wrong)
    assert client.deliver(client.venue.id, bids=fresh) == MISMATCH
    book = OrderBook(SPEC)
    book.snapshot(text(fresh), text(asks), client.venue.id)
    assert client.engine.book_hash("BTCUSDT") == book.hash
    assert client.engine.synced("BTCUSDT")
    assert client.engine.book_status("BTCUSDT") == "synced"
    assert client.engine.generation("BTCUSDT") == 2
    assert client.engine.counters()["resyncs"] == 1
    assert client.counted("book_mismatch") == 1
    assert not client.engine.features("BTCUSDT").book_valid                 # a window of data since the resync, as ever


def test_what_lies_beyond_the_fresh_edge_is_not_judged():
    client = Client(compare_ms=50)
    client.update({900: 5}, {})                             # told by an update; the snapshot's five levels end at 995
    client.update({}, {}, after_ms=60)
    assert client.refresh(client.venue.id) == OK
    assert client.agrees()
    assert 900 in client.naive[0]


def test_what_there_was_no_room_for_is_not_judged_and_comes_in_once_there_is():
    asks = {1000: 1, 5000: 1, 5001: 1, 5002: 1}
    client = Client(limit=1000, asks=asks, compare_ms=50, book_window_ticks=256, far_levels=2)
    client.update({}, {5000: 0}, after_ms=60)
    assert client.engine.book_hash("BTCUSDT") != client.expected().hash     # 5002 was dropped
    assert client.refresh(client.venue.id) == OK
    assert client.agrees()
    client.update({}, {}, after_ms=PAUSE_MS)
    assert client.refresh(client.venue.id) == OK
    assert client.agrees()


def test_a_fresh_snapshot_that_crosses_begins_a_resync():
    client = Client(compare_ms=50)
    client.update({}, {}, after_ms=60)
    assert client.deliver(client.venue.id, bids={1005: 1}) == status.CODES["crossed_book"]
    assert not client.engine.synced("BTCUSDT")
    assert client.engine.book_status("BTCUSDT") == "suspect"
    assert client.engine.wants_snapshot() == ["BTCUSDT"]


# -- its ends ------------------------------------------------------------------------------------------------------------


def test_a_snapshot_ahead_of_the_book_waits_for_it():
    client = Client(compare_ms=50)
    client.update({}, {}, after_ms=60)
    book = client.engine.book_hash("BTCUSDT")
    assert client.engine.on_snapshot("BTCUSDT", client.venue.id + 1, [], [], client.now) == AHEAD
    assert client.engine.refreshing("BTCUSDT")
    assert client.engine.book_hash("BTCUSDT") == book


def test_a_full_buffer_ends_the_refresh_and_nothing_else():
    client = Client(compare_ms=50, sync_buffer_levels=16_390)
    client.update({}, {}, after_ms=60)
    while client.engine.refreshing("BTCUSDT"):
        client.update(dict.fromkeys(range(1, 900), 1), {}, after_ms=0)
    assert client.engine.synced("BTCUSDT")
    assert client.counted("refresh_dropped") == 1
    assert client.agrees()
    client.update({}, {}, after_ms=PAUSE_MS)
    assert client.engine.refreshing("BTCUSDT")
    assert client.refresh(client.venue.id) == OK
    assert client.agrees()


def test_a_gap_while_refreshing_is_a_gap():
    client = Client(compare_ms=50)
    client.update({}, {}, after_ms=60)
    client.venue.update({}, {}, 3)                          # never delivered
    client.update({}, {})
    assert not client.engine.synced("BTCUSDT")
    assert not client.engine.refreshing("BTCUSDT")
    assert client.engine.wants_snapshot() == ["BTCUSDT"]
    assert client.deliver(client.venue.id) == OK
    client.update({}, {})
    assert client.engine.synced("BTCUSDT")
    assert client.counted("sequence_gap") == 1


def test_a_book_given_up_from_outside_is_built_anew():
    client = Client()
    client.engine.resync("BTCUSDT", client.now)
    assert client.engine.book_status("BTCUSDT") == "suspect"
    assert client.engine.touch("BTCUSDT") == (None,) * 4
    assert client.engine.wants_snapshot() == ["BTCUSDT"]
    client.update({}, {})
    assert client.deliver(client.venue.id) == OK
    client.update({}, {})
    assert client.engine.book_status("BTCUSDT") == "synced"
    assert client.engine.counters()["resyncs"] == 1


def test_book_status_from_the_start_to_a_lost_side():
    engine = Engine(SPEC, fallback=messages.load, sync=PROTOCOLS["binance-spot"].sync, max_order=100, max_position=100)
    assert engine.book_status("BTCUSDT") == "syncing"
    engine.connect("BTCUSDT", 1)
    engine.resync("BTCUSDT", 2)
    assert engine.book_status("BTCUSDT") == "syncing"             # there was nothing to doubt yet
    client = Client(bids={999: 1}, asks={1000: 1})
    assert client.engine.book_status("BTCUSDT") == "synced"
    client.update({}, {1000: 0})
    assert client.engine.synced("BTCUSDT")
    assert client.engine.book_status("BTCUSDT") == "suspect"      # a side is empty
    client.update({}, {1001: 1})
    assert client.engine.book_status("BTCUSDT") == "synced"
    assert client.engine.update_id("BTCUSDT") == client.venue.id
    assert client.engine.trade_id("BTCUSDT") == 0


@pytest.mark.parametrize(("name", "every"), [(data.USDM_BTC, 400), (data.SPOT_BTC, 200)])
def test_a_real_session_compared_again_and_again_never_differs(name, every):
    """Snapshots made of a second book on the same session, cut at 1,000 levels, handed in some updates late."""
    spec = data.SPECS[name]
    spec = spec if isinstance(spec, Spec) else spec[0]
    plain, engine = (Engine(spec, fallback=messages.load, sync=data.SYNC[name], compare_ms=ms) for ms in (0, 2_000))
    book, early, taken, held = OrderBook(spec), [], 0, None
    for each in (plain, engine):
        each.connect(spec.name, 1)
    for n, record in enumerate(Capture(data.find(name))):
        if record.kind is Kind.SNAPSHOT:
            found = messages.decode(record.data)
            for each in (plain, engine):
                each.on_snapshot(spec.name, found.last_update_id, found.bids, found.asks, record.ns)
            book.snapshot(found.bids, found.asks, found.last_update_id)
            for update in early:
                if update.last_id > book.update_id:
                    book.apply(update.bids, update.asks, update.last_id)
        elif record.kind is Kind.FRAME:
            for each in (plain, engine):
                each.on_frame(record.data, record.ns)
            found = messages.decode(record.data)
            if isinstance(found, messages.DepthUpdate):
                if book.update_id == 0:
                    early.append(found)
                elif found.last_id > book.update_id:
                    book.apply(found.bids, found.asks, found.last_id)
        if held is None and engine.refreshing(spec.name) and n % every == 0:
            held = book.update_id, book.base_bids(1000), book.base_asks(1000)
        elif held is not None and n % every == every // 2:
            sides = [[(str(level.price), str(level.qty)) for level in side] for side in held[1:]]
            taken += engine.on_snapshot(spec.name, held[0], *sides, engine.now_ns) == OK
            held = None
        if n % every == 0:
            assert engine.touch(spec.name) == plain.touch(spec.name)
    assert taken >= data.figure(name, 20, 1)
    assert engine.counters()["rejects"].get("book_mismatch", 0) == 0
    assert engine.counters()["resyncs"] == plain.counters()["resyncs"] == 0
    assert engine.generation(spec.name) == 1
