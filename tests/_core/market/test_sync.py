"""Synchronisation, case by case of the fault list, and against a naive reading of the venue's page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft._core.base import status
from hft._core.base.types import Spec
from hft._core.market.sync import Synchronizer, SyncRules
from hft._core.wire.decode import Decoder
from hft.venues.binance import messages
from hft.venues.binance.venues import PROTOCOLS
from tests import data
from tests.oracle.sync import apply_by_the_page

OK = 0
STALE, GAP, BUFFERED, FULL, TOO_OLD, NOT_CONNECTED = (
    status.CODES[name]
    for name in ("stale_update", "sequence_gap", "buffered", "buffer_full", "snapshot_too_old", "not_connected")
)
SPEC = Spec("BTCUSDT", tick="0.1", step="0.001")


class Symbol:
    """One symbol's synchroniser, driven as the engine does it; the book is the list of what was applied to it."""

    def __init__(self, protocol, **options):
        self.decoder = Decoder([SPEC])
        self.sync = Synchronizer(PROTOCOLS[protocol].sync, **options)
        self.book = []

    def depth(self, first, last, prev=None, bids=()):
        code = self.decoder.load_depth("BTCUSDT", first, last, prev, last, bids, [])
        assert code == OK
        code = self.sync.on_depth(self.decoder)
        if code == OK:
            self.book.append(last)
        elif code in (GAP, TOO_OLD, FULL):
            self.book.clear()
        return code

    def snapshot(self, last_update_id):
        code = self.sync.on_snapshot(last_update_id)
        if code == OK:
            self.book[:] = [f"snapshot {last_update_id}"]
            while self.sync.take(self.decoder):
                self.book.append(self.decoder.message.last_id)
        return code


def spot(**options):
    symbol = Symbol("binance-spot", **options)
    symbol.sync.connected()
    return symbol


def usdm(**options):
    symbol = Symbol("binance-usdm", **options)
    symbol.sync.connected()
    return symbol


def synced(symbol):
    """A symbol in sync at update 110."""
    symbol.depth(91, 110, prev=90)
    assert symbol.snapshot(100) == OK
    assert symbol.sync.ready
    return symbol


# -- before the first update -------------------------------------------------------------------------------------------


def test_nothing_is_taken_without_a_connection():
    symbol = Symbol("binance-spot")
    assert symbol.sync.state == "connecting"
    assert not symbol.sync.wants_snapshot
    assert symbol.depth(1, 2) == NOT_CONNECTED
    assert symbol.snapshot(5) == NOT_CONNECTED
    assert symbol.sync.buffered == 0


def test_case_1_a_snapshot_older_than_the_first_update_is_fetched_again_and_the_buffer_kept():
    for symbol, older in ((spot(), 98), (usdm(), 98)):
        assert symbol.depth(100, 110, prev=99) == BUFFERED
        assert symbol.depth(111, 120, prev=110) == BUFFERED
        assert symbol.snapshot(older) == TOO_OLD
        assert symbol.sync.wants_snapshot
        assert symbol.sync.buffered == 2
        assert symbol.sync.too_old == 1
        assert symbol.snapshot(105) == OK
        assert symbol.book == ["snapshot 105", 110, 120]
        assert symbol.sync.ready


def test_case_1_when_the_update_comes_after_the_snapshot():
    """On a quiet symbol the snapshot may be there first. The next one bridges to the update that was kept."""
    for symbol in (spot(), usdm()):
        assert symbol.snapshot(90) == OK
        assert symbol.sync.state == "bridging"
        assert not symbol.sync.ready
        assert symbol.depth(100, 110, prev=99) == TOO_OLD
        assert symbol.book == []
        assert symbol.sync.wants_snapshot
        assert symbol.sync.buffered == 1
        assert symbol.snapshot(104) == OK
        assert symbol.book == ["snapshot 104", 110]


