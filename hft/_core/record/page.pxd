# The state page: one mapped file with the state of an engine. The engine writes and never waits; the monitor, `hft watch`
# and tests read it from other processes; `hft kill` writes one word. Everything is preallocated and touched at start.
#
#     +---------------+----------------+------------------+----------------+-----------------+---------------------+
#     | PageHeader    | PageCounters   | histograms       | totals         | recent records  | PageSymbol x n      |
#     | identity,     | relaxed words, | tick to trade,   | channels       | newest 32       | spec, market (64 B  |
#     | kill switch,  | any time       | tick, features   | (seqlock)      |                 | seqlock), view      |
#     | heartbeat     |                |                  |                |                 | (seqlock)           |
#     +---------------+----------------+------------------+----------------+-----------------+---------------------+
#
# Counters, histograms, market snapshots and recent records are written as events happen; views, totals and heartbeat
# by the engine's 10 ms timer. Units are those of `types`; text is zero padded UTF-8.
#
# Times are the engine's `now`: wall clock at start plus monotonic time since. `clock_offset_ns` is now - CLOCK_MONOTONIC, so
# another process can compute an age even if the wall clock was stepped.
#
# Kill switch: `kill_request` is (ns << 1 | on); the time makes each request different from the last. The engine handles a word
# that differs from `kill_seen`. These words have the same place in every version, outlive the engine and are kept by the
# next engine on this file: the switch latches, and can be tripped while no engine runs.

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memset
from hft._core.base.atomic cimport (
    add_relaxed, and_release, fence_release, load_acquire, load_fenced, load_relaxed, or_release, seqlock_read, seqlock_write,
    store_relaxed, store_release, words_load, words_store)
from hft._core.base.histogram cimport HistogramState
from hft._core.base.types cimport JournalRecord, Level, SymbolSpec
from hft._core.market.features cimport FeatureValues
from hft._core.market.snapshot cimport Snapshot

cdef extern from *:
    """
    #define HFT_PAGE_MAGIC 0x0045474150544648ull      /* "HFTPAGE" */
    #define HFT_PAGE_SETUP 0x0145474150544648ull      /* the same, while the page is being set up */
    """
    const uint64_t PAGE_MAGIC "HFT_PAGE_MAGIC"
    const uint64_t PAGE_SETUP "HFT_PAGE_SETUP"

cdef enum:
    PAGE_VERSION = 1
    PAGE_LEVELS = 10            # of the ladder, a side
    PAGE_RECENT = 32            # newest orders and fills
    PAGE_CHANNELS = 8

cdef enum PageFlag:             # bits of `flags`
    PAGE_RUNNING = 1            # the engine trades; clear before its start and after its end
    PAGE_STOPPING = 2
    PAGE_HALTED = 4             # trading halted by itself: a fault, or the writer failed
    PAGE_WRITER_FAILED = 8
    PAGE_RECORDING_BROKEN = 16  # the recording lacks entries; trading continues
    PAGE_FILES_GONE = 32        # a file of the run was deleted or replaced
    PAGE_INPUT_HELD = 64        # the journal has no room: messages are held, and reading has stopped
    PAGE_RISK_ALERT = 128       # a limit refused orders recently
    PAGE_LOG_FAILED = 256       # the log can't be written

cdef enum PageHistogram:
    HIST_TICK_TO_TRADE = 0      # read of the frame to the order accepted by the broker's entry (SEMANTICS 31)
    HIST_TICK = 1               # every message, from the read to the end of its work
    HIST_FEATURES = 2           # one evaluation of the feature vector
    PAGE_HISTOGRAMS = 3

cdef struct PageHeader:         # 512 bytes
    uint64_t magic              # written last
    uint32_t version
    uint32_t layout             # digest of all sizes below: a page of another build is refused, not misread
    uint64_t size
    int64_t start_ns
    int64_t clock_offset_ns
    int64_t run                 # row of `runs`
    int32_t n_symbols
    int32_t pid
    uint64_t reserved0
    uint64_t kill_request       # 64: the only word that others write
    uint64_t reserved1[7]
    uint64_t kill_seen          # 128: the last request that the engine handled
    uint64_t kill_on
    int64_t kill_reason         # status code of the cause
    int64_t kill_since_ns
    uint64_t reserved2[4]
    uint64_t heartbeat_ns       # 192
    uint64_t flags              # PageFlag
    uint64_t reserved3[6]
    char run_id[64]             # 256
    char strategy[64]
    char venue[64]
    char build[64]              # version of hft

