# sync: decides when an update may be applied to a symbol's book, by the venue's procedure.
#
#                 connected              snapshot               bridging event
#   CONNECTING ───────────────▶ BUFFERING ──────────▶ BRIDGING ────────────────▶ SYNCED
#                                 ▲  ▲   too old │      │ too old                  │
#                                 │  └───────────┘◀─────┘                          │
#                                 └──────────────────────── gap, book lost ────────┘
#
# One procedure with parameters serves all venues (`SyncRule`). With id = lastUpdateId and then the last `u`:
#
#   old, dropped               u < id + step      before the bridge;  u <= id  after it
#   may bridge the snapshot    U <= id + step <= u,  or on a chained venue  pu == id
#   follows                    U <= id + 1;              on a chained venue  pu == id
#
# If the stream itself sends the snapshot (`in_band`), a whole book replaces the current one at any time, and the next update
# must follow it (`sync_on_book`, `sync_whole`). Nothing is requested, and updates before it are dropped.
#
# Updates that arrive before a requested snapshot are copied, whole, into a buffer behind the header. The buffer never holds a
# gap: an update that does not follow the buffered ones replaces them, as no snapshot could bridge to both.
#
# A book in sync may also want a fresh snapshot, to compare itself with it and to learn the levels beyond the edge of the
# first one. It is then `refreshing`: updates are applied as usual and also copied to the buffer, so that the snapshot can be
# brought up to the book's id in a spare book. A full buffer only ends the refresh.

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy, memmove
from hft._core.base.hash cimport hash_span, hash_word, hash_words
from hft._core.base.memory cimport align64
from hft._core.base.status cimport (
    BAD_SHAPE, BUFFERED, BUFFER_FULL, NOT_CONNECTED, NO_SNAPSHOT, OK, OTHER_BOOK_SOURCE, SEQUENCE_GAP, SNAPSHOT_AHEAD,
    SNAPSHOT_TOO_OLD, STALE_UPDATE,
)
from hft._core.base.types cimport Level, Message, likely, unlikely

cdef enum SyncState:
    SYNC_CONNECTING = 0         # no connection: no message is accepted
    SYNC_BUFFERING = 1          # updates are kept until the snapshot arrives
    SYNC_BRIDGING = 2           # the snapshot is in the book; the first update that continues it has not arrived
    SYNC_SYNCED = 3

cdef enum:
    SYNC_CAPACITY = 65536       # default of `capacity_levels`
    MESSAGE_UNITS = 6           # a Message takes the space of six levels in the buffer

cdef struct SyncRule:           # a venue's procedure
    int64_t step                # the bridging update contains the id `lastUpdateId + step`
    int32_t chained             # 1: `pu` names the update before; 0: ids are consecutive
    int32_t in_band             # 1: the stream sends the snapshot; 0: it is requested over REST

cdef struct SyncParams:
    SyncRule rule
    int64_t capacity_levels     # size of the buffer in levels; a message takes six more than its levels

cdef struct Sync:
    SyncRule rule
    int32_t state               # SyncState
    int32_t wants_snapshot      # 1: a REST snapshot must be fetched
    int32_t refreshing          # 1: a snapshot is wanted although the book is in sync; updates are also buffered
    int32_t whole               # 1: a stream of whole books is the source of the book, as no update has come
    int32_t updates             # 1: there is a stream of updates
    int32_t reserved
    int64_t id                  # of the book: lastUpdateId, then `u` of the last update applied
    int64_t refresh_id          # of the book when the refresh began: all later updates are in the buffer
    int64_t buffered_id         # `u` of the newest buffered update
    int64_t buffered            # updates in the buffer
    uint64_t digest             # of all updates put into the buffer since it was empty
    int64_t capacity
    int64_t head                # of the buffer, in units of a Level
    int64_t tail                # from here on statistics; the snapshot fetcher also reads `generation`
    uint64_t generation         # books begun: raised by each connection, gap, loss or full buffer
    uint64_t resyncs            # books begun after one that was in sync
    int64_t lost                # 1: the connection of a synced book was lost, and there is no new one
    uint64_t gaps
    uint64_t stale              # old or duplicate updates
    uint64_t too_old            # snapshots that ended before the first buffered update
    uint64_t overflows          # times the buffer was full
    uint64_t refreshes_dropped  # refreshes ended by a full buffer