def test_case_2_the_first_update_straddles_the_snapshot():
    for symbol in (spot(), usdm()):
        symbol.depth(80, 90, prev=79), symbol.depth(91, 110, prev=90), symbol.depth(111, 120, prev=110)
        assert symbol.snapshot(100) == OK
        assert symbol.book == ["snapshot 100", 110, 120]
        assert symbol.sync.ready
        assert symbol.sync.resyncs == symbol.sync.gaps == 0
        assert symbol.sync.generation == 1


def test_case_3_the_first_update_is_exactly_contiguous():
    symbol = spot()
    assert symbol.snapshot(100) == OK
    assert symbol.depth(101, 105) == OK
    assert symbol.sync.ready
    symbol = usdm()
    assert symbol.snapshot(100) == OK
    assert symbol.depth(108, 115, prev=100) == OK
    assert symbol.sync.ready


def test_case_3_usdm_bridges_most_often_at_the_very_id_of_the_snapshot():
    symbol = usdm()
    symbol.depth(91, 100, prev=90)
    assert symbol.snapshot(100) == OK
    assert symbol.book == ["snapshot 100", 100]
    assert symbol.sync.ready
    assert symbol.depth(105, 110, prev=100) == OK


def test_spot_drops_an_update_that_ends_with_the_snapshot():
    symbol = spot()
    symbol.depth(91, 100), symbol.depth(101, 110)
    assert symbol.snapshot(100) == OK
    assert symbol.book == ["snapshot 100", 110]


def test_case_4_updates_before_the_subscription_is_confirmed_are_buffered():
    symbol = spot()                                         # connected; no answer to SUBSCRIBE was seen
    assert symbol.depth(91, 110) == BUFFERED
    assert symbol.sync.buffered == 1
    assert symbol.snapshot(100) == OK
    assert symbol.book == ["snapshot 100", 110]


def test_updates_that_the_snapshot_holds_are_dropped_also_after_it():
    for symbol in (spot(), usdm()):
        assert symbol.snapshot(100) == OK
        assert symbol.depth(80, 90, prev=79) == STALE
        assert symbol.sync.state == "bridging"
        assert symbol.depth(91, 110, prev=90) == OK


# -- in sync -------------------------------------------------------------------------------------------------------------


def test_case_5_a_spot_gap_discards_the_book_and_begins_exactly_one_resync():
    symbol = synced(spot())
    assert symbol.depth(112, 120) == GAP
    assert symbol.book == []
    assert not symbol.sync.ready
    assert symbol.sync.wants_snapshot
    assert symbol.depth(121, 130) == BUFFERED
    assert symbol.snapshot(125) == OK
    assert symbol.book == ["snapshot 125", 130]
    assert symbol.sync.resyncs == symbol.sync.gaps == 1
    assert symbol.sync.generation == 2


def test_case_6_a_usdm_mismatch_of_pu_does_the_same():
    symbol = synced(usdm())
    assert symbol.depth(111, 120, prev=109) == GAP          # U continues; pu says otherwise, and pu decides
    assert symbol.book == []
    assert not symbol.sync.ready
    assert symbol.snapshot(115) == OK
    assert symbol.book == ["snapshot 115", 120]
    assert symbol.sync.ready
    assert symbol.sync.resyncs == symbol.sync.gaps == 1


def test_usdm_ids_have_holes():
    symbol = synced(usdm())
    assert symbol.depth(150, 160, prev=110) == OK


def test_spot_updates_may_overlap():
    symbol = synced(spot())
    assert symbol.depth(105, 115) == OK
    assert symbol.sync.update_id == 115


def test_case_7_a_duplicate_or_old_update_is_ignored():
    for symbol in (synced(spot()), synced(usdm())):
        book = list(symbol.book)
        assert symbol.depth(91, 110, prev=90) == STALE
        assert symbol.depth(80, 90, prev=79) == STALE
        assert symbol.book == book
        assert symbol.sync.ready
        assert symbol.sync.update_id == 110
        assert symbol.depth(111, 120, prev=110) == OK