cdef struct PageCounters:
    uint64_t status[96]         # rejects, skips and drops by status code
    uint64_t faults[16]         # by -code
    uint64_t messages[8]        # applied or buffered, by MessageKind
    uint64_t frames
    uint64_t bytes
    uint64_t signals
    uint64_t intents            # intents of the strategy, including refused ones
    uint64_t orders             # accepted by the broker's entry
    uint64_t cancels
    uint64_t fills
    uint64_t maker_fills
    uint64_t suspect_fills      # made while the book was out of sync
    uint64_t connects
    uint64_t disconnects
    uint64_t reconnects
    uint64_t resyncs
    uint64_t gaps
    uint64_t snapshots          # REST books requested
    uint64_t python_errors      # a strategy raised
    uint64_t journal_waits      # input held back because the journal was full
    uint64_t shortened          # entries that left a feature window early, as its ring was full
    uint64_t levels_dropped
    uint64_t rules_changed      # changes of the venue's rules for a symbol
    uint64_t longest_pause_ns   # the longest time that the event loop was blocked
    uint64_t clock_outliers     # venue stamps that were not accepted; their messages were applied
    uint64_t amends
    uint64_t reserved[1]

cdef struct PageTotals:         # across symbols; money in 1e-8 of the quote asset
    int64_t timestamp_ns
    int64_t realised            # before fees
    int64_t unrealised
    int64_t fees
    int64_t pnl                 # realised + unrealised - fees
    int64_t exposure            # sum of max(|worst long|, |worst short|) x mid
    int64_t peak_equity
    int64_t open_orders
    int64_t journal_used        # records not in the database yet
    int64_t journal_capacity
    int64_t writer_lag_ns       # age of the oldest of them
    int64_t connections         # live ones
    int64_t reserved[4]

cdef struct PageChannel:
    char name[16]
    uint64_t capacity
    uint64_t used
    uint64_t waits              # number of times that it was full

cdef struct PageView:          # one symbol, as of the last timer
    int64_t timestamp_ns
    int64_t last_update_ns      # newest market data
    int64_t position            # quanta, signed
    int64_t cash                # gross
    int64_t cost                # gross
    int64_t realised            # money, before fees
    int64_t unrealised          # money
    int64_t fees                # money
    int64_t fees_base           # 1e-8 of the base asset
    int64_t mark2               # half ticks; 0: none yet
    int64_t open_orders
    int64_t leaves_buy          # open buy quantity, worst case
    int64_t leaves_sell
    int64_t generation          # of the book: raised by each resync
    int64_t resyncs
    int64_t gaps
    int64_t theta_ns            # offset to the venue's clock
    double signal_strength      # 0 with has_signal 0
    double signal_confidence
    int64_t holding_period_ns
    int32_t has_signal
    int32_t sync_state          # SYNC_CONNECTING …
    int32_t connected
    int32_t book_status        # BookStatus
    int32_t mark_stale          # 1: the mark is from before the book lost sync
    int32_t n_bids
    int32_t n_asks
    int32_t closed              # 1: the venue does not trade it now
    FeatureValues features
    Level bids[10]
    Level asks[10]

cdef struct PageSymbol:
    SymbolSpec spec
    Snapshot market             # a cache line of its own
    uint64_t view_sequence
    PageView view
    uint64_t reserved[3]

cdef struct Page:
    PageHeader header
    PageCounters counters
    HistogramState histograms[3]
    uint64_t totals_sequence
    PageTotals totals
    PageChannel channels[8]
    uint64_t recent_head        # records ever added
    JournalRecord recent[32]
    uint64_t reserved[6]


cdef inline size_t page_size(int n_symbols) noexcept nogil:
    return sizeof(Page) + <size_t>n_symbols * sizeof(PageSymbol)


cdef inline uint32_t page_layout() noexcept nogil:
    cdef size_t[10] sizes = [
        sizeof(PageHeader), sizeof(PageCounters), sizeof(HistogramState), sizeof(PageTotals), sizeof(PageChannel),
        sizeof(JournalRecord), sizeof(SymbolSpec), sizeof(PageView), sizeof(PageSymbol), sizeof(Page)]
    cdef uint32_t digest = 2166136261u              # FNV-1a
    cdef int i
    for i in range(10):
        digest = (digest ^ <uint32_t>sizes[i]) * 16777619u
    return digest


cdef inline PageCounters* page_counters(Page* p) noexcept nogil:
    return &p.counters


cdef inline HistogramState* page_histogram(Page* p, int which) noexcept nogil:
    return &p.histograms[which]