cdef int sync_rule(object rules, SyncRule* to) except -1


cdef class Synchronizer:
    """Owns the state; compiled callers may use `s` while they hold the object."""
    cdef Sync* s


cdef inline size_t sync_size(const SyncParams* params) noexcept nogil:
    return align64(sizeof(Sync)) + <size_t>params.capacity_levels * sizeof(Level)


cdef inline void sync_init(Sync* s, const SyncParams* params) noexcept nogil:
    s.rule = params.rule
    s.capacity = params.capacity_levels


cdef inline uint64_t sync_hash(const Sync* s) noexcept nogil:
    """Updates leave the buffer in order, so the digest of all that entered and the rest's size define its content."""
    return hash_word(hash_span(0, s, &s.head), s.tail - s.head)


# -- buffer ------------------------------------------------------------------------------------------------------------

cdef inline Level* _buffer(Sync* s) noexcept nogil:
    return <Level*>(<char*>s + align64(sizeof(Sync)))


cdef inline void _empty(Sync* s) noexcept nogil:
    s.head = s.tail = s.buffered = s.digest = 0


cdef inline bint _push(Sync* s, const Message* m, const Level* levels) noexcept nogil:
    """Appends a copy of an update to the buffer; false if it does not fit."""
    cdef int64_t n = <int64_t>m.n_bids + m.n_asks
    cdef int64_t units = MESSAGE_UNITS + n
    cdef Level* b = _buffer(s)
    if s.tail + units > s.capacity:
        if s.tail - s.head + units > s.capacity:
            return False
        memmove(b, b + s.head, (s.tail - s.head) * sizeof(Level))
        s.tail -= s.head
        s.head = 0
    memcpy(b + s.tail, m, sizeof(Message))
    memcpy(b + s.tail + MESSAGE_UNITS, levels, n * sizeof(Level))
    s.tail += units
    s.digest = hash_words(hash_words(s.digest, m, sizeof(Message) // 8), levels, 2 * n)
    s.buffered += 1
    s.buffered_id = m.last_id
    return True


cdef inline Message* _front(Sync* s) noexcept nogil:
    return <Message*>(_buffer(s) + s.head)


cdef inline void _pop(Sync* s) noexcept nogil:
    """Removes the first update; its bytes stay valid until the next push."""
    cdef Message* m = _front(s)
    s.head += MESSAGE_UNITS + <int64_t>m.n_bids + m.n_asks
    s.buffered -= 1
    if s.buffered == 0:
        _empty(s)


# -- rules -------------------------------------------------------------------------------------------------------------

cdef inline bint _follows(const Sync* s, const Message* m, int64_t id) noexcept nogil:
    return m.prev_id == id if s.rule.chained else m.first_id <= id + 1


cdef inline bint _bridges(const Sync* s, const Message* m, int64_t id) noexcept nogil:
    """Whether an update, not old for the snapshot with that id, continues it without a gap."""
    return m.first_id <= id + s.rule.step or (s.rule.chained and m.prev_id == id)


cdef inline bint _before(const Sync* s, const Message* m, int64_t id) noexcept nogil:
    """Whether a snapshot with that id contains all of the update."""
    return m.last_id < id + s.rule.step


cdef inline void _restart(Sync* s) noexcept nogil:
    """Discards the book and begins a new one."""
    if s.state == SYNC_SYNCED or s.lost:
        s.resyncs += 1
    s.lost = 0
    s.refreshing = 0
    s.state = SYNC_BUFFERING
    s.wants_snapshot = not s.whole and not s.rule.in_band
    s.generation += 1
    _empty(s)


cdef inline int _keep(Sync* s, const Message* m, const Level* levels) noexcept nogil:
    """Buffers an update. A full buffer is emptied first and starts with this one: the snapshot must be newer anyway."""
    if s.rule.in_band:          # the snapshot will be newer than any update before it
        return NO_SNAPSHOT
    if _push(s, m, levels):
        return BUFFERED
    s.overflows += 1
    _restart(s)
    _push(s, m, levels)
    return BUFFER_FULL


cdef inline int _gap(Sync* s, const Message* m, const Level* levels) noexcept nogil:
    """Handles an update that does not follow: begins again with it."""
    s.gaps += 1
    _restart(s)
    _keep(s, m, levels)
    return SEQUENCE_GAP


cdef inline void _follow(Sync* s, const Message* m, const Level* levels) noexcept nogil:
    """Keeps an applied update for the requested snapshot."""
    if not _push(s, m, levels):
        s.refreshing = 0
        s.refreshes_dropped += 1
        _empty(s)


cdef inline bint _reached(Sync* s, int64_t id) noexcept nogil:
    """Whether the first buffered update not in a snapshot with that id continues it; also true if there is none."""
    cdef int64_t at = s.head
    cdef Message* m
    while at < s.tail:
        m = <Message*>(_buffer(s) + at)
        if not _before(s, m, id):
            return _bridges(s, m, id)
        at += MESSAGE_UNITS + <int64_t>m.n_bids + m.n_asks
    return True


# -- inputs ------------------------------------------------------------------------------------------------------------

cdef inline void sync_connected(Sync* s) noexcept nogil:
    """The connection is open. Updates count from now on, even if the subscription is not confirmed yet."""
    _restart(s)


cdef inline void sync_disconnected(Sync* s) noexcept nogil:
    if s.state == SYNC_SYNCED:
        s.lost = 1
    s.state = SYNC_CONNECTING
    s.wants_snapshot = 0
    s.refreshing = 0
    _empty(s)


cdef inline void sync_lost(Sync* s) noexcept nogil:
    """The book is wrong (crossed): begins a new one."""
    if s.state != SYNC_CONNECTING:
        _restart(s)


cdef inline void sync_refresh(Sync* s) noexcept nogil:
    """Requests a fresh snapshot of a book in sync."""
    if s.state == SYNC_SYNCED and not s.refreshing and s.buffered == 0 and not s.rule.in_band:
        s.refreshing = 1
        s.refresh_id = s.id


cdef inline int _on_buffering(Sync* s, const Message* m, const Level* levels) noexcept nogil:
    """Handles an update that can't be applied yet."""
    if s.buffered and m.last_id <= s.buffered_id:
        s.stale += 1
        return STALE_UPDATE
    if s.buffered and not _follows(s, m, s.buffered_id):
        return _gap(s, m, levels)
    return _keep(s, m, levels)


cdef inline int _first_update(Sync* s, const Message* m, const Level* levels) noexcept nogil:
    """A stream of updates exists after all: it replaces the stream of whole books as the source."""
    s.whole = 0
    _restart(s)
    _keep(s, m, levels)
    return OTHER_BOOK_SOURCE


cdef inline int sync_on_depth(Sync* s, const Message* m, const Level* levels) noexcept nogil:
    """Handles an update.

    OK: apply it now. BUFFERED, STALE_UPDATE, NO_SNAPSHOT: leave the book unchanged. SEQUENCE_GAP, SNAPSHOT_TOO_OLD,
    BUFFER_FULL, OTHER_BOOK_SOURCE: clear the book; the update is kept for the next one. NOT_CONNECTED: there is no
    connection. BAD_SHAPE: the update does not name its predecessor.
    """
    if unlikely(s.rule.chained and m.prev_id < 0):
        return BAD_SHAPE
    if unlikely(not s.updates) and s.state != SYNC_CONNECTING:
        s.updates = 1
        if s.whole:
            return _first_update(s, m, levels)
    if likely(s.state == SYNC_SYNCED and (s.buffered == 0 or s.refreshing)):
        if unlikely(m.last_id <= s.id):
            s.stale += 1
            return STALE_UPDATE
        if unlikely(not _follows(s, m, s.id)):
            return _gap(s, m, levels)
        s.id = m.last_id
        if unlikely(s.refreshing):
            _follow(s, m, levels)
        return OK
    if s.state == SYNC_CONNECTING:
        return NOT_CONNECTED
    if s.state == SYNC_BUFFERING or s.buffered:
        return _on_buffering(s, m, levels)
    if _before(s, m, s.id):
        s.stale += 1
        return STALE_UPDATE
    if not _bridges(s, m, s.id):
        if s.rule.in_band:
            return _gap(s, m, levels)
        s.too_old += 1
        s.state = SYNC_BUFFERING
        s.wants_snapshot = 1
        _keep(s, m, levels)
        return SNAPSHOT_TOO_OLD
    s.state = SYNC_SYNCED
    s.id = m.last_id
    return OK


cdef inline int _on_fresh(Sync* s, int64_t last_update_id) noexcept nogil:
    """Handles a snapshot for a book in sync."""
    if last_update_id > s.id:
        return SNAPSHOT_AHEAD
    if last_update_id < s.refresh_id or not _reached(s, last_update_id):
        s.too_old += 1
        return SNAPSHOT_TOO_OLD
    s.refreshing = 0
    return OK


cdef inline int sync_on_snapshot(Sync* s, int64_t last_update_id) noexcept nogil:
    """Handles a snapshot. OK: load it into the book, then apply the updates from `sync_next`. SNAPSHOT_TOO_OLD: fetch another.

    For a book in sync that wants a fresh one, OK: load it into a spare book, then apply the updates from `sync_next_since` to it.
    SNAPSHOT_AHEAD: it is newer than the book; pass it again once the book has reached its id.

    STALE_UPDATE: no snapshot was requested. NOT_CONNECTED: its later updates can't arrive any more.
    """
    if s.state == SYNC_CONNECTING:
        return NOT_CONNECTED
    if s.refreshing:
        return _on_fresh(s, last_update_id)
    if not s.wants_snapshot:
        return STALE_UPDATE
    s.id = last_update_id
    if not _reached(s, last_update_id):
        s.too_old += 1
        return SNAPSHOT_TOO_OLD
    s.wants_snapshot = 0
    s.state = SYNC_BRIDGING
    return OK


cdef inline int sync_on_book(Sync* s, int64_t id, bint of_stream) noexcept nogil:
    """Handles a whole book. OK: replace the current book, then call `sync_whole`. `of_stream`: from a stream of whole books, not
    from a stream of updates. OTHER_BOOK_SOURCE: updates are the source. STALE_UPDATE: older than the last one."""
    if s.state == SYNC_CONNECTING:
        return NOT_CONNECTED
    if of_stream and s.updates:
        return OTHER_BOOK_SOURCE
    if s.whole and s.state >= SYNC_BRIDGING and id < s.id:
        s.stale += 1
        return STALE_UPDATE
    return OK


cdef inline void sync_whole(Sync* s, int64_t id, bint of_stream, bint quoted) noexcept nogil:
    """A whole book is in place: in sync at once if both sides are quoted, whatever the state before."""
    s.whole = of_stream
    s.id = id
    s.wants_snapshot = 0
    s.refreshing = 0
    _empty(s)
    if s.state != SYNC_SYNCED:
        s.lost = 0
        s.state = SYNC_SYNCED if quoted else SYNC_BRIDGING


cdef inline void sync_pause(Sync* s) noexcept nogil:
    """The last update contradicts itself: out of sync until the next one."""
    s.resyncs += s.state == SYNC_SYNCED
    s.state = SYNC_BRIDGING
    if s.refreshing:            # else the buffer holds later updates, which were not applied yet
        s.refreshing = 0
        _empty(s)


cdef inline int sync_next(Sync* s, Message** m, Level** levels) noexcept nogil:
    """1 and the next buffered update, to apply now; 0 when there is none. Valid until the next `sync_` verb."""
    while s.buffered and s.state >= SYNC_BRIDGING:
        m[0] = _front(s)
        levels[0] = _buffer(s) + s.head + MESSAGE_UNITS
        _pop(s)
        if s.state == SYNC_BRIDGING and _before(s, m[0], s.id):
            s.stale += 1
            continue
        s.state = SYNC_SYNCED
        s.id = m[0].last_id
        return 1
    return 0


cdef inline int sync_next_since(Sync* s, int64_t last_update_id, Message** m, Level** levels) noexcept nogil:
    """1 and the next update not contained in the fresh snapshot with that id; 0 when the book's id is reached."""
    while s.buffered:
        m[0] = _front(s)
        levels[0] = _buffer(s) + s.head + MESSAGE_UNITS
        _pop(s)
        if not _before(s, m[0], last_update_id):
            return 1
    return 0


cdef inline void sync_mismatch(Sync* s) noexcept nogil:
    """The book differed from the fresh snapshot, which replaces it: a new book, in sync at the same id."""
    s.generation += 1
    s.resyncs += 1