def test_case_12_a_second_gap_during_a_resync_supersedes_the_first():
    for symbol in (synced(spot()), synced(usdm())):
        assert symbol.depth(120, 130, prev=119) == GAP
        assert symbol.depth(131, 140, prev=130) == BUFFERED
        assert symbol.depth(150, 160, prev=149) == GAP      # what came before it can't be bridged to any more
        assert symbol.sync.buffered == 1
        assert symbol.sync.gaps == 2
        assert symbol.sync.resyncs == 1
        assert symbol.snapshot(135) == TOO_OLD              # the answer to the first gap's request
        assert symbol.book == []
        assert symbol.snapshot(155) == OK
        assert symbol.book == ["snapshot 155", 160]


def test_a_snapshot_that_was_not_requested_is_not_taken():
    symbol = synced(spot())
    assert symbol.snapshot(200) == STALE
    assert symbol.sync.update_id == 110


def test_a_lost_book_is_built_anew():
    symbol = synced(spot())
    symbol.sync.lost()
    assert not symbol.sync.ready
    assert symbol.sync.wants_snapshot
    assert symbol.sync.resyncs == 1
    assert symbol.depth(111, 120) == BUFFERED
    assert symbol.snapshot(115) == OK
    assert symbol.sync.ready


def test_a_lost_connection_takes_the_book_and_the_buffer_with_it():
    symbol = synced(spot())
    symbol.sync.disconnected()
    assert symbol.sync.state == "connecting"
    assert not symbol.sync.wants_snapshot
    assert symbol.sync.resyncs == 0         # a connection that ends for good is none
    symbol.sync.connected()
    assert symbol.sync.resyncs == 1
    assert symbol.depth(300, 310) == BUFFERED
    symbol.sync.disconnected()
    symbol.sync.connected()
    assert symbol.sync.buffered == 0
    assert symbol.sync.resyncs == 1
    assert symbol.sync.generation == 3
    assert symbol.snapshot(400) == OK
    assert symbol.depth(401, 402) == OK


# -- the buffer ----------------------------------------------------------------------------------------------------------


def test_the_buffer_gives_back_each_update_whole():
    symbol = spot()
    want = []
    for i in range(50):
        bids = [(f"{100 + k}.5", f"{i}.25") for k in range(i % 7)]
        assert symbol.depth(1 + 10 * i, 10 + 10 * i, bids=bids) == BUFFERED
        want.append(symbol.decoder.message)
    symbol.sync.on_snapshot(0)
    got = []
    while symbol.sync.take(symbol.decoder):
        got.append(symbol.decoder.message)
    assert got == want
    assert symbol.sync.buffered == 0


def test_a_full_buffer_begins_again_with_the_newest_update():
    symbol = spot(capacity_levels=16390)
    bids = [("1", "1")] * 8000
    assert symbol.depth(1, 10, bids=bids) == BUFFERED
    assert symbol.depth(11, 20, bids=bids) == BUFFERED
    assert symbol.depth(21, 30, bids=bids) == FULL
    assert symbol.sync.overflows == 1
    assert symbol.sync.buffered == 1
    assert symbol.sync.wants_snapshot
    assert symbol.snapshot(15) == TOO_OLD
    assert symbol.snapshot(25) == OK
    assert symbol.book == ["snapshot 25", 30]


def test_updates_that_come_while_the_buffer_is_taken_wait_for_their_turn():
    symbol = usdm()
    symbol.depth(1, 10, prev=0), symbol.depth(11, 20, prev=10)
    assert symbol.sync.on_snapshot(5) == OK
    assert symbol.sync.take(symbol.decoder)
    assert symbol.decoder.message.last_id == 10
    assert symbol.depth(21, 30, prev=20) == BUFFERED
    assert symbol.sync.take(symbol.decoder)
    assert symbol.sync.take(symbol.decoder)
    assert symbol.decoder.message.last_id == 30
    assert not symbol.sync.take(symbol.decoder)
    assert symbol.depth(31, 40, prev=30) == OK


