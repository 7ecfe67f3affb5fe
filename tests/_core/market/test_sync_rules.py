"""Rows of the sync procedure: what a venue's updates have to name, and a snapshot that the stream itself sends."""

from hft._core.base import status
from hft._core.market.sync import Synchronizer, SyncRules
from tests._core.market.test_sync import OK, STALE, Symbol, usdm


def test_where_each_update_names_the_one_before_one_that_does_not_is_refused():
    symbol = usdm()
    assert symbol.snapshot(20) == OK
    assert symbol.depth(21, 30, prev=20) == OK
    assert symbol.depth(31, 40) == status.CODES["bad_shape"]
    assert symbol.depth(31, 40, prev=30) == OK


def test_a_snapshot_in_the_stream_is_not_requested_and_nothing_waits_for_it():
    symbol = Symbol("binance-spot")
    symbol.sync = Synchronizer(SyncRules(chained=False, step=1, in_band=True))
    symbol.sync.connected()
    assert (symbol.sync.state, symbol.sync.wants_snapshot) == ("buffering", False)
    assert symbol.depth(21, 21) == status.CODES["no_snapshot"]
    assert (symbol.sync.buffered, symbol.snapshot(20)) == (0, STALE)
    symbol.sync.refresh()
    assert not symbol.sync.refreshing
