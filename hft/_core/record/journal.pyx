"""The journal of orders, fills and positions: the engine's records on their way to the database."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcpy
from hft._core.base.buffer cimport buffer_address
from hft._core.base.crc32c cimport crc32c_soft
from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.types cimport RECORD_FILL, RECORD_KILL, RECORD_ORDER, RECORD_POSITION

from hft._core.base.checks import whole

assert sizeof(JournalState) == 192 and sizeof(JournalRecord) == JOURNAL_RECORD

cdef JournalRecord _EMPTY
_ZERO = {name: 0 for name in _EMPTY}
_SEALED = frozenset(("seq", "run", "crc", "kind"))


cdef size_t journal_size(const JournalParams* params) noexcept nogil:
    return sizeof(JournalState) + <size_t>params.capacity * sizeof(JournalRecord)


cdef void journal_init(JournalState* j, const JournalParams* params) noexcept nogil:
    j.version = JOURNAL_VERSION
    j.record_size = sizeof(JournalRecord)
    j.capacity = params.capacity
    store_release(&j.magic, JOURNAL_MAGIC)


cdef void journal_begin(JournalState* j, int64_t run) noexcept nogil:
    """Later records belong to `run`, numbered from 1."""
    j.run = run                 # stored first: if the second store is lost, numbers continue, and none is used twice
    store_release(&j.base, j.head)


cdef bint _follows(const JournalState* j, uint64_t n, const JournalRecord* r, const JournalRecord* before) noexcept nogil:
    """Whether this is record number n. An old record in the same slot is whole, too, so a checksum is not enough."""
    if r.crc != crc32c(r, JOURNAL_RECORD - sizeof(uint32_t)):
        return False
    if n >= j.base:
        return r.seq == n + 1 - j.base
    return before == NULL or r.seq == (before.seq + 1 if r.run == before.run else 1)


cdef int64_t journal_open(JournalState* j) noexcept nogil:
    """Restores memory that holds a journal to the state before or after an interrupted append: `head` goes back to the
    first record that is not whole. Returns the number of records behind it; -1 if head and tail are inconsistent."""
    cdef uint64_t n
    cdef uint64_t head = j.head
    cdef JournalRecord* r
    cdef JournalRecord* before = NULL
    if j.capacity == 0 or head - j.tail > j.capacity or j.base > head:
        return -1
    for n in range(j.tail, head):
        r = &journal_slots(j)[n % j.capacity]
        if not _follows(j, n, r, before):
            store_release(&j.head, n)
            break
        before = r
    j.base = min(j.base, j.head)
    j.slot = j.head % j.capacity
    return <int64_t>(head - j.head)


cdef class Journal:
    """A bounded ring of 128-byte records: the engine appends; the writer drains, stores and then commits them.

    Nothing is overwritten or dropped: without room an append returns False, and the engine refuses new orders well before.

    Parameters
    ----------
    capacity : int
        Number of records, 1 to 2**25 (`persist_channel_size`).
    run : int
        Row of `runs` to which the records belong.
    memory : writable buffer, optional
        Zeroed memory for the journal, or memory with such a journal, in whatever state its process left it: records appended
        but not committed are still there. No other process may append at the same time.

    Attributes
    ----------
    left_out : int
        Records in such memory that were counted but not whole, as after a power failure: the first damaged one and all after it.

    >>> journal = Journal(1000, run=7)
    >>> journal.append_fill(ts_ns=1, order_id=(7 << 32) + 1, side=1, price=618002, qty=500, fee=154933)
    True
    >>> batch = journal.drain(100)
    >>> [(r["seq"], r["price"]) for r in records(batch)], journal.used
    ([(1, 618002)], 1)
    >>> journal.commit(len(batch) // 128)
    >>> journal.used, journal.room
    (0, 1000)
    """

    def __init__(self, capacity=10000, *, run=0, memory=None):
        if self.c != NULL:
            raise RuntimeError("a Journal is initialised once")
        cdef JournalParams params
        params.capacity = whole("capacity", capacity, 1, 2**25)
        run = whole("run", run, 0, 2**31 - 1)
        cdef JournalState* c
        if memory is None:
            c = <JournalState*>hft_alloc(journal_size(&params))
        else:
            c = <JournalState*>buffer_address(memory, journal_size(&params), True)
            if c.magic not in (0, JOURNAL_MAGIC):
                raise ValueError("the memory is neither zeroed nor a journal")
            if c.magic and (c.version, c.record_size, c.capacity) != (JOURNAL_VERSION, sizeof(JournalRecord), capacity):
                raise ValueError(f"the memory holds a journal of version {c.version} with {c.capacity} records")
            if c.magic:
                self.left_out = journal_open(c)
                if self.left_out < 0:
                    raise ValueError("the memory holds a journal with inconsistent head and tail: it is damaged")
            self.memory = memoryview(memory)
        if c.magic == 0:
            journal_init(c, &params)
        self.c = c
        self.owned = memory is None
        if run:
            journal_begin(c, run)

    def __dealloc__(self):
        if self.owned:
            hft_free(self.c)

    @staticmethod
    def size(capacity) -> int:
        """Bytes of memory that such a journal needs."""
        cdef JournalParams params
        params.capacity = whole("capacity", capacity, 1, 2**25)
        return journal_size(&params)

    def begin(self, run) -> None:
        """Later records belong to `run`, numbered from 1."""
        journal_begin(self.c, whole("run", run, 0, 2**31 - 1))

    def append_order(self, **fields) -> bool:
        """Append an order's state after a change; the fields are those of `JournalRecord`, see `journal.pxd`."""
        return self._append(RECORD_ORDER, fields)

    def append_fill(self, **fields) -> bool:
        """Append one fill. False when there is no room."""
        return self._append(RECORD_FILL, fields)

    def append_position(self, **fields) -> bool:
        """Append a symbol's position after a fill. False when there is no room."""
        return self._append(RECORD_POSITION, fields)

    def append_kill(self, **fields) -> bool:
        """Append a change of the kill switch. False when there is no room."""
        return self._append(RECORD_KILL, {"symbol": -1, **fields})

    def _append(self, kind, fields):
        unknown = [name for name in fields if name not in _ZERO or name in _SEALED]
        if unknown:
            raise TypeError(f"a journal record has no field {', '.join(unknown)} to set")
        cdef JournalRecord r = {**_ZERO, **fields, "kind": kind}
        return journal_append(self.c, &r)

    def drain(self, int64_t limit) -> bytes:
        """The oldest records, at most `limit`, as bytes of memory (128 each). They stay until `commit`."""
        cdef uint64_t tail = self.c.tail
        cdef uint64_t n = load_acquire(&self.c.head) - tail
        if limit < 0:
            raise ValueError(f"limit {limit} must not be negative")
        n = min(n, <uint64_t>limit)
        cdef uint64_t first = tail % self.c.capacity
        cdef uint64_t before_end = min(n, self.c.capacity - first)
        cdef bytes batch = PyBytes_FromStringAndSize(NULL, n * JOURNAL_RECORD)
        cdef char* to = PyBytes_AS_STRING(batch)
        memcpy(to, journal_slots(self.c) + first, before_end * JOURNAL_RECORD)
        memcpy(to + before_end * JOURNAL_RECORD, journal_slots(self.c), (n - before_end) * JOURNAL_RECORD)
        return batch

    def commit(self, int64_t n) -> None:
        """Release the slots of the oldest `n` records, which are stored."""
        if not 0 <= n <= self.used:
            raise ValueError(f"{n} records can't be committed; the journal holds {self.used}")
        store_release(&self.c.tail, self.c.tail + <uint64_t>n)

    @property
    def capacity(self) -> int:
        return self.c.capacity

    @property
    def used(self) -> int:
        """Records appended and not committed. Called by the consumer."""
        return load_acquire(&self.c.head) - load_relaxed(&self.c.tail)

    @property
    def room(self) -> int:
        """Number of free records."""
        return self.c.capacity - self.used

    def lag_ns(self, int64_t now) -> int:
        """Age of the oldest uncommitted record; 0 if there is none."""
        return journal_lag_ns(self.c, now)


def records(const unsigned char[::1] batch not None) -> list:
    """A drained batch as dicts, one for each record, with the names of `JournalRecord`'s fields."""
    if batch.shape[0] % JOURNAL_RECORD:
        raise ValueError(f"a batch is whole records of {JOURNAL_RECORD} bytes, not {batch.shape[0]} bytes")
    cdef JournalRecord r
    out = []
    for offset in range(0, batch.shape[0], JOURNAL_RECORD):
        memcpy(&r, &batch[offset], sizeof(r))
        out.append(r)
    return out


def sound(const unsigned char[::1] batch not None) -> int:
    """Number of records before the first with a wrong checksum; the whole batch if all are right.

    >>> journal = Journal(10)
    >>> journal.append_kill(status=1) and journal.append_kill(status=0)
    True
    >>> batch = bytearray(journal.drain(10))
    >>> batch[200] ^= 1
    >>> sound(batch)
    1
    """
    cdef JournalRecord r
    cdef int n = 0
    for offset in range(0, batch.shape[0] - JOURNAL_RECORD + 1, JOURNAL_RECORD):
        memcpy(&r, &batch[offset], sizeof(r))
        if r.crc != crc32c(&r, JOURNAL_RECORD - sizeof(r.crc)):
            break
        n += 1
    return n


def checksum(const unsigned char[:] data not None) -> int:
    """CRC-32C of `data`, computed by the processor's instruction if there is one.

    >>> hex(checksum(b"123456789"))
    '0xe3069283'
    """
    cdef bytes content = bytes(data)
    return crc32c(<const char*>content, len(content))


def _checksum_soft(bytes data not None):
    """The same, without that instruction."""
    return crc32c_soft(<const char*>data, len(data))


def _append_many(Journal journal not None, int64_t n):
    """Appends and commits `n` fills with the loop in C; for the benchmark."""
    cdef JournalRecord r = {**_ZERO, "kind": RECORD_FILL}
    cdef int64_t i
    for i in range(n):
        r.ts_ns = i
        journal_append(journal.c, &r)
        store_release(&journal.c.tail, journal.c.head)