def test_settings_are_checked():
    with pytest.raises(ValueError, match="sync 'kraken' must be SyncRules"):
        Synchronizer("kraken")
    with pytest.raises(ValueError, match="step 2 must be a whole number from 0 to 1"):
        Synchronizer(SyncRules(step=2))
    with pytest.raises(ValueError, match="capacity_levels 100 must be a whole number from 16390"):
        Synchronizer(SyncRules(), 100)
    with pytest.raises(ValueError, match="no depth update"):
        Synchronizer().on_depth(Decoder())


# -- naive version -------------------------------------------------------------------------------------------------------


@st.composite
def sessions(draw):
    """A clean session with an event left out, perhaps, one repeated, perhaps, and a snapshot at any moment of any age."""
    protocol = draw(st.sampled_from(["binance-spot", "binance-usdm"]))
    events, at = [], draw(st.integers(10, 20))
    for _ in range(draw(st.integers(1, 8))):
        first = at + 1 + (draw(st.integers(0, 3)) if protocol == "binance-usdm" else 0)
        last = first + draw(st.integers(0, 3))
        events.append((first, last, at if protocol == "binance-usdm" else None))
        at = last
    snapshot_id = draw(st.integers(8, at + 3))
    if draw(st.booleans()):
        events.pop(draw(st.integers(0, len(events) - 1)))
    if events and draw(st.booleans()):
        events.insert(draw(st.integers(0, len(events))), draw(st.sampled_from(events)))
    ordered = sorted(events)                                # a repeated event comes late, never early
    repeated = [e for i, e in enumerate(ordered) if e in ordered[:i]]
    events = [e for i, e in enumerate(ordered) if e not in ordered[:i]]
    for e in repeated:
        events.insert(draw(st.integers(events.index(e) + 1, len(events))), e)
    return protocol, events, draw(st.integers(0, len(events))), snapshot_id


@given(sessions())
def test_applies_what_the_venues_page_says(session):
    protocol, events, snapshot_at, snapshot_id = session
    want = apply_by_the_page(protocol, events, snapshot_id)
    symbol = usdm() if protocol == "binance-usdm" else spot()
    codes = []
    for i, event in enumerate([*events, None]):
        if i == snapshot_at:
            codes.append(symbol.snapshot(snapshot_id))
        if event:
            codes.append(symbol.depth(*event))
    if want is None:
        assert TOO_OLD in codes
        assert not symbol.sync.ready
    elif want == "gap":                                     # one in the buffer shows itself as a snapshot too old
        assert GAP in codes
        assert not symbol.sync.ready
    else:
        assert symbol.book == [f"snapshot {snapshot_id}", *want]
        assert symbol.sync.ready == bool(want)


# -- captures ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "protocol", "dropped"),
    [(data.SPOT_BTC, "binance-spot", None), (data.SPOT_NEXO, "binance-spot", 0), (data.USDM_BTC, "binance-usdm", 4)],
)
def test_a_real_session_is_synced_once_without_a_gap(name, protocol, dropped):
    decoder, sync = Decoder(data.SPECS[name]), Synchronizer(PROTOCOLS[protocol].sync)
    sync.connected()
    applied = depths = 0
    for frame in data.frames(name):
        if decoder.decode_frame(frame) == OK:
            if decoder.message.kind == "depth":
                depths += 1
                code = sync.on_depth(decoder)
                assert code in (OK, BUFFERED, STALE)
                applied += code == OK
            continue
        snapshot = messages.decode(frame)
        assert sync.on_snapshot(snapshot.last_update_id) == OK
        while sync.take(decoder):
            applied += 1
    assert sync.ready
    assert sync.gaps == sync.resyncs == sync.too_old == 0
    assert sync.generation == 1
    assert applied + sync.stale == depths
    assert sync.update_id > 0
    if dropped is not None:
        assert sync.stale == dropped
