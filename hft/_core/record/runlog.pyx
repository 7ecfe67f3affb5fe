"""The run log: the engine's inputs in order, converted to lines of text."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport INT64_MAX
from libc.string cimport memchr, memcmp, strlen
from hft._core.base.atomic cimport load_relaxed
from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport NAME_BYTES, Decision

from hft._core.base.checks import whole

assert sizeof(LogEntry) == LOG_ENTRY and sizeof(RunLogState) % 64 == 0

KINDS = {
    "frame": LOG_FRAME, "depth": LOG_DEPTH, "exchange_info": LOG_EXCHANGE_INFO, "connect": LOG_CONNECT,
    "disconnect": LOG_DISCONNECT, "timer": LOG_TIMER, "kill": LOG_KILL, "journal_full": LOG_JOURNAL_FULL, "resync": LOG_RESYNC,
    "stop": LOG_STOP, "mark": LOG_MARK,
}
_OF_A_SYMBOL = {LOG_DEPTH, LOG_CONNECT, LOG_DISCONNECT, LOG_RESYNC}

cdef const char* _NAMES[14]     # names of our own lines, by LogKind
_NAMES[:] = [b"", b"raw", b"rest", b"rest", b"connect", b"disconnect", b"timer", b"kill", b"journal_full", b"resync", b"stop",
             b"", b"broken", b"decision"]
cdef const char* _DIGITS64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


# --- lines: the same code runs twice; the first pass only counts

cdef struct Text:
    char* p                     # NULL: only count
    size_t n


cdef inline void put(Text* t, const char* p, size_t n) noexcept nogil:
    if t.p != NULL:
        memcpy(t.p + t.n, p, n)
    t.n += n


cdef inline void put_text(Text* t, const char* text) noexcept nogil:
    put(t, text, strlen(text))


cdef void put_number(Text* t, int64_t value) noexcept nogil:
    cdef char digits[24]
    cdef int at = 24
    cdef uint64_t rest = <uint64_t>value if value >= 0 else 0 - <uint64_t>value
    while True:
        at -= 1
        digits[at] = <char>(48 + rest % 10)
        rest //= 10
        if rest == 0:
            break
    if value < 0:
        at -= 1
        digits[at] = b"-"
    put(t, digits + at, 24 - at)


cdef void put_base64(Text* t, const unsigned char* p, size_t n) noexcept nogil:
    """RFC 4648, padded."""
    cdef char* out = t.p + t.n
    cdef size_t i
    cdef uint32_t three
    t.n += 4 * ((n + 2) // 3)
    if t.p == NULL:
        return
    for i in range(0, n, 3):
        three = p[i] << 16
        if i + 1 < n:
            three |= p[i + 1] << 8
        if i + 2 < n:
            three |= p[i + 2]
        out[0] = _DIGITS64[three >> 18]
        out[1] = _DIGITS64[three >> 12 & 63]
        out[2] = _DIGITS64[three >> 6 & 63] if i + 1 < n else b"="
        out[3] = _DIGITS64[three & 63] if i + 2 < n else b"="
        out += 4


cdef bint fits_line(const char* p, size_t n) noexcept nogil:
    """Whether a message is a line as it is, and can't be taken for one of ours."""
    if n == 0 or p[0] != b"{" or <unsigned char>p[n - 1] <= 32:
        return False
    if n >= 6 and memcmp(p, b'{"hft"', 6) == 0:
        return False
    return memchr(p, b"\n", n) == NULL


cdef void put_ours(Text* t, const char* name) noexcept nogil:
    put_text(t, b'{"hft":{"')
    put_text(t, name)
    put_text(t, b'":')


cdef void put_message(Text* t, const char* p, size_t n) noexcept nogil:
    """A message as received; in base64 if it can't be a line."""
    if fits_line(p, n):
        put(t, p, n)
    else:
        put_ours(t, _NAMES[<int>LOG_FRAME])
        put_text(t, b'"')
        put_base64(t, <const unsigned char*>p, n)
        put_text(t, b'"}}')


