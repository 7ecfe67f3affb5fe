"""The state page: one mapped file through which other processes read an engine's state, and stop it by writing one word."""

import mmap
import os

from libc.string cimport memcpy
from posix.unistd cimport close as close_descriptor, usleep
from hft._core.base import status
from hft._core.base.buffer cimport buffer_address
from hft._core.base.histogram cimport Histogram
from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport Spec
from hft._core.market.snapshot cimport Snapshot, snapshot_write
from hft._core.record import names
from hft._core.record.pagefile import PageError, PageInSetup, own_file

assert sizeof(PageHeader) == 512 and sizeof(Snapshot) == 64 and sizeof(FeatureValues) == 96
assert sizeof(PageCounters) % 64 == 0 and sizeof(Page) % 64 == 0 and sizeof(PageSymbol) % 64 == 0
assert sizeof(JournalRecord) == 128

HISTOGRAMS = {"tick_to_trade": HIST_TICK_TO_TRADE, "tick": HIST_TICK, "features": HIST_FEATURES}
FLAGS = {"running": PAGE_RUNNING, "stopping": PAGE_STOPPING, "halted": PAGE_HALTED, "writer_failed": PAGE_WRITER_FAILED,
         "recording_broken": PAGE_RECORDING_BROKEN, "files_gone": PAGE_FILES_GONE, "input_held": PAGE_INPUT_HELD,
         "risk_alert": PAGE_RISK_ALERT, "log_failed": PAGE_LOG_FAILED}

cdef enum:
    TRIES = 100                 # without a pause: a writer that is running finishes in nanoseconds
    PAUSES = 100                # with a pause each: a writer that was descheduled continues after some milliseconds
    PAUSE_US = 1000

