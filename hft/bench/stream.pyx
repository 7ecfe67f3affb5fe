"""A session's messages, decoded once, so that a loop over one stage measures only that stage."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from hft._core.base.status cimport OK
from hft._core.base.types cimport MSG_AGG_TRADE, MSG_DEPTH, MSG_SNAPSHOT, MSG_BOOK_TICKER, MSG_TRADE, Level, Message, Spec
from hft._core.market.sync cimport (
    SYNC_BRIDGING, Sync, Synchronizer, sync_connected, sync_next, sync_on_depth, sync_on_snapshot,
)
from hft._core.wire.decode cimport Decoder, decode_frame, decoder_levels, decoder_message

KINDS = {
    "depth": MSG_DEPTH, "bookTicker": MSG_BOOK_TICKER, "trade": MSG_TRADE, "aggTrade": MSG_AGG_TRADE, "snapshot": MSG_SNAPSHOT,
}


cdef class Stream:
    """Messages of one symbol as its book takes them: a snapshot, the updates that follow it, bookTickers and trades.

    Messages before the first snapshot, messages that the synchroniser rejects, and frames that the scanner does not know are left
    out.

    Attributes
    ----------
    count, level_count : int
        Messages, and levels in them.

    >>> from hft._core.base.types import Spec
    >>> from hft._core.market.sync import SyncRules
    >>> from hft.bench.stream import record
    >>> from hft.exchange.generate import generate
    >>> from hft.data.tape import Tape
    >>> tape = Tape(generate("BTCUSDT", "binance-usdm", seed=1, messages=500), "BTCUSDT")
    >>> stream = record(Spec("BTCUSDT", tick="0.10", step="0.001"), tape, SyncRules())
    >>> books = stream.only("snapshot")
    >>> books.count, books.level_count
    (1, 2000)
    """

    def __init__(self, Spec spec not None):
        self.spec = spec

    def __dealloc__(self):
        free(self.messages)
        free(self.levels)

    cdef int keep(self, const Message* m, const Level* levels) except -1:
        """Copies a message to the end."""
        cdef Py_ssize_t n = <Py_ssize_t>m.n_bids + m.n_asks
        if self.count == self.room:
            self.room = 2 * self.room + 1024
            self.messages = <Message*>_grown(self.messages, self.room * sizeof(Message))
        if self.level_count + n > self.level_room:
            self.level_room = 2 * self.level_room + n + 1024
            self.levels = <Level*>_grown(self.levels, self.level_room * sizeof(Level))
        self.messages[self.count] = m[0]
        memcpy(self.levels + self.level_count, levels, n * sizeof(Level))
        self.count += 1
        self.level_count += n
        return 0

    def only(self, *kinds) -> Stream:
        """A new stream with the messages of some kinds (`KINDS`)."""
        cdef Stream part = Stream(self.spec)
        cdef const Level* levels = self.levels
        cdef Py_ssize_t i
        wanted = {KINDS[kind] for kind in kinds}
        for i in range(self.count):
            if self.messages[i].kind in wanted:
                part.keep(&self.messages[i], levels)
            levels += self.messages[i].n_bids + self.messages[i].n_asks
        return part

    def __len__(self):
        return self.count


cdef void* _grown(void* memory, size_t size) except NULL:
    cdef void* p = realloc(memory, size)
    if p == NULL:
        raise MemoryError
    return p


cdef int _take(Stream stream, Sync* sync, Message* m, Level* levels) except -1:
    """Keeps the decoded message, and messages released by it, if the book would take them."""
    cdef Message* next_message
    cdef Level* next_levels
    if m.kind == MSG_DEPTH:
        if sync_on_depth(sync, m, levels) == OK:
            stream.keep(m, levels)
    elif m.kind == MSG_SNAPSHOT:
        if sync_on_snapshot(sync, m.last_id) == OK:
            stream.keep(m, levels)
            while sync_next(sync, &next_message, &next_levels) == 1:
                stream.keep(next_message, next_levels)
    elif sync.state >= SYNC_BRIDGING:
        stream.keep(m, levels)
    return 0


def record(Spec spec not None, tape, rules) -> Stream:
    """The messages of one symbol on a `hft.data.tape.Tape`, synchronised by its venue's `SyncRules`.

    Raises ValueError if none of the tape's REST books brings the symbol into sync.
    """
    cdef Stream stream = Stream(spec)
    cdef Decoder decoder = Decoder([spec])
    cdef Synchronizer sync = Synchronizer(rules)
    cdef Py_ssize_t i
    cdef bytes frame
    books = [book for book in tape.books if book[1] == spec.name]
    sync_connected(sync.s)
    for i, (frame, stamp) in enumerate(zip(tape.frames, tape.stamps)):
        while books and books[0][0] == i:
            _, name, now, book = books.pop(0)
            decoder.load_snapshot(name, book.last_update_id, book.bids, book.asks, book.stamp, now)
            _take(stream, sync.s, decoder_message(decoder.d), decoder_levels(decoder.d))
        if decode_frame(decoder.d, PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), stamp) == OK:
            _take(stream, sync.s, decoder_message(decoder.d), decoder_levels(decoder.d))
    if not sync.ready:
        raise ValueError(f"{spec.name} was never in sync, or not at the end: a stream needs its REST book")
    return stream