cdef void put_name(Text* t, const RunLogState* r, const LogEntry* entry) noexcept nogil:
    put_text(t, b'"')
    put_text(t, r.names + <size_t>entry.arg * NAME_BYTES)
    put_text(t, b'"')


cdef void put_stamp(Text* t, const LogEntry* entry) noexcept nogil:
    put_number(t, entry.now)
    put_text(t, b" ")


cdef void put_decision(Text* t, const Decision* d) noexcept nogil:
    cdef int64_t fields[10]
    cdef int i
    fields[:] = [d.call, d.intent.kind, d.intent.order_id, d.intent.price, d.intent.qty, d.intent.symbol, d.intent.side,
                 d.intent.type, d.intent.tif, d.intent.flags]
    for i in range(10):
        put_text(t, b"," if i else b"[")
        put_number(t, fields[i])
    put_text(t, b"]")


cdef void put_entry(Text* t, const RunLogState* r, const LogEntry* entry) noexcept nogil:
    """An entry as its line; a REST body has two, the first of which describes it."""
    cdef const char* body = <const char*>entry + LOG_ENTRY
    cdef int kind = entry.kind
    put_stamp(t, entry)
    if kind == LOG_FRAME:
        put_message(t, body, entry.size)
    elif kind == LOG_MARK:
        put(t, body, entry.size)
    elif kind == LOG_DEPTH or kind == LOG_EXCHANGE_INFO:
        put_ours(t, _NAMES[kind])
        if kind == LOG_DEPTH:
            put_text(t, b'{"path":"depth","symbol":')
            put_name(t, r, entry)
        else:
            put_text(t, b'{"path":"exchangeInfo"')
        put_text(t, b"}}}\n")
        put_stamp(t, entry)
        put_message(t, body, entry.size)
    else:
        put_ours(t, _NAMES[kind])
        if kind == LOG_CONNECT or kind == LOG_DISCONNECT or kind == LOG_RESYNC:
            put_name(t, r, entry)
        elif kind == LOG_BROKEN:
            put_text(t, b'{"lost":')
            put_number(t, (<const int64_t*>body)[0])
            put_text(t, b"}")
        elif kind == LOG_DECISION:
            put_decision(t, <const Decision*>body)
        elif kind == LOG_KILL and entry.arg == 2:
            put_text(t, b'"kill_files_gone"')
        else:
            put_text(t, b"true" if kind == LOG_TIMER or kind == LOG_STOP or entry.arg else b"false")
        put_text(t, b"}}")
    put_text(t, b"\n")


cdef uint64_t put_entries(Text* t, const RunLogState* r, uint64_t first, uint64_t head, uint64_t limit,
                          int64_t until) noexcept nogil:
    """Writes entries from `first` on, up to `limit` bytes of them or the first at or after `until`; returns where it stopped."""
    cdef uint64_t at = first
    cdef const LogEntry* entry
    while at != head and at - first < limit:
        entry = runlog_at(r, at)
        if entry.kind != LOG_SKIP:
            if entry.now >= until:
                break
            put_entry(t, r, entry)
        at += runlog_size(entry.size)
    return at