cdef PageCounters _NO_COUNTS
cdef PageTotals _NO_TOTALS
cdef PageView _NO_VIEW
cdef Snapshot _NO_MARKET        # C zeroes global variables
_TOTALS = _NO_TOTALS
_VIEW = _NO_VIEW
_MARKET = _NO_MARKET
# Counters of one word each: name -> index of the word.
_COUNTERS = {
    name: i for i, name in enumerate(
        (name for name, value in (<object>_NO_COUNTS).items() if not isinstance(value, list)),
        (sizeof(_NO_COUNTS.status) + sizeof(_NO_COUNTS.faults) + sizeof(_NO_COUNTS.messages)) // 8)
}


cdef class StatePage:
    """Counters, histograms, books, positions and the kill switch of one engine, in a file that other processes map.

    Use `create` (the engine) or `open` (everyone else). Reading never blocks or disturbs the engine.

    >>> from hft._core.base.types import Spec
    >>> page = StatePage.create(None, [Spec("BTCUSDT", tick="0.1", step="0.001")], strategy="imbalance_v1")
    >>> page.count("orders", 2)
    >>> page.reject(37)
    >>> state = page.read()
    >>> state["counters"]["orders"], state["counters"]["rejects"], state["symbols"][0]["name"]
    (2, {'notional_limit': 1}, 'BTCUSDT')
    """

    def __cinit__(self):
        self.lock = -1

    def __init__(self):
        raise TypeError("use StatePage.create or StatePage.open")

    @staticmethod
    def create(path, specs, *, int64_t run=0, str run_id not None="", str strategy not None="", str venue not None="",
               str build not None="", int64_t start_ns=0, int64_t monotonic_ns=0):
        """The engine's side: a new page, owned until `close`.

        Parameters
        ----------
        path : path or None
            The file, mode 0600; a file left by a dead engine is reused and keeps its kill switch. None: no file.
        specs : Symbols or iterable of Spec
            The symbols.
        run, run_id, strategy, venue, build
            Identity of the run.
        start_ns, monotonic_ns : int
            The engine's `now` and `time.monotonic_ns()` at the same moment.

        Raises `PageError` if the file is not a state page or another engine owns it, `OSError` if it can't be written.
        """
        cdef Symbols symbols = Symbols(specs)
        cdef int n = symbols.count
        cdef StatePage self = StatePage.__new__(StatePage)
        self.path = None if path is None else os.fspath(path)
        self.writable = True
        if path is None:
            self.memory = mmap.mmap(-1, page_size(n))
        else:
            self.lock, self.memory = own_file(self.path, page_size(n))
        self.c = <Page*>buffer_address(self.memory, page_size(n), True)
        page_init(self.c, symbols.specs, n, start_ns, start_ns - monotonic_ns)
        self.c.header.pid = os.getpid()
        self.c.header.run = run
        _text(self.c.header.run_id, run_id)
        _text(self.c.header.strategy, strategy)
        _text(self.c.header.venue, venue)
        _text(self.c.header.build, build)
        return self

    @staticmethod
    def open(path, *, bint writable=False):
        """The page of a running or dead engine. `writable` is for the kill switch only.

        Raises `PageError` for a file that is not a page of this version of hft, `OSError` if it can't be read.
        """
        cdef StatePage self = StatePage.__new__(StatePage)
        self.path = os.fspath(path)
        self.writable = writable
        fd = os.open(self.path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        try:
            size = os.fstat(fd).st_size
            if size == 0:
                raise PageInSetup(f"{self.path}: the state page is being set up")
            if size < <Py_ssize_t>sizeof(Page):
                raise PageError(f"{self.path}: {size} bytes are too few for a state page")
            self.memory = mmap.mmap(fd, size, access=mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)
        finally:
            os.close(fd)
        self.c = <Page*>buffer_address(self.memory, sizeof(Page), writable)
        cdef PageHeader* h = &self.c.header
        cdef uint64_t magic = load_acquire(&h.magic)
        cdef PageHeader seen = h[0]
        if magic in (0, PAGE_SETUP) or load_fenced(&h.magic) != magic:     # the header may be from two engines
            raise PageInSetup(f"{self.path}: the state page is being set up")
        if magic != PAGE_MAGIC:
            raise PageError(f"{self.path}: not a state page of hft")
        if seen.version != PAGE_VERSION or seen.layout != page_layout():
            raise PageError(f"{self.path}: written by another version of hft; use that version to read it")
        if seen.size > <uint64_t>size or seen.size != page_size(seen.n_symbols):
            raise PageError(f"{self.path}: truncated: {size} of {seen.size} bytes")
        return self

    def close(self) -> None:
        """Releases the memory and, on the engine's side, the file for the next engine. May be called again."""
        self.c = NULL
        self.memory = None
        self._unlock()

    def __dealloc__(self):
        self._unlock()

    cdef void _unlock(self) noexcept:
        if self.lock >= 0:
            close_descriptor(self.lock)
            self.lock = -1

    cdef int _n_symbols(self, Page* p):
        """Number of mapped symbols: a new engine on this file may have more."""
        cdef size_t mapped = (<size_t>len(self.memory) - sizeof(Page)) // sizeof(PageSymbol)
        return <int>min(<size_t>max(0, p.header.n_symbols), mapped)

    cdef Page* _page(self) except NULL:
        if self.c == NULL:
            raise ValueError("the state page is closed")
        return self.c

    cdef Page* _mine(self) except NULL:
        if not self.writable:
            raise ValueError("the state page was opened for reading")
        return self._page()

    # for every reader

    def read(self) -> dict:
        """Everything on the page, in ticks, quanta, money (1e-8) and ns, as nested dicts.

        Each view is consistent; different views may be up to 10 ms apart. A view that stays half-written for 100 ms (the
        engine died or was suspended while writing) has ``torn`` set: its fields may be from two states.
        """
        cdef Page* p = self._page()
        cdef PageCounters counters
        words_load(&counters, &p.counters, sizeof(PageCounters) // 8)
        return {
            "header": self._header(p),
            "counters": _counters(counters),
            "histograms": {name: Histogram.view(&p.histograms[which], self).copy() for name, which in HISTOGRAMS.items()},
            "totals": _totals(p),
            "channels": _channels(p),
            "recent": _recent(p),
            "symbols": [_symbol(page_symbol(p, i)) for i in range(self._n_symbols(p))],
        }

    def request_kill(self, bint on, int64_t ns) -> None:
        """Requests a trip (or release) of the kill switch: one atomic write. `ns`, the wall clock, makes requests distinct."""
        store_release(&self._mine().header.kill_request, (<uint64_t>ns << 1) | on)

    @property
    def started(self) -> int:
        """`start_ns` of the engine on this page; 0 while one sets it up. A reader must open the file again when it changes."""
        cdef Page* p = self._page()
        return p.header.start_ns if load_acquire(&p.header.magic) == PAGE_MAGIC else 0

    # for the engine in Python; the compiled engine uses the verbs of page.pxd

    def set_run(self, int64_t run, str run_id not None) -> None:
        """Sets the run; it gets its number only after the page is owned."""
        self._mine().header.run = run
        _text(self.c.header.run_id, run_id)

    def beat(self, int64_t now) -> None:
        """Sets the heartbeat to `now`."""
        page_beat(self._mine(), now)

    def flag(self, str name not None, bint on=True) -> None:
        """Sets or clears one of `FLAGS`."""
        page_flag(self._mine(), FLAGS[name], on)

    def count(self, str name not None, uint64_t n=1) -> None:
        """Adds to a counter of `PageCounters`."""
        cdef Page* p = self._mine()
        if name not in _COUNTERS:
            raise ValueError(f"unknown counter {name!r}")
        page_count(<uint64_t*>&p.counters + <int>_COUNTERS[name], n)

    def message(self, int kind, uint64_t n=1) -> None:
        """Counts messages by `MessageKind`."""
        if not 0 <= kind < 8:
            raise ValueError(f"unknown message kind {kind}")
        page_count(&self._mine().counters.messages[kind], n)

    def reject(self, int code, uint64_t n=1) -> None:
        """Counts a reject, skip or drop by its status code, or a fault by its negative one."""
        cdef Page* p = self._mine()
        if not -16 < code < 96:
            raise ValueError(f"unknown status code {code}")
        page_count(&p.counters.status[code] if code >= 0 else &p.counters.faults[-code], n)

    def histogram(self, str name not None) -> Histogram:
        """One of `HISTOGRAMS`, in place: valid while this page is open."""
        return Histogram.view(&self._mine().histograms[<int>HISTOGRAMS[name]], memoryview(self.memory))

    def channel(self, int i, str name not None, uint64_t capacity, uint64_t used=0, uint64_t waits=0) -> None:
        """Sets a channel's name, capacity and use."""
        if not 0 <= i < PAGE_CHANNELS:
            raise ValueError(f"channel {i} must be from 0 to {PAGE_CHANNELS - 1}")
        cdef PageChannel* channel = &self._mine().channels[i]
        cdef bytes raw = name.encode()[:15]
        memcpy(channel.name, <const char*>raw, len(raw))
        store_relaxed(&channel.capacity, capacity)
        store_relaxed(&channel.used, used)
        store_relaxed(&channel.waits, waits)

    def totals(self, **fields) -> None:
        """Writes `PageTotals`; fields not named are 0."""
        cdef PageTotals totals = {**_TOTALS, **_known(fields, _TOTALS)}
        page_write_totals(self._mine(), &totals)

    def view(self, int i, **fields) -> None:
        """Writes a symbol's `PageView`; fields not named are 0."""
        cdef PageView view = {**_VIEW, **_known(fields, _VIEW)}
        page_write_view(self._symbol(i), &view)

    def market(self, int i, **fields) -> None:
        """Writes a symbol's market snapshot."""
        cdef Snapshot market = {**_MARKET, **_known(fields, _MARKET)}
        snapshot_write(&self._symbol(i).market, &market)

    def recent(self, const unsigned char[::1] record not None) -> None:
        """Publishes one journal record (128 bytes)."""
        cdef JournalRecord r
        if record.shape[0] != sizeof(r):
            raise ValueError(f"a record has {sizeof(r)} bytes, not {record.shape[0]}")
        memcpy(&r, &record[0], sizeof(r))
        page_recent(self._mine(), &r)

    def kill_poll(self) -> int:
        """Polls for a request: 0 nothing new, 1 trip, 2 release."""
        cdef Page* p = self._mine()
        return page_kill_take(p, page_kill_request(p))

    def kill_set(self, bint on, int reason, int64_t now) -> None:
        """Publishes the engine's state of the switch."""
        page_kill_set(self._mine(), on, reason, now)

    cdef PageSymbol* _symbol(self, int i) except NULL:
        cdef Page* p = self._mine()
        if not 0 <= i < p.header.n_symbols:
            raise IndexError(f"symbol {i} of {p.header.n_symbols}")
        return page_symbol(p, i)

    cdef dict _header(self, Page* p):
        cdef PageHeader h = p.header
        cdef uint64_t flags = page_flags(p)
        request = load_acquire(&p.header.kill_request)
        return {
            "path": self.path, "pid": h.pid, "start_ns": h.start_ns, "clock_offset_ns": h.clock_offset_ns,
            "heartbeat_ns": load_acquire(&p.header.heartbeat_ns), "run": h.run,
            "run_id": _str(h.run_id), "strategy": _str(h.strategy), "venue": _str(h.venue), "build": _str(h.build),
            "flags": {name for name, bit in FLAGS.items() if flags & <uint64_t>bit},
            "kill_on": bool(h.kill_on), "kill_reason": status.name(h.kill_reason) if h.kill_reason else "",
            "kill_since_ns": h.kill_since_ns,
            "kill_requested": None if request == h.kill_seen else bool(request & 1),
        }


cdef int _text(char* to, str text) except -1:
    cdef bytes raw = text.encode()[:63]
    memcpy(to, <const char*>raw, len(raw))
    return 0


cdef str _str(const char* text):
    return (<bytes>text).decode("utf-8", "replace")


cdef dict _known(dict fields, dict struct):
    unknown = [name for name in fields if name not in struct]
    if unknown:
        raise TypeError(f"no field {', '.join(unknown)}")
    return fields


cdef dict _counters(PageCounters counters):
    cdef dict out = counters
    codes = out.pop("status")
    faults = out.pop("faults")
    kinds = out.pop("messages")
    del out["reserved"]
    out["rejects"] = {status.name(code): n for code, n in enumerate(codes) if n}
    out["faults"] = {status.name(-code): n for code, n in enumerate(faults) if n}
    out["messages"] = {name: kinds[kind] for kind, name in names.MESSAGE_KIND.items()}
    return out


cdef int _settled(const uint64_t* sequence, void* to, const void* words, size_t n) noexcept:
    """Waits for a consistent copy: 0; or 1 with the words as they are, if the writer never finished."""
    cdef int _
    with nogil:
        for _ in range(PAUSES):
            if seqlock_read(sequence, to, words, n, TRIES) == 0:
                return 0
            usleep(PAUSE_US)
    return 1


cdef dict _totals(Page* p):
    cdef PageTotals totals
    torn = _settled(&p.totals_sequence, &totals, &p.totals, sizeof(totals) // 8)
    cdef dict out = totals
    del out["reserved"]
    return {**out, "torn": bool(torn)}


cdef list _channels(Page* p):
    cdef PageChannel channel
    cdef int i
    out = []
    for i in range(PAGE_CHANNELS):
        words_load(&channel, &p.channels[i], sizeof(channel) // 8)
        if channel.capacity:
            out.append({"name": _str(channel.name), "capacity": channel.capacity, "used": channel.used, "waits": channel.waits})
    return out


cdef list _recent(Page* p):
    """The newest records, newest first. The slot that the engine may be writing during the copy is left out."""
    cdef JournalRecord copy[32]
    cdef uint64_t first = load_acquire(&p.recent_head)
    words_load(copy, p.recent, sizeof(copy) // 8)
    cdef uint64_t last = load_fenced(&p.recent_head)
    cdef uint64_t n = first
    out = []
    while n > 0 and n - 1 + PAGE_RECENT > last:
        n -= 1
        out.append(copy[n % PAGE_RECENT])
    return out


cdef dict _symbol(PageSymbol* s):
    cdef Spec spec = Spec.__new__(Spec)
    cdef Snapshot market
    cdef PageView view
    spec.c = s.spec
    spec._show()
    # A MarketSnapshot is its sequence and seven words under the same protocol; the reader here may wait.
    market.sequence = load_relaxed(&s.market.sequence)
    market_torn = _settled(&s.market.sequence, &market.timestamp_ns, &s.market.timestamp_ns, sizeof(market) // 8 - 1)
    view_torn = _settled(&s.view_sequence, &view, &s.view, sizeof(view) // 8)
    cdef dict fields = view
    fields["bids"] = fields["bids"][:max(0, min(view.n_bids, PAGE_LEVELS))]
    fields["asks"] = fields["asks"][:max(0, min(view.n_asks, PAGE_LEVELS))]
    for name in ("n_bids", "n_asks"):
        del fields[name]
    return {
        "name": spec.name, "spec": spec,
        "market": {**market, "torn": bool(market_torn)}, "view": {**fields, "torn": bool(view_torn)},
    }
