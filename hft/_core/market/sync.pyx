"""Synchronisation of one symbol's book with the venue: decides which update may be applied, and when to fetch a snapshot."""

from dataclasses import dataclass

from hft._core.base.checks import shown, whole
from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.types cimport MAX_LEVELS, MSG_DEPTH
from hft._core.wire.decode cimport Decoder

STATES = {SYNC_CONNECTING: "connecting", SYNC_BUFFERING: "buffering", SYNC_BRIDGING: "bridging", SYNC_SYNCED: "synced"}


@dataclass(frozen=True, slots=True)
class SyncRules:
    """A venue's procedure for a correct local book.

    Parameters
    ----------
    chained : bool
        Each update names its predecessor (`pu`); else ids are consecutive.
    step : int
        The first update after a REST snapshot must contain the id `lastUpdateId` + `step`.
    in_band : bool
        The stream itself sends snapshots, each of which replaces the book; else the snapshot is requested over REST.
    """

    chained: bool = True
    step: int = 0
    in_band: bool = False


cdef int sync_rule(object rules, SyncRule* to) except -1:
    """ValueError if `rules` is not a valid `SyncRules`."""
    if not isinstance(rules, SyncRules):
        raise ValueError(f"sync {shown(rules)} must be SyncRules")
    to.chained = bool(rules.chained)
    to.step = whole("step", rules.step, 0, 1)
    to.in_band = bool(rules.in_band)
    return 0


cdef class Synchronizer:
    """The venue's procedure for a correct local book, for one symbol.

    Parameters
    ----------
    rules : SyncRules
        The venue's rules; by default each update names its predecessor.
    capacity_levels : int
        Buffer for updates before the snapshot; a message takes its levels and six more. At least 16,390, so
        that the largest message fits. When it is full, it is emptied, and a newer snapshot is needed.

    Codes are those of `hft._core.base.status`.

    >>> from hft._core.wire.decode import Decoder
    >>> from hft._core.base.types import Spec
    >>> decoder = Decoder([Spec("BTCUSDT", tick="0.10", step="0.001")])
    >>> sync = Synchronizer()
    >>> sync.connected()
    >>> sync.state, sync.wants_snapshot
    ('buffering', True)
    >>> decoder.load_depth("BTCUSDT", 90, 110, 85, 1723161256313, [("61800.20", "1")], [])
    0
    >>> sync.on_depth(decoder)                              # 18: buffered
    18
    >>> sync.on_snapshot(100)
    0
    >>> sync.take(decoder), decoder.message.last_id, sync.state
    (True, 110, 'synced')
    >>> decoder.load_depth("BTCUSDT", 131, 140, 130, 1723161256400, [], [("61800.30", "1")])
    0
    >>> sync.on_depth(decoder), sync.state                  # 17: the update after 110 is missing
    (17, 'buffering')
    """

    def __cinit__(self, rules=SyncRules(), capacity_levels=SYNC_CAPACITY):
        cdef SyncParams params
        sync_rule(rules, &params.rule)
        params.capacity_levels = whole("capacity_levels", capacity_levels, MAX_LEVELS + MESSAGE_UNITS, 1 << 24)
        self.s = <Sync*>hft_alloc(sync_size(&params))
        sync_init(self.s, &params)

    def __dealloc__(self):
        hft_free(self.s)

    def connected(self) -> None:
        """The connection is open; buffering begins, even if the subscription is not confirmed yet."""
        sync_connected(self.s)

    def disconnected(self) -> None:
        """The connection is lost; the book is discarded."""
        sync_disconnected(self.s)

    def lost(self) -> None:
        """The book is wrong (crossed, for example): begin a new one."""
        sync_lost(self.s)

    def on_depth(self, Decoder decoder not None) -> int:
        """Handle the decoder's depth update. 0: apply it. BUFFERED, STALE_UPDATE: leave the book unchanged.

        SEQUENCE_GAP, SNAPSHOT_TOO_OLD, BUFFER_FULL: clear the book; the update is kept for the next. NOT_CONNECTED.
        """
        if decoder.d.message.kind != MSG_DEPTH:
            raise ValueError("the decoder holds no depth update")
        return sync_on_depth(self.s, &decoder.d.message, decoder.d.levels)

    def on_snapshot(self, int64_t last_update_id) -> int:
        """Handle a REST snapshot. 0: load it into a cleared book, then apply the updates from `take`.

        SNAPSHOT_TOO_OLD: fetch another one. STALE_UPDATE: none was requested. NOT_CONNECTED. While `refreshing`: 0, load it
        into a spare book and apply the later updates; SNAPSHOT_AHEAD, pass it again later.
        """
        return sync_on_snapshot(self.s, last_update_id)

    def take(self, Decoder decoder not None) -> bool:
        """Put the next buffered update to apply into `decoder`; False when there is none."""
        cdef Message* m = NULL
        cdef Level* levels = NULL
        if not sync_next(self.s, &m, &levels):
            return False
        decoder.d.message = m[0]
        memcpy(decoder.d.levels, levels, (<size_t>m.n_bids + m.n_asks) * sizeof(Level))
        return True

    def refresh(self) -> None:
        """Request a fresh snapshot of a book in sync; updates are buffered for it as well as applied."""
        sync_refresh(self.s)

    @property
    def state(self) -> str:
        """``connecting``, ``buffering``, ``bridging`` or ``synced``."""
        return STATES[self.s.state]

    @property
    def ready(self) -> bool:
        """Whether the book may be traded on."""
        return self.s.state == SYNC_SYNCED

    @property
    def wants_snapshot(self) -> bool:
        """Whether a REST snapshot must be fetched."""
        return self.s.wants_snapshot != 0

    @property
    def refreshing(self) -> bool:
        """Whether the book is in sync and wants a fresh snapshot."""
        return self.s.refreshing != 0

    @property
    def update_id(self) -> int:
        """The id of the book: that of the snapshot, then of the last applied update."""
        return self.s.id

    @property
    def buffered(self) -> int:
        """Updates in the buffer."""
        return self.s.buffered

    @property
    def generation(self) -> int:
        """Books begun: raised by each connection, gap, loss and full buffer."""
        return self.s.generation

    @property
    def resyncs(self) -> int:
        """Number of times that a book in sync was discarded."""
        return self.s.resyncs

    @property
    def gaps(self) -> int:
        """Number of gaps in the updates."""
        return self.s.gaps

    @property
    def stale(self) -> int:
        """Old or duplicate updates, including those that the snapshot already contained."""
        return self.s.stale

    @property
    def too_old(self) -> int:
        """Snapshots that ended before the first buffered update."""
        return self.s.too_old

    @property
    def overflows(self) -> int:
        """Number of times that the buffer was full."""
        return self.s.overflows

    @property
    def refreshes_dropped(self) -> int:
        """Refreshes ended by a full buffer."""
        return self.s.refreshes_dropped