cdef class RunLog:
    """The engine's inputs in their order: one thread pushes, another takes them as lines.

    A push copies and never waits: without room the entry is lost and counted, and a line in its place gives the number of
    missing entries (``{"hft":{"broken":{"lost":7}}}``). The format of the lines is in docs/recordings.md.

    Parameters
    ----------
    capacity : int
        Bytes, 4096 to 2**30, rounded up to a power of two. An entry has 16 bytes besides its payload.

    >>> log = RunLog(4096)
    >>> log.push("frame", 1, b'{"e":"trade"}'), log.push("timer", 2), log.push("frame", 3, b"no JSON")
    (True, True, True)
    >>> print(log.take().decode(), end="")
    1 {"e":"trade"}
    2 {"hft":{"timer":true}}
    3 {"hft":{"raw":"bm8gSlNPTg=="}}
    """

    def __cinit__(self, capacity):
        cdef uint64_t size = 4096
        cdef uint64_t least = whole("capacity", capacity, 4096, 2**30)
        while size < least:
            size *= 2
        self.c = <RunLogState*>hft_alloc(sizeof(RunLogState) + size)
        self.c.capacity = size

    def __dealloc__(self):
        if self.c != NULL:
            hft_free(self.c.names)
        hft_free(self.c)

    # --- producer

    def bind(self, Symbols symbols not None) -> None:
        """Sets the symbols that entries name by index. The engine calls it once, before its first input."""
        cdef int i
        if self.c.names != NULL:
            raise ValueError("the symbols of this run log are already set")
        for spec in symbols:
            name = spec.name.encode()
            if b'"' in name or b"\\" in name or min(name) < 32:
                raise ValueError(f"symbol {spec.name!r} can't be recorded")
        self.c.names = <char*>hft_alloc(symbols.count * NAME_BYTES)
        for i in range(symbols.count):
            memcpy(self.c.names + i * NAME_BYTES, symbols.specs[i].name, NAME_BYTES)
        self.c.n_symbols = symbols.count

    def push(self, str kind not None, int64_t now_ns, bytes body not None=b"", int arg=0) -> bool:
        """Pushes an entry of one of `KINDS`; `arg` is a symbol's index or as in `LogKind`. False: it was lost, and counted."""
        cdef int which = KINDS[kind]
        cdef int64_t args = self.c.n_symbols if which in _OF_A_SYMBOL else 3
        if not 0 <= arg < args:
            raise ValueError(f"arg {arg} of {kind}: there are {args}, counted from 0")
        return runlog_push(self.c, which, arg, now_ns, PyBytes_AS_STRING(body), len(body))

    def mark(self, str name not None, bytes value not None, int64_t now_ns) -> bool:
        """Pushes a line ``{"hft":{name:value}}`` that the engine ignores; `value` is JSON without a newline."""
        return self.push("mark", now_ns, b'{"hft":{"%b":%b}}' % (name.encode(), value))

    @property
    def lost(self) -> int:
        """Entries lost for lack of room since the start."""
        return load_relaxed(&self.c.lost)

    @property
    def entries(self) -> int:
        """Entries pushed since the start."""
        return load_relaxed(&self.c.entries)

    # --- consumer

    def take(self, int64_t limit=1 << 18, int64_t until_ns=INT64_MAX) -> bytes:
        """The oldest entries as lines: about `limit` bytes of them, all of them before `until_ns`. Empty if there are none.

        The GIL is released while lines are written, as that needs no Python.
        """
        cdef RunLogState* r = self.c
        cdef uint64_t tail = r.tail
        cdef uint64_t head = load_acquire(&r.head)
        cdef uint64_t end
        cdef Text text
        if limit < 1:
            raise ValueError(f"limit {limit} must be above 0")
        text.p = NULL
        text.n = 0
        with nogil:
            put_entries(&text, r, tail, head, limit, until_ns)
        cdef bytes lines = PyBytes_FromStringAndSize(NULL, text.n)
        text.p = PyBytes_AS_STRING(lines)
        text.n = 0
        with nogil:
            end = put_entries(&text, r, tail, head, limit, until_ns)
            store_release(&r.tail, end)
        return lines

    @property
    def next_ns(self):
        """Stamp of the oldest entry, or None. Called by the consumer."""
        cdef uint64_t at = self.c.tail
        cdef uint64_t head = load_acquire(&self.c.head)
        while at != head:
            if runlog_at(self.c, at).kind != LOG_SKIP:
                return runlog_at(self.c, at).now
            at += runlog_size(runlog_at(self.c, at).size)
        return None

    @property
    def capacity(self) -> int:
        """Capacity in bytes."""
        return self.c.capacity

    @property
    def used(self) -> int:
        """Bytes in use; only approximate in a third thread."""
        cdef uint64_t tail = load_acquire(&self.c.tail)
        return load_acquire(&self.c.head) - tail