cdef inline PageSymbol* page_symbol(Page* p, int i) noexcept nogil:
    return <PageSymbol*>(<char*>p + sizeof(Page)) + i


cdef inline Snapshot* page_market(Page* p, int i) noexcept nogil:
    """The destination of the engine's `snapshot_write`."""
    return &page_symbol(p, i).market


cdef inline void page_init(Page* p, const SymbolSpec* specs, int n_symbols, int64_t start_ns,
                           int64_t clock_offset_ns) noexcept nogil:
    """Initialises the file's memory: zeroes all but the kill switch's words, then fills the header."""
    cdef PageHeader* h = &p.header
    cdef int i
    store_release(&h.magic, PAGE_SETUP)             # from here on readers of an earlier engine's page ignore it …
    memset(<char*>p + 8, 0, 64 - 8)
    memset(&h.heartbeat_ns, 0, page_size(n_symbols) - 192)      # the kill switch's lines, 64 to 191, stay
    h.version = PAGE_VERSION
    h.layout = page_layout()
    h.size = page_size(n_symbols)
    h.start_ns = start_ns
    h.clock_offset_ns = clock_offset_ns
    h.n_symbols = n_symbols
    for i in range(n_symbols):
        page_symbol(p, i).spec = specs[i]
    store_release(&h.magic, PAGE_MAGIC)             # … up to here


cdef inline void page_count(uint64_t* counter, uint64_t n) noexcept nogil:
    """Adds to a counter: `page_count(&page_counters(p).status[code], 1)`."""
    add_relaxed(counter, n)


cdef inline void page_write_view(PageSymbol* s, const PageView* view) noexcept nogil:
    seqlock_write(&s.view_sequence, &s.view, view, sizeof(PageView) // 8)


cdef inline void page_write_totals(Page* p, const PageTotals* totals) noexcept nogil:
    seqlock_write(&p.totals_sequence, &p.totals, totals, sizeof(PageTotals) // 8)


cdef inline void page_recent(Page* p, const JournalRecord* record) noexcept nogil:
    """Publishes an order or fill; the reader detects a half-written one by its place (and by its CRC, if it has one)."""
    cdef uint64_t n = p.recent_head
    fence_release()             # a reader that sees words of this record also sees the count of records before it
    words_store(&p.recent[n % PAGE_RECENT], record, sizeof(JournalRecord) // 8)
    store_release(&p.recent_head, n + 1)


cdef inline void page_beat(Page* p, int64_t now) noexcept nogil:
    """Sets the heartbeat to `now`."""
    store_release(&p.header.heartbeat_ns, <uint64_t>now)


cdef inline void page_flag(Page* p, uint64_t flag, bint on) noexcept nogil:
    """Sets or clears one bit of `flags`; the engine, its timer and the writer's thread each own different bits."""
    if on:
        or_release(&p.header.flags, flag)
    else:
        and_release(&p.header.flags, ~flag)


cdef inline uint64_t page_flags(const Page* p) noexcept nogil:
    """All bits of `flags`."""
    return load_acquire(&p.header.flags)


cdef inline uint64_t page_kill_request(const Page* p) noexcept nogil:
    """A request that was not handled yet; 0: none. An odd value trips the switch, an even value releases it."""
    cdef uint64_t request = load_acquire(&p.header.kill_request)
    return 0 if request == p.header.kill_seen else request


cdef inline int page_kill_take(Page* p, uint64_t request) noexcept nogil:
    """Takes this request, but no later one: 0 nothing, 1 trip, 2 release."""
    if request == 0:
        return 0
    store_relaxed(&p.header.kill_seen, request)
    return 1 if request & 1 else 2


cdef inline void page_kill_set(Page* p, bint on, int reason, int64_t now) noexcept nogil:
    """Publishes the engine's state of the switch."""
    p.header.kill_reason = reason
    p.header.kill_since_ns = now
    store_release(&p.header.kill_on, on)


cdef class StatePage:
    cdef Page* c
    cdef object memory          # the mmap (or bytearray-like buffer) that holds the page; released with this object
    cdef int lock               # descriptor of the file; its lock shows that an engine owns the page; -1 for readers
    cdef readonly object path
    cdef readonly bint writable
    cdef Page* _page(self) except NULL
    cdef Page* _mine(self) except NULL
    cdef PageSymbol* _symbol(self, int i) except NULL
    cdef dict _header(self, Page* p)
    cdef int _n_symbols(self, Page* p)
    cdef void _unlock(self) noexcept
